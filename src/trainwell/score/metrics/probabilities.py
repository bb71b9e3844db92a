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
    if prediction.task in ("language", "multilabel"):
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
@of_classes(higher_is_better=False, labels=True)
def expected_calibration_error(prediction: Predictions, *, bins: int = 15) -> Statistic:
    """Mean distance between confidence and accuracy over equal-width bins of confidence; of labels, of each one's probability.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, whose 15 bins are the default.

    Args:
        prediction: class probabilities.
        bins: number of equal-width bins between 0 and 1.

    Example:
        >>> sure = Predictions("classification", np.array([[0.75, 0.25]] * 4), np.array([0, 0, 0, 0]))
        >>> expected_calibration_error(sure)
        0.25
    """
    if prediction.task == "multilabel":
        confidence, came = prediction.output.astype(np.float64), prediction.target
    else:  # of the most probable class, whatever threshold makes the label
        confidence = prediction.output.max(axis=1, keepdims=True).astype(np.float64)
        came = (prediction.output.argmax(axis=1) == prediction.target)[:, None]
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    surplus, flat, cells = came - confidence, bin_of.ravel(), max(1, confidence.size)  # (N, 1), or (N, L)

    def weighted(w: Floats) -> Floats:
        each = ((row[:, None] * surplus).ravel() for row in w)
        return np.array([np.abs(np.bincount(flat, one, minlength=bins)).sum() / cells for one in each])

    return Statistic(len(prediction), weighted, centre=True)
