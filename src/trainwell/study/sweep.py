"""One value of a sweep, with everything that was measured of it; and the sweep."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval


@dataclass(frozen=True)
class Point:
    """One value of a sweep.

    Args:
        value: what was set.
        score: mean over the repeats with its interval.
        scores: one per repeat, NaN where a run became not finite.
        group: 0 for those that cannot be told from the best, 1 for those that cannot be told from the best of the rest, …
        parameters: trained numbers of the network.
        seconds: of forward and backward passes for the whole training of one network, on one CPU thread.
        dead: share of rectified units that are zero for every probe row after training; NaN without rectifiers.
        saturated: share of outputs of tanh and sigmoid on a flat end after training; NaN without them.
        gradient_start: norm of the gradient of each weight matrix before training, from the inputs to the output.
        gradient_end: the same after training.
    """

    value: Any
    score: Interval
    scores: list[float]
    group: int = 0
    parameters: int = 0
    seconds: float = 0.0
    dead: float = math.nan
    saturated: float = math.nan
    gradient_start: dict[str, float] = field(default_factory=dict)
    gradient_end: dict[str, float] = field(default_factory=dict)


def reach(gradient: dict[str, float]) -> float:
    """How much of the last layer's gradient reaches the first: 1 is even, far below 1 vanishes, far above explodes.

    Example:
        >>> reach({"first": 0.1, "middle": 3.0, "last": 2.0})
        0.05
    """
    norms = list(gradient.values())
    return norms[0] / norms[-1] if len(norms) > 1 and norms[-1] > 0 else math.nan


@dataclass(frozen=True)
class Sweep:
    """What is tried.

    Args:
        key: the recipe key.
        values: in order.
        recipes: one per value.
        own: the recipe's own value.
    """

    key: str
    values: list[Any]
    recipes: list[Recipe]
    own: Any
