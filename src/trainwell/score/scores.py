"""Many metrics of the same predictions at once: one set of resamples gives every interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trainwell.core.errors import RecipeError
from trainwell.core.stats import Interval, wilson_interval
from trainwell.score.metric import Metric, Statistic, intervals
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics


def metrics_for(prediction: Predictions, names: Sequence[str]) -> dict[str, Metric]:
    """The metrics of those names, in order, under their own names.

    Raises:
        UnknownName: for a name nobody registered.
        RecipeError: for a metric of another task.
    """
    found = {metrics[n].__name__: metrics[n] for n in names}
    for name, metric in found.items():
        if prediction.task not in metric.tasks:
            fitting = ", ".join(n for n in metrics.names() if prediction.task in metrics[n].tasks)
            raise RecipeError(f"the metric {name!r} does not fit {prediction.task}", remedy=f"Choose from: {fitting}.")
    return found


def statistics_of(prediction: Predictions, names: Sequence[str]) -> dict[str, Statistic]:
    """The statistic of each named metric, by its own name."""
    return {name: metric.statistic(prediction) for name, metric in metrics_for(prediction, names).items()}


def score(prediction: Predictions, names: Sequence[str]) -> dict[str, float]:
    """The named metrics as plain numbers: what a validation during training costs.

    Example:
        >>> import numpy as np
        >>> score(Predictions("regression", np.array([1.0, 4.0]), np.array([0.0, 0.0])), ["mae", "mse"])
        {'mae': 2.5, 'mse': 8.5}
    """
    return {name: metric(prediction) for name, metric in metrics_for(prediction, names).items()}


def score_intervals(
    prediction: Predictions, names: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """The named metrics, each with its 95% interval.

    Args:
        prediction: outputs and targets.
        names: of metrics.
        resamples: of the bootstrap.
        seed: of the resampling.

    Example:
        >>> import numpy as np
        >>> p = Predictions("classification", np.eye(2)[[0] * 80 + [1] * 20], np.zeros(100, dtype=int))
        >>> print(score_intervals(p, ["accuracy"])["accuracy"])
        0.80 (95% CI 0.71 to 0.87, n=100)
    """
    known = metrics_for(prediction, names)
    statistics = {n: m.statistic(prediction) for n, m in known.items()}
    found = intervals(statistics, resamples=resamples, seed=seed, groups=prediction.groups)
    return {n: _not_certain(found[n], m, prediction).within(*m.bounds) for n, m in known.items()}


def _not_certain(found: Interval, metric: Metric, prediction: Predictions) -> Interval:
    """Open the interval of a perfect score, which every resample repeats, as far as unseen mistakes could be.

    The limit is Wilson's for no mistake in (classes x rows of the rarest class): one mistake there moves the averages over
    classes that much. For classes of the same size it is the limit of the accuracy.
    """
    worst, best = metric.bounds if metric.higher_is_better else metric.bounds[::-1]
    if prediction.task != "classification" or not found.low == found.high == best or not math.isfinite(worst):
        return found
    counts = np.bincount(prediction.target)
    rows = int(counts[counts > 0].min() * (counts > 0).sum())
    limit = best + (worst - best) * (1 - wilson_interval(rows, rows).low)
    return replace(found, low=min(limit, best), high=max(limit, best))
