"""Metrics of labels that may hold together; macro F1, average precision and AUROC serve them, too."""

from __future__ import annotations

import numpy as np

from trainwell.core.stats import Floats
from trainwell.score.metric import Statistic, function_of_means, mean_of, of_labels, ratio, share_of
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics


@metrics.register
@of_labels()
def subset_accuracy(prediction: Predictions) -> Statistic:
    """Share of examples whose labels are all right, none missing and none too many.

    Example:
        >>> subset_accuracy(Predictions("multilabel", np.array([[0.9, 0.2], [0.9, 0.2]]), np.array([[1, 0], [1, 1]])))
        0.5
    """
    return share_of(prediction.hit)


@metrics.register
@of_labels(higher_is_better=False)
def hamming_loss(prediction: Predictions) -> Statistic:
    """Share of the labels, over all examples, that are wrongly said or wrongly left out.

    Example:
        >>> hamming_loss(Predictions("multilabel", np.array([[0.9, 0.2], [0.9, 0.2]]), np.array([[1, 0], [1, 1]])))
        0.25
    """
    return mean_of((prediction.label != prediction.target).mean(axis=1))


@metrics.register
@of_labels()
def f1_micro(prediction: Predictions) -> Statistic:
    """F1 of all labels together: frequent labels count as often as they occur.

    Example:
        >>> f1_micro(Predictions("multilabel", np.array([[0.9, 0.2], [0.9, 0.2]]), np.array([[1, 0], [1, 1]])))
        0.8
    """
    said, true = prediction.label, prediction.target
    columns = np.stack([(said * true).sum(axis=1), said.sum(axis=1) + true.sum(axis=1)], axis=1).astype(np.float64)

    def finish(means: Floats) -> Floats:
        return ratio(2 * means[:, 0], means[:, 1])

    return function_of_means(columns, finish)
