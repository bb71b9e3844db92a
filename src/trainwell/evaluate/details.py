"""What an evaluation holds beside its scores, as plain data: of calibration, forecasts, made pictures and written texts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from trainwell.core.stats import Interval


@dataclass(frozen=True)
class Change:
    """One score before and after.

    Args:
        metric: its name.
        before: without calibration and with the threshold of a half.
        after: with both.
        better: how much better it became, paired on the same rows; below 0 it became worse.
    """

    metric: str
    before: Interval
    after: Interval
    better: Interval


@dataclass(frozen=True)
class Decided:
    """Calibration and threshold of a run, and what they do on the evaluated rows.

    Args:
        calibrate: none, temperature or isotonic.
        temperature: above 1 the network was too sure, below 1 not sure enough; 1 without one.
        rows: validation rows that they were fitted on.
        changes: scores before and after.
        bins: promised and observed shares before calibration; empty without one.
        threshold: of the second class or of each label; NaN where the half was left.
        metric: what the threshold makes best on validation rows; empty where it was given as a number.
        curve: `[threshold, metric on validation rows]`.
    """

    calibrate: str
    temperature: float
    rows: int
    changes: list[Change]
    bins: list[list[float]] = field(default_factory=list)
    threshold: float | None = None
    metric: str = ""
    curve: list[list[float]] = field(default_factory=list)

    @property
    def sentences(self) -> list[str]:
        """What was done and what it changed, one sentence each."""
        found = []
        if self.calibrate == "temperature":
            sure = "too sure" if self.temperature > 1 else "not sure enough"
            found.append(
                f"calibrated with temperature {self.temperature:.2f} ({sure} before), on {self.rows:,} validation rows"
            )
        elif self.calibrate == "isotonic":
            found.append(f"calibrated on {self.rows:,} validation rows by a rising line (isotonic regression)")
        if self.threshold is not None:
            why = f", the best {self.metric.replace('_', ' ')} on {self.rows:,} validation rows" if self.metric else ""
            found.append(f"threshold {self.threshold:.3f}{why}")
        for c in self.changes:
            d = c.after.decimals
            name = c.metric.replace("_", " ")
            gain = f"better by {c.better.value:+.{c.better.decimals}f} ({c.better.limits(sign=True)})"
            found.append(f"{name} {c.before.value:.{d}f} → {c.after.value:.{d}f}, {gain}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(self.sentences)


@dataclass(frozen=True)
class Continued:
    """One forecast beside what came, in the column's own unit.

    Args:
        name: series and column.
        time: the moment from which on it is forecast.
        past: the steps before it.
        truth: what came.
        forecast: what was said.
        low: lower limit of its interval; empty where there is none.
        high: upper limit.
    """

    name: str
    time: str
    past: list[float]
    truth: list[float]
    forecast: list[float]
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Future:
    """How a forecast fares with time.

    Args:
        by_step: name of the network or baseline → mean squared error of each step ahead, scaled.
        by_channel: column → mean squared error, scaled.
        examples: forecasts to look at: spread over the part, the last of them at its end.
        covered: share of the true values in the interval for each step ahead; empty where there is none.
    """

    by_step: dict[str, list[float]]
    by_channel: dict[str, float]
    examples: list[Continued]
    covered: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Way:
    """How pictures of one class were turned into ones of another.

    Args:
        source: the class that they were of.
        into: the class that they became.
        cycle: mean error of a pixel after turning them back, as a share of the way from black to white.
        seen: share in which a classifier of real pictures sees the class that was asked for.
        seen_before: the same share of the pictures as they were.
    """

    source: str
    into: str
    cycle: Interval
    seen: Interval
    seen_before: Interval

    @property
    def sentence(self) -> str:
        """What was measured of it."""
        return (
            f"{self.source} → {self.into}: a classifier of real pictures sees {self.into} in {self.seen} of them, and in"
            f" {self.seen_before.value:.3g} of them as they were; turned back, a pixel is off by {self.cycle} of the way from"
            " black to white"
        )


@dataclass
class Making:
    """How good made pictures are, beside the distances.

    Args:
        real: what training pictures score in the place of made ones: the best that can be had with so many.
        taught: accuracy on real pictures of a classifier that saw only made ones; None without classes.
        taught_by_real: the same of a classifier that saw real training pictures.
        ways: both ways of a network that turns pictures into others; empty for any other.
    """

    real: dict[str, Interval] = field(default_factory=dict)
    taught: Interval | None = None
    taught_by_real: Interval | None = None
    ways: list[Way] = field(default_factory=list)


@dataclass(frozen=True)
class Sample:
    """Text that the network wrote.

    Args:
        prompt: what it went on with; the judged text has it.
        text: what it wrote.
        seed: of the draws.
    """

    prompt: str
    text: str
    seed: int


@dataclass
class Writing:
    """How a language model fares along a window, and what it writes.

    Args:
        by_place: mean loss of the first, second, … token of a window: how much the tokens before it help.
        samples: texts that it wrote.
        temperature: of the samples.
        top_p: of the samples.
    """

    by_place: dict[str, list[float]]
    samples: list[Sample] = field(default_factory=list)
    temperature: float = 0.8
    top_p: float = 0.95
