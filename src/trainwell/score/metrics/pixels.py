"""Metrics of masks, from the pixels of each class that were said to be of each class.

Classes that neither occur nor are said are left out. N pictures, K classes, R resamples of the pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trainwell.core.stats import Floats
from trainwell.score.metric import Metric, Statistic, ratio
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics


def of_pixels(function: Callable[..., Statistic]) -> Metric:
    """Decorator: a metric of masks, of which more is better."""
    return Metric(function, higher_is_better=True, tasks=("segmentation",), bounds=(0.0, 1.0))


@metrics.register
@of_pixels
def mean_iou(prediction: Predictions) -> Statistic:
    """Intersection over union of what is said and what is true, of all pixels together, averaged over the classes.

    Source: Everingham et al., "The Pascal visual object classes challenge: a retrospective", IJCV 2015.

    Example:
        >>> mean_iou(Predictions("segmentation", np.array([[2, 1, 0, 1]]), np.array([[3, 0, 0, 1]])))  # 3 of 4 pixels right
        0.5833333333333333
    """
    return _averaged(prediction, lambda hits, either: ratio(hits, either - hits, empty=np.nan))


@metrics.register
@of_pixels
def mean_dice(prediction: Predictions) -> Statistic:
    """Dice coefficient, which is F1 over pixels, of all pixels together, averaged over the classes.

    Example:
        >>> round(mean_dice(Predictions("segmentation", np.array([[2, 1, 0, 1]]), np.array([[3, 0, 0, 1]]))), 4)
        0.7333
    """
    return _averaged(prediction, lambda hits, either: ratio(2 * hits, either, empty=np.nan))


@metrics.register
@of_pixels
def pixel_accuracy(prediction: Predictions) -> Statistic:
    """Share of the pixels whose class is said.

    Example:
        >>> pixel_accuracy(Predictions("segmentation", np.array([[2, 1, 0, 1]]), np.array([[3, 0, 0, 1]])))
        0.75
    """
    counts = pixel_counts(prediction)
    right, all_of_them = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
    return Statistic(len(counts), lambda w: ratio(w @ right, w @ all_of_them))


def pixel_counts(prediction: Predictions) -> Floats:
    """The pixels of each true class (second axis) that were said to be of each class (third axis), `(N, K, K)`."""
    n, k = len(prediction), prediction.n_out
    return np.asarray(prediction.output, np.float64).reshape(n, k, k)


def _averaged(prediction: Predictions, finish: Callable[[Floats, Floats], Floats]) -> Statistic:
    """The mean over the classes of `finish(hits (R, K), said and true pixels together (R, K))`."""
    counts = pixel_counts(prediction)
    hits, either = np.diagonal(counts, axis1=1, axis2=2), counts.sum(axis=1) + counts.sum(axis=2)

    def weighted(w: Floats) -> Floats:
        each = finish(w @ hits, w @ either)  # (R, K)
        return np.asarray(np.nanmean(each, axis=1))

    return Statistic(len(counts), weighted)
