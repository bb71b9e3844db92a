"""Metrics of order: are the examples of a class ranked above the others, whatever the threshold.

With two classes they judge the second (code 1); with more, every class against the rest, averaged over the classes that
occur, and so with labels that may hold together. A thousand resamples share one sort: only the counts change.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trainwell.core.stats import Floats
from trainwell.score.metric import Statistic, of_classes, ratio
from trainwell.score.predictions import Array, Predictions
from trainwell.score.registry import metrics

#: Rows times classes up to which every resample is ranked anew; above, a straight line stands for the curve.
EXACT_ROWS = 8192


@metrics.register
@of_classes(labels=True)
def auroc(prediction: Predictions) -> Statistic:
    """Chance that an example of the class gets a higher score than one of another: area under the ROC curve.

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982. NaN when only one class occurs.

    Example:
        >>> p = np.array([0.1, 0.4, 0.35, 0.8])
        >>> auroc(Predictions("classification", np.stack([1 - p, p], axis=1), np.array([0, 0, 1, 1])))
        0.75
    """
    return _one_against_rest(prediction, _roc_area, _roc_slopes, sign=1)


@metrics.register
@of_classes(labels=True)
def average_precision(prediction: Predictions) -> Statistic:
    """Precision averaged over recall: area under the precision-recall curve, for classes that are rare.

    Example:
        >>> p = np.array([0.1, 0.4, 0.35, 0.8])
        >>> round(average_precision(Predictions("classification", np.stack([1 - p, p], axis=1), np.array([0, 0, 1, 1]))), 4)
        0.8333
    """
    return _one_against_rest(prediction, _precision_area, _precision_slopes, sign=-1)


class Ranking:
    """Rows of one class against the rest, sorted once by score.

    Args:
        score: `(N,)`, ascending is the order of the groups.
        positive: whether each row belongs to the class, `(N,)`.
    """

    def __init__(self, score: Array, positive: Array) -> None:
        self.order = np.argsort(score, kind="stable")
        ordered = score[self.order]
        self.positive, self.sorted_positive = positive, positive[self.order].astype(np.float64)
        self.starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self.group = np.empty(len(score), dtype=np.int64)
        self.group[self.order] = np.repeat(np.arange(len(self.starts)), np.diff(np.r_[self.starts, len(score)]))

    def counts(self, w: Floats) -> tuple[Floats, Floats]:
        """Counts of positives and of others per distinct score: each `(R, G)`."""
        w = np.take(w, self.order, axis=1)
        pos = w * self.sorted_positive
        neg = w - pos
        if len(self.starts) == len(self.order):
            return pos, neg
        return np.add.reduceat(pos, self.starts, axis=1), np.add.reduceat(neg, self.starts, axis=1)

    def plain_counts(self) -> tuple[Floats, Floats]:
        """The counts when every row counts once: each `(G,)`."""
        pos, neg = self.counts(np.ones((1, len(self.order))))
        return pos[0], neg[0]


Area = Callable[[Ranking, Floats], Floats]
Slopes = Callable[[Ranking], Floats]


def _one_against_rest(p: Predictions, area: Area, slopes: Slopes, *, sign: int) -> Statistic:
    several = p.task == "multilabel"
    classes = [1] if p.n_out == 2 and not several else range(p.n_out)
    rankings = [Ranking(sign * p.output[:, k], p.target[:, k] > 0 if several else p.target == k) for k in classes]
    if len(p) * len(rankings) > EXACT_ROWS:
        return _linear(len(p), rankings, area, slopes)

    def weighted(w: Floats) -> Floats:
        each = np.stack([area(r, w) for r in rankings])  # (classes, R)
        known = np.isfinite(each)
        return ratio(np.where(known, each, 0.0).sum(0), known.sum(0), empty=np.nan)

    return Statistic(len(p), weighted)


def _linear(n: int, rankings: list[Ranking], area: Area, slopes: Slopes) -> Statistic:
    """The mean area as value + counts x slopes: how it answers, to first order, when rows count more or less.

    For so many rows the rest is a small part of the interval, and all classes together cost one product.
    Source: Efron, "The jackknife, the bootstrap and other resampling plans" (infinitesimal jackknife), 1982; for the ROC area
    the slopes are the components of DeLong et al. 1988.
    """
    known = [r for r in rankings if 0 < r.positive.sum() < n]
    if not known:
        return Statistic(n, lambda w: np.full(len(w), np.nan))
    value = np.mean([area(r, np.ones((1, n)))[0] for r in known])
    slope = np.mean([slopes(r) for r in known], axis=0)
    return Statistic(n, lambda w: value + w @ slope)


def _roc_area(r: Ranking, w: Floats) -> Floats:
    """Share of (positive, negative) pairs in the right order; a tie counts half."""
    pos, neg = r.counts(w)
    below = np.cumsum(neg, axis=1) - neg / 2
    return ratio(np.einsum("rg,rg->r", pos, below), pos.sum(1) * neg.sum(1), empty=np.nan)


def _roc_slopes(r: Ranking) -> Floats:
    pos, neg = r.plain_counts()
    below = (np.cumsum(neg) - neg / 2) / neg.sum()
    above = (pos.sum() - np.cumsum(pos) + pos / 2) / pos.sum()
    area = pos @ below / pos.sum()
    slope: Floats = np.where(r.positive, (below[r.group] - area) / pos.sum(), (above[r.group] - area) / neg.sum())
    return slope


def _precision_area(r: Ranking, w: Floats) -> Floats:
    """Precision at each positive, from the highest score down, averaged."""
    pos, neg = r.counts(w)
    hits = np.cumsum(pos, axis=1)
    precision = ratio(hits, hits + np.cumsum(neg, axis=1))
    return ratio(np.einsum("rg,rg->r", pos, precision), pos.sum(1), empty=np.nan)


def _precision_slopes(r: Ranking) -> Floats:
    pos, neg = r.plain_counts()
    hits, called = np.cumsum(pos), np.cumsum(pos + neg)
    precision = hits / called
    later_hit = np.cumsum((pos / called)[::-1])[::-1]  # one more hit above lifts every precision below it
    later_call = np.cumsum((pos * precision / called)[::-1])[::-1]
    area = pos @ precision / pos.sum()
    own = np.where(r.positive, precision[r.group] + later_hit[r.group] - area, 0.0)
    slope: Floats = (own - later_call[r.group]) / pos.sum()
    return slope
