"""Metrics that only forecasts have: in the columns' own unit, against the naive forecast, and of intervals."""

from __future__ import annotations

import numpy as np

from trainwell.core.errors import RecipeError
from trainwell.core.stats import Floats
from trainwell.score.metric import Statistic, mean_of, of_values, ratio
from trainwell.score.predictions import Ahead, Array, Predictions
from trainwell.score.registry import metrics


def _ahead(prediction: Predictions, metric: str) -> Ahead:
    if prediction.ahead is None:
        raise RecipeError(f"the metric {metric!r} is for forecasts", remedy="Choose another, or set series.horizon.")
    return prediction.ahead


def _steps(values: Array, ahead: Ahead) -> Array:
    """`(N, H * C)` as `(N, H, C)`."""
    return values.reshape(len(values), -1, ahead.spread.shape[1])


@metrics.register
@of_values()
def mase(prediction: Predictions) -> Statistic:
    """Mean absolute error over that of repeating the last season in the training steps: below 1 is better than that.

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy", International Journal of Forecasting 2006.

    Example:
        >>> one = np.ones((2, 1))
        >>> ahead = Ahead(centre=0 * one, spread=one, naive=2 * one)
        >>> mase(Predictions("regression", np.array([1.0, 3.0]), np.array([0.0, 0.0]), ahead=ahead))
        1.0
    """
    ahead = _ahead(prediction, "mase")
    return mean_of((_steps(np.abs(prediction.error), ahead) / ahead.naive[:, None]).mean(axis=(1, 2)))


@metrics.register
@of_values(in_unit=True)
def raw_mse(prediction: Predictions) -> Statistic:
    """Mean squared error of a forecast in the columns' own units.

    Example:
        >>> one = np.ones((1, 1))
        >>> raw_mse(Predictions("regression", one, 0 * one, ahead=Ahead(centre=0 * one, spread=3 * one, naive=one)))
        9.0
    """
    return mean_of((_raw_error(prediction, "raw_mse") ** 2).mean(axis=(1, 2)))


@metrics.register
@of_values(in_unit=True)
def raw_mae(prediction: Predictions) -> Statistic:
    """Mean absolute error of a forecast in the columns' own units.

    Example:
        >>> one = np.ones((1, 1))
        >>> raw_mae(Predictions("regression", one, 0 * one, ahead=Ahead(centre=0 * one, spread=3 * one, naive=one)))
        3.0
    """
    return mean_of(np.abs(_raw_error(prediction, "raw_mae")).mean(axis=(1, 2)))


def _raw_error(prediction: Predictions, metric: str) -> Floats:
    ahead = _ahead(prediction, metric)
    return np.asarray(_steps(prediction.error, ahead) * ahead.spread[:, None])


@metrics.register
@of_values(bounds=(0.0, 2.0))
def raw_smape(prediction: Predictions) -> Statistic:
    """Absolute error over the mean size of forecast and truth, in the columns' own units, between 0 and 2.

    Example:
        >>> one = np.ones((1, 1))
        >>> raw_smape(Predictions("regression", one, 0 * one, ahead=Ahead(centre=one, spread=2 * one, naive=one)))
        1.0
    """
    ahead = _ahead(prediction, "raw_smape")
    said, true = (
        _steps(v, ahead) * ahead.spread[:, None] + ahead.centre[:, None] for v in (prediction.output, prediction.target)
    )
    return mean_of(ratio(np.abs(said - true), (np.abs(said) + np.abs(true)) / 2).mean(axis=(1, 2)))


@metrics.register
@of_values(higher_is_better=True, bounds=(0.0, 1.0))
def coverage(prediction: Predictions) -> Statistic:
    """Share of the true values that lie in the forecast's interval, which promises 80%.

    Example:
        >>> one = np.ones((2, 1))
        >>> ahead = Ahead(centre=0 * one, spread=one, naive=one, low=-one[0], high=one[0])
        >>> coverage(Predictions("regression", np.zeros(2), np.array([0.5, 2.0]), ahead=ahead))
        0.5
    """
    low, high = _limits(prediction, "coverage")
    return mean_of(((prediction.target >= low) & (prediction.target <= high)).mean(axis=1))


@metrics.register
@of_values()
def pinball(prediction: Predictions) -> Statistic:
    """Quantile loss of the interval's two limits and of the forecast between them, averaged; scaled values.

    Source: Koenker and Bassett, "Regression quantiles", Econometrica 1978.

    Example:
        >>> one = np.ones((1, 1))
        >>> ahead = Ahead(centre=0 * one, spread=one, naive=one, low=-one[0], high=one[0])
        >>> round(pinball(Predictions("regression", np.zeros(1), np.zeros(1), ahead=ahead)), 4)
        0.0667
    """
    low, high = _limits(prediction, "pinball")
    losses = []
    for q, said in ((0.1, low), (0.5, prediction.output), (0.9, high)):
        short = prediction.target - said
        losses.append(np.maximum(q * short, (q - 1) * short).mean(axis=1))
    return mean_of(np.mean(losses, axis=0))


def _limits(prediction: Predictions, metric: str) -> tuple[Array, Array]:
    ahead = _ahead(prediction, metric)
    if ahead.low is None or ahead.high is None:
        raise RecipeError(f"the metric {metric!r} needs intervals", remedy="Train with validation steps, which set them.")
    return prediction.output + ahead.low, prediction.output + ahead.high
