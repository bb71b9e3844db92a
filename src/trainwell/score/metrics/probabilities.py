"""Metrics of the probabilities themselves: are they right, and do they mean what they say."""

from __future__ import annotations

import numpy as np

from trainwell.core.stats import Floats
from trainwell.score.metric import Statistic, mean_of, of_classes, of_likelihood
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics


@metrics.register
@of_likelihood
def log_loss(prediction: Predictions) -> Statistic:
    """Mean of minus the log of the probability given to the true class or token (cross-entropy, in nats).

    Probabilities are cut off at the precision of their type, as in scikit-learn: one certain mistake costs 16, not infinity.

    Example:
        >>> log_loss(Predictions("classification", np.full((3, 2), 0.5), np.array([0, 1, 1])))
        0.6931471805599453
    """
    if prediction.task == "language":
        return mean_of(prediction.loss)
    eps = np.finfo(np.float64 if prediction.output.dtype == np.float64 else np.float32).eps
    return mean_of(-np.log(np.clip(prediction.true_probability, eps, 1 - eps)))


@metrics.register
@of_classes(higher_is_better=False, bounds=(0.0, 2.0))
def brier(prediction: Predictions) -> Statistic:
    """Mean squared difference between the probabilities and what happened; with two classes, that of the second class.

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950.

    Example:
        >>> brier(Predictions("classification", np.full((2, 2), 0.5), np.array([0, 1])))
        0.25
    """
    p = prediction.output.astype(np.float64)
    each = (p**2).sum(1) - 2 * prediction.true_probability + 1
    return mean_of(each / 2 if prediction.n_out == 2 else each)


@metrics.register
@of_classes(higher_is_better=False)
def expected_calibration_error(prediction: Predictions, *, bins: int = 15) -> Statistic:
    """Mean distance between confidence and accuracy over equal-width bins of confidence.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, whose 15 bins are the default.

    Args:
        prediction: class probabilities.
        bins: number of equal-width bins between 0 and 1.

    Example:
        >>> sure = Predictions("classification", np.array([[0.75, 0.25]] * 4), np.array([0, 0, 0, 0]))
        >>> expected_calibration_error(sure)
        0.25
    """
    confidence = prediction.output.max(axis=1).astype(np.float64)
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    surplus = prediction.hit - confidence
    n = len(prediction)

    def weighted(w: Floats) -> Floats:
        return np.array([np.abs(np.bincount(bin_of, row * surplus, minlength=bins)).sum() / n for row in w])

    return Statistic(n, weighted, centre=True)
