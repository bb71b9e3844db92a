"""What is judged of a network that makes pictures beside its distances, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainwell.core.stats import Interval


@dataclass
class Making:
    """How good made pictures are, beside the distances.

    Args:
        real: what training pictures score in the place of made ones: the best that can be had with so many.
        taught: accuracy on real pictures of a classifier that saw only made ones; None without classes.
        taught_by_real: the same of a classifier that saw real training pictures.
    """

    real: dict[str, Interval] = field(default_factory=dict)
    taught: Interval | None = None
    taught_by_real: Interval | None = None
