"""From a sweep to one sentence: the cheapest of those that cannot be told from the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainwell.core.errors import TrainingError
from trainwell.evaluate.evaluation import label
from trainwell.study.probe import NoiseScale
from trainwell.study.sweep import Point, Sweep

#: Shares of idle units that are worth a word.
MANY_DEAD, MANY_SATURATED = 0.3, 0.3

#: What is saved by a cheaper value, and how it is counted; choices without a cost are not here.
COSTS: dict[str, tuple[str, Callable[[Point], float]]] = {
    "depth": ("parameters", lambda p: p.parameters),
    "width": ("parameters", lambda p: p.parameters),
    "batch": ("seconds", lambda p: p.seconds),
}


def advised(
    topic: str, points: Sequence[Point], sweep: Sweep, *, metric: str, higher_is_better: bool, noise: Mapping[str, NoiseScale]
) -> tuple[Any, str]:
    """The value advised, and the sentence that says why.

    Among those tied with the best, the cheapest is taken where values differ in cost; else the recipe's own value if it is
    among them, and the best if it is not.

    Args:
        topic: what was swept.
        points: one per value.
        sweep: what was tried.
        metric: the score.
        higher_is_better: its direction.
        noise: gradient noise scales, for the batch.

    Raises:
        TrainingError: no value was trained to finite weights.
    """
    trained = [p for p in points if math.isfinite(p.score.value)]
    if not trained:
        remedy = "Lower learning_rate, or set clip_norm=1."
        raise TrainingError("every network of the sweep became NaN or infinite", remedy=remedy)
    sign = 1.0 if higher_is_better else -1.0
    best = max(trained, key=lambda p: sign * p.score.value)
    ties = [p for p in trained if p.group == best.group]
    chosen = _choose(topic, ties, best, sweep.own)
    said = [f"Take {sweep.key}={chosen.value}: {label(metric)} {chosen.score.text()}"]
    said += _beside(topic, chosen, best, ties, own=sweep.own)
    said += [f"{len(chosen.scores)} repeats tell none of the values tried apart"] if 1 < len(trained) == len(ties) else []
    said += _edge(topic, chosen, trained, ties)
    said += _idle(chosen)
    said += [f"the gradient noise scale is {noise['start']} before and {noise['end']} after training"] if noise else []
    return chosen.value, "; ".join(said) + "."


def _choose(topic: str, ties: Sequence[Point], best: Point, own: Any) -> Point:
    if topic in COSTS:
        return min(ties, key=COSTS[topic][1])
    return next((p for p in ties if p.value == own), best)


def _beside(topic: str, chosen: Point, best: Point, ties: Sequence[Point], *, own: Any) -> list[str]:
    if len(ties) == 1:
        return ["every other value tried is worse"]
    if chosen is best and topic not in COSTS:
        others = ", ".join(str(p.value) for p in ties if p is not chosen)
        return [f"it cannot be told from {others}" + (", and is what the recipe has" if chosen.value == own else "")]
    if chosen is best:
        return [f"it is the cheapest of {len(ties)} that cannot be told apart, and none scored better"]
    beaten = f"it cannot be told from the best ({best.value}: {best.score.value:.{best.score.decimals}f})"
    if topic not in COSTS:
        return [f"{beaten}, and is what the recipe has"]
    unit, cost = COSTS[topic]
    share = cost(chosen) / cost(best) if cost(best) else math.nan
    return [f"{beaten} and takes {share:.2g} times its {unit}"]


def _edge(topic: str, chosen: Point, trained: Sequence[Point], ties: Sequence[Point]) -> list[str]:
    """A best value at the end of the sweep says that the sweep should have gone on."""
    if topic == "activation" or len(ties) == len(trained):
        return []
    values = [p.value for p in trained]
    if chosen.value == max(values):
        return ["it is the largest tried, a larger one may be better"]
    low = min(values)
    return ["it is the smallest tried, a smaller one may do"] if chosen.value == low and low > 0 else []


def _idle(chosen: Point) -> list[str]:
    said = []
    if chosen.dead > MANY_DEAD:
        said.append(f"{chosen.dead:.0%} of its rectified units are dead")
    if chosen.saturated > MANY_SATURATED:
        said.append(f"{chosen.saturated:.0%} of its outputs of tanh or sigmoid lie on a flat end")
    return said
