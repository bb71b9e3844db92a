"""What calibration and threshold did, as plain data: before and after, each with its interval."""

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
