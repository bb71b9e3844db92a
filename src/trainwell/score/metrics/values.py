"""Metrics of predicted numbers, in the target's own unit; several targets are averaged with the same weight for each."""

from __future__ import annotations

import numpy as np

from trainwell.core.stats import Floats
from trainwell.score.metric import Statistic, function_of_means, mean_of, of_values, ratio
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics


@metrics.register
@of_values(in_unit=True)
def rmse(prediction: Predictions) -> Statistic:
    """Root of the mean squared error: the typical size of an error, large ones counting more.

    Example:
        >>> rmse(Predictions("regression", np.array([3.0, 1.0]), np.array([0.0, 0.0]))) == 5**0.5
        True
    """
    return function_of_means(prediction.error**2, lambda m: np.asarray(np.sqrt(m).mean(axis=1)))


@metrics.register
@of_values(in_unit=True)
def mse(prediction: Predictions) -> Statistic:
    """Mean squared error.

    Example:
        >>> mse(Predictions("regression", np.array([3.0, 1.0]), np.array([0.0, 0.0])))
        5.0
    """
    return mean_of((prediction.error**2).mean(axis=1))


@metrics.register
@of_values(in_unit=True)
def mae(prediction: Predictions) -> Statistic:
    """Mean absolute error.

    Example:
        >>> mae(Predictions("regression", np.array([3.0, 1.0]), np.array([0.0, 0.0])))
        2.0
    """
    return mean_of(np.abs(prediction.error).mean(axis=1))


@metrics.register
@of_values(in_unit=True)
def medae(prediction: Predictions) -> Statistic:
    """Median absolute error: half of the errors are smaller.

    Example:
        >>> medae(Predictions("regression", np.array([3.0, 1.0, 9.0]), np.zeros(3)))
        3.0
    """
    size = np.abs(prediction.error)
    orders = np.argsort(size, axis=0, kind="stable")

    def weighted(w: Floats) -> Floats:
        return np.asarray(np.mean([_median(size[o, t], w[:, o]) for t, o in enumerate(orders.T)], axis=0))

    return Statistic(len(prediction), weighted)


def _median(ordered: Floats, w: Floats) -> Floats:
    """Medians of sorted values `(N,)` with counts `(R, N)`: `(R,)`; the mean of the middle two for an even number."""
    reached = np.cumsum(w, axis=1)
    half = reached[:, -1:] / 2
    lower, upper = (reached >= half).argmax(axis=1), (reached > half).argmax(axis=1)
    return np.asarray((ordered[lower] + ordered[upper]) / 2)


@metrics.register
@of_values(higher_is_better=True, bounds=(-float("inf"), 1.0))
def r2(prediction: Predictions) -> Statistic:
    """Share of the target's variance that is explained: 1 is perfect, 0 is no better than the mean, below is worse.

    Example:
        >>> r2(Predictions("regression", np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0])))
        0.5
    """
    y = prediction.target.astype(np.float64)
    y = y - y.mean(axis=0) if len(y) else y
    t = y.shape[1]

    def finish(m: Floats) -> Floats:
        left, spread = m[:, :t], m[:, 2 * t :] - m[:, t : 2 * t] ** 2
        share = np.divide(left, spread, out=(left > 0).astype(np.float64), where=spread > 0)
        return np.asarray((1 - share).mean(axis=1))

    return function_of_means(np.hstack([prediction.error**2, y, y**2]), finish)


@metrics.register
@of_values()
def mape(prediction: Predictions) -> Statistic:
    """Mean absolute error as a share of the true value; huge where true values are near 0.

    Example:
        >>> mape(Predictions("regression", np.array([11.0, 18.0]), np.array([10.0, 20.0])))
        0.1
    """
    size = np.maximum(np.abs(prediction.target), np.finfo(np.float64).eps)
    return mean_of((np.abs(prediction.error) / size).mean(axis=1))


@metrics.register
@of_values(bounds=(0.0, 2.0))
def smape(prediction: Predictions) -> Statistic:
    """Absolute error over the mean size of prediction and truth, between 0 and 2.

    Source: Makridakis, "Accuracy measures: theoretical and practical concerns", 1993.

    Example:
        >>> smape(Predictions("regression", np.array([3.0]), np.array([1.0])))
        1.0
    """
    size = (np.abs(prediction.target) + np.abs(prediction.output)) / 2
    error = np.abs(prediction.error)
    return mean_of(ratio(error, size).mean(axis=1))
