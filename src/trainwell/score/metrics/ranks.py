"""Metrics of classes in order: how many ranks a prediction is off. They look at codes, so the classes must stand in order."""

from __future__ import annotations

import numpy as np

from trainwell.core.stats import Floats
from trainwell.score.metric import Statistic, function_of_means, mean_of, of_classes, ratio
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics


@metrics.register
@of_classes(higher_is_better=False, bounds=(0.0, float("inf")))
def rank_mae(prediction: Predictions) -> Statistic:
    """Mean number of ranks between what is said and what is true.

    Example:
        >>> rank_mae(Predictions("classification", np.eye(3)[[0, 2]], np.array([0, 0])))
        1.0
    """
    return mean_of(np.abs(prediction.label - prediction.target).astype(np.float64))


@metrics.register
@of_classes(bounds=(-1.0, 1.0))
def quadratic_kappa(prediction: Predictions) -> Statistic:
    """Agreement beyond chance, in which an error of two ranks counts four times that of one.

    Source: Cohen, "Weighted kappa: nominal scale agreement provision for scaled disagreement or partial credit", 1968.

    Example:
        >>> quadratic_kappa(Predictions("classification", np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 2])))
        1.0
    """
    said, true = prediction.label.astype(np.float64), prediction.target.astype(np.float64)
    columns = np.stack([(said - true) ** 2, said**2 + true**2, said, true], axis=1)

    def finish(means: Floats) -> Floats:
        apart, squares, said, true = means.T
        chance = squares - 2 * said * true
        kappa: Floats = (1 - ratio(apart, chance, empty=1.0)).round(
            12
        ) + 0.0  # a constant answer is 0, without a rounding's sign
        return kappa

    return function_of_means(columns, finish)
