"""What training cost."""

from __future__ import annotations

from collections.abc import Sequence

from trainwell.train.run import Run


def seconds_of(runs: Sequence[Run]) -> float:
    """Seconds of training of several runs together; those of one stack have each their share of its time.

    Example:
        >>> from trainwell.core.recipe import Recipe
        >>> from trainwell.data.load import load
        >>> from trainwell.train.many import fit_many
        >>> runs = fit_many(Recipe(model="mlp", epochs=1), load("iris"), seeds=[0, 1])
        >>> 0 < seconds_of(runs) < 60
        True
    """
    return sum(float(run.summary.get("seconds", 0.0)) for run in runs)
