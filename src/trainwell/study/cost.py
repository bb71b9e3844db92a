"""What training cost: those of one stack share their seconds."""

from __future__ import annotations

from collections.abc import Sequence

from trainwell.train.run import Run


def seconds_of(runs: Sequence[Run]) -> float:
    """Seconds of training of several runs together; runs of one stack were trained at the same time.

    Example:
        >>> from trainwell.core.recipe import Recipe
        >>> from trainwell.data.load import load
        >>> from trainwell.train.many import fit_many
        >>> runs = fit_many(Recipe(model="mlp", epochs=1), load("iris"), seeds=[0, 1])
        >>> 0 < seconds_of(runs) < 60
        True
    """
    each: dict[str, float] = {}
    for number, run in enumerate(runs):
        stack = run.plan.machine.stack or f"alone {number}"
        each[stack] = max(each.get(stack, 0.0), float(run.summary.get("seconds", 0.0)))
    return sum(each.values())
