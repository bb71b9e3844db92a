"""What is judged of a network that makes pictures beside its distances, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainwell.core.stats import Interval


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
