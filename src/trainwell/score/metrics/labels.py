"""Metrics of the most probable class: accuracy and what a confusion matrix tells.

With two classes, precision, recall and F1 are those of the second class in the order of `classes` (code 1), as in
scikit-learn; with more they are averaged over classes. Classes that neither occur nor are predicted are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from trainwell.core.stats import Floats
from trainwell.score.metric import Statistic, of_classes, ratio, share_of
from trainwell.score.predictions import Array, Predictions
from trainwell.score.registry import metrics

#: Up to so many classes a product with one-hot columns counts faster than one pass per resample.
MATRIX_CLASSES = 32
Average = Literal["auto", "binary", "macro", "weighted", "micro"]


Counts = tuple[Floats, Floats, Floats]


def class_counter(p: Predictions) -> Callable[[Floats], Counts]:
    """Row counts `(R, N)` → hits, predicted and true examples of each class, each `(R, K)`."""
    k = p.n_out
    if p.task == "multilabel":
        columns = np.hstack([p.label * p.target, p.label, p.target]).astype(np.float64)
        return lambda w: _thirds(w @ columns, k)
    if k <= MATRIX_CLASSES:
        one_hot = np.eye(k)
        columns = np.hstack([one_hot[p.target] * p.hit[:, None], one_hot[p.label], one_hot[p.target]])
        return lambda w: _thirds(w @ columns, k)

    def counts(codes: Array, weights: Floats) -> Floats:
        return np.stack([np.bincount(codes, row, minlength=k) for row in weights])

    return lambda w: (counts(p.target, w * p.hit), counts(p.label, w), counts(p.target, w))


def _thirds(sums: Floats, k: int) -> Counts:
    return sums[:, :k], sums[:, k : 2 * k], sums[:, 2 * k :]


def _averaged(p: Predictions, average: Average, per_class: str) -> Statistic:
    """Precision, recall or F1 from class counts: `per_class` says which."""
    if average == "auto":
        average = "binary" if p.n_out == 2 else "macro"
    count = class_counter(p)

    def weighted(w: Floats) -> Floats:
        hits, said, true = count(w)
        if average == "micro":
            return ratio(hits.sum(1), said.sum(1))
        bottom = {"precision": said, "recall": true, "f1": (said + true) / 2}[per_class]
        if average == "binary":
            return ratio(hits[:, 1], bottom[:, 1])
        score = ratio(hits, bottom)
        weight = true if average == "weighted" else ((said + true) > 0).astype(np.float64)
        return ratio((score * weight).sum(1), weight.sum(1))

    return Statistic(len(p), weighted)


@metrics.register
@of_classes()
def accuracy(prediction: Predictions) -> Statistic:
    """Share of examples whose most probable class is the true one.

    Example:
        >>> accuracy(Predictions("classification", np.eye(3), np.array([0, 1, 1])))
        0.6666666666666666
    """
    return share_of(prediction.hit)


@metrics.register
@of_classes()
def top_k_accuracy(prediction: Predictions, *, k: int = 5) -> Statistic:
    """Share of examples whose true class is among the k most probable ones.

    Args:
        prediction: class probabilities.
        k: how many guesses count.

    Example:
        >>> top_k_accuracy(Predictions("classification", np.array([[0.5, 0.3, 0.2]]), np.array([1])), k=2)
        1.0
    """
    better = (prediction.output > prediction.true_probability.astype(prediction.output.dtype)[:, None]).sum(axis=1)
    return share_of((better < k).astype(np.float64))


@metrics.register
@of_classes()
def balanced_accuracy(prediction: Predictions) -> Statistic:
    """Mean over classes of the share found: what accuracy would be if all classes were equally frequent.

    Example:
        >>> balanced_accuracy(Predictions("classification", np.eye(2)[[0, 0, 0, 0]], np.array([0, 0, 0, 1])))
        0.5
    """
    count = class_counter(prediction)

    def weighted(w: Floats) -> Floats:
        hits, _, true = count(w)
        return ratio(ratio(hits, true).sum(1), (true > 0).sum(1))

    return Statistic(len(prediction), weighted)


@metrics.register
@of_classes()
def precision(prediction: Predictions, *, average: Average = "auto") -> Statistic:
    """Share of the examples called a class that belong to it.

    Args:
        prediction: class probabilities.
        average: `auto` is the second class of two, else `macro` (all classes alike); `weighted` by frequency.

    Example:
        >>> precision(Predictions("classification", np.eye(2)[[1, 1]], np.array([0, 1])))
        0.5
    """
    return _averaged(prediction, average, "precision")


@metrics.register
@of_classes()
def recall(prediction: Predictions, *, average: Average = "auto") -> Statistic:
    """Share of the examples of a class that are called it.

    Args:
        prediction: class probabilities.
        average: `auto` is the second class of two, else `macro` (all classes alike); `weighted` by frequency.

    Example:
        >>> recall(Predictions("classification", np.eye(2)[[0, 1]], np.array([1, 1])))
        0.5
    """
    return _averaged(prediction, average, "recall")


@metrics.register
@of_classes()
def f1(prediction: Predictions, *, average: Average = "auto") -> Statistic:
    """Harmonic mean of precision and recall.

    Args:
        prediction: class probabilities.
        average: `auto` is the second class of two, else `macro` (all classes alike); `weighted` by frequency.

    Example:
        >>> f1(Predictions("classification", np.eye(2)[[1, 1, 1]], np.array([0, 1, 1])))
        0.8
    """
    return _averaged(prediction, average, "f1")


@metrics.register
@of_classes(labels=True)
def f1_macro(prediction: Predictions) -> Statistic:
    """F1 of every class or label, averaged with the same weight for each.

    Example:
        >>> f1_macro(Predictions("classification", np.eye(2), np.array([0, 1])))
        1.0
    """
    return _averaged(prediction, "macro", "f1")


@metrics.register
@of_classes()
def f1_weighted(prediction: Predictions) -> Statistic:
    """F1 of every class, averaged by how frequent each is.

    Example:
        >>> f1_weighted(Predictions("classification", np.eye(2), np.array([0, 1])))
        1.0
    """
    return _averaged(prediction, "weighted", "f1")


@metrics.register
@of_classes(bounds=(-1.0, 1.0))
def matthews(prediction: Predictions) -> Statistic:
    """Matthews correlation of predicted and true classes: 0 for guessing, whatever the class sizes.

    Source: Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.

    Example:
        >>> matthews(Predictions("classification", np.eye(2)[[0, 1, 0, 1]], np.array([0, 1, 1, 0])))
        0.0
    """
    count = class_counter(prediction)

    def weighted(w: Floats) -> Floats:
        hits, said, true = count(w)
        n = said.sum(1)
        top = hits.sum(1) * n - (said * true).sum(1)
        bottom = np.sqrt((n**2 - (said**2).sum(1)) * (n**2 - (true**2).sum(1)))
        return ratio(top, bottom)

    return Statistic(len(prediction), weighted)


@metrics.register
@of_classes(bounds=(-1.0, 1.0))
def cohen_kappa(prediction: Predictions) -> Statistic:
    """Agreement of predicted and true classes beyond what their frequencies give by chance.

    Source: Cohen, "A coefficient of agreement for nominal scales", 1960.

    Example:
        >>> cohen_kappa(Predictions("classification", np.eye(2)[[0, 1, 0, 1]], np.array([0, 1, 1, 0])))
        0.0
    """
    count = class_counter(prediction)

    def weighted(w: Floats) -> Floats:
        hits, said, true = count(w)
        n = said.sum(1)
        chance = (said * true).sum(1) / n**2
        return ratio(hits.sum(1) / n - chance, 1 - chance)

    return Statistic(len(prediction), weighted)
