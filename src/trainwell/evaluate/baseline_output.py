"""The answers of a model that costs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainwell.score.predictions import Array


@dataclass(frozen=True)
class BaselineOutput:
    """The answers of one baseline.

    Args:
        name: as the report shows it.
        output: `(N, K)` probabilities, or `(N, T)` values in the target's own unit.
        seconds: to fit and predict.
        note: what was left out to keep it cheap.
        limits: of a forecast's interval, by step and channel: what is added for `low` and `high`.
    """

    name: str
    output: Array
    seconds: float
    note: str = ""
    limits: dict[str, list[float]] = field(default_factory=dict)
