"""Confusion matrix, ROC and precision-recall curves, calibration bins and residuals of predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from trainwell.core.seeds import draw_seed
from trainwell.core.stats import Floats, bootstrap_mean, wilson_interval
from trainwell.evaluate.evaluation import Bin, ClassScore, Curve, Residuals
from trainwell.score.metric import ratio
from trainwell.score.predictions import Array, Predictions
from trainwell.score.registry import metrics

#: Points kept of a curve: more than any screen shows.
MOST_POINTS = 200
#: Curves drawn for many classes.
MOST_CURVES = 10
#: Classes up to which a confusion matrix can be read.
MOST_CLASSES = 50
#: Points of the predicted-against-true plot.
MOST_DOTS = 500


def confusion(p: Predictions) -> Array:
    """Rows per true class (first axis) and predicted class, `(K, K)`.

    Example:
        >>> confusion(Predictions("classification", np.eye(2)[[0, 1, 1]], np.array([0, 0, 1]))).tolist()
        [[1, 1], [0, 1]]
    """
    k = p.n_out
    return np.bincount(p.target * k + p.label, minlength=k * k).reshape(k, k)


def most_frequent_mistakes(p: Predictions, most: int = 10) -> list[tuple[str, str, int]]:
    """The most frequent confusions: `(true, predicted, rows)`."""
    wrong = p.target != p.label
    pairs, counts = np.unique(np.stack([p.target[wrong], p.label[wrong]]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return [(p.names[pairs[0, i]], p.names[pairs[1, i]], int(counts[i])) for i in order]


def class_scores(p: Predictions) -> list[ClassScore]:
    """Precision, recall and F1 of each class."""
    k = p.n_out
    if p.task == "multilabel":
        hits, said, true = ((a * b).sum(axis=0).astype(float) for a, b in ((p.label, p.target), (p.label, 1), (p.target, 1)))
    else:
        hits = np.bincount(p.target, p.hit, minlength=k).astype(float)
        said, true = np.bincount(p.label, minlength=k).astype(float), np.bincount(p.target, minlength=k).astype(float)
    precision, f1 = ratio(hits, said, empty=np.nan), ratio(2 * hits, said + true, empty=np.nan)
    return [
        ClassScore(p.names[i], int(true[i]), float(precision[i]), wilson_interval(hits[i], int(true[i])), float(f1[i]))
        for i in range(k)
    ]


def roc_curves(p: Predictions) -> list[Curve]:
    """True-positive rate over false-positive rate, from the highest threshold down."""
    return _curves(p, "auroc", lambda hits, false: (false / max(false[-1], 1), hits / max(hits[-1], 1)))


def precision_recall_curves(p: Predictions) -> list[Curve]:
    """Precision over recall, from the highest threshold down."""
    return _curves(p, "average_precision", lambda hits, false: (hits / max(hits[-1], 1), hits / (hits + false)))


def _curves(p: Predictions, metric: str, axes: Callable[[Floats, Floats], tuple[Floats, Floats]]) -> list[Curve]:
    found = []
    for k in _classes_to_draw(p):
        score, positive = p.output[:, k], p.target[:, k] > 0 if p.task == "multilabel" else p.target == k
        x, y = axes(*_cumulated(score, positive))
        one = Predictions("classification", np.stack([1 - score, score], axis=1), positive.astype(np.int64))
        keep = _thinned(x, y)
        found.append(Curve(p.names[k], _rounded(x[keep]), _rounded(y[keep]), metrics[metric](one)))
    return found


def _classes_to_draw(p: Predictions) -> list[int]:
    several = p.task == "multilabel"
    counts = p.target.sum(axis=0) if several else np.bincount(p.target, minlength=p.n_out)
    if p.n_out == 2 and not several:
        return [1] if counts.all() else []
    return sorted(int(k) for k in np.argsort(-counts, kind="stable")[:MOST_CURVES] if 0 < counts[k] < len(p))


def _cumulated(score: Array, positive: Array) -> tuple[Floats, Floats]:
    """Hits and false alarms at each distinct threshold, from the highest down."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.r_[score[order][1:] != score[order][:-1], True])
    hits = np.cumsum(positive[order])[ends].astype(np.float64)
    return hits, ends + 1 - hits


def _thinned(x: Floats, y: Floats) -> Array:
    """At most `MOST_POINTS` positions, evenly along the curve's length, the ends included."""
    way = np.r_[0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y)))]
    wanted = np.linspace(0, way[-1], min(MOST_POINTS, len(x)))
    return np.unique(np.r_[0, np.searchsorted(way, wanted).clip(0, len(x) - 1), len(x) - 1])[-MOST_POINTS:]


def _rounded(values: Floats, digits: int = 5) -> list[float]:
    return [round(float(v), digits) for v in values]


def calibration_bins(p: Predictions, bins: int = 10) -> list[Bin]:
    """Promised against observed: of class 1 for two classes, of the most probable class for more, of all labels together.

    A model is calibrated when of the rows it calls 80% sure, 80% are right.
    """
    if p.task == "multilabel":
        sure, came = p.output.ravel().astype(np.float64), p.target.ravel().astype(np.float64)
    elif p.n_out == 2:
        sure, came = p.output[:, 1].astype(np.float64), (p.target == 1).astype(np.float64)
    else:
        sure, came = p.output.max(axis=1).astype(np.float64), (p.output.argmax(axis=1) == p.target).astype(np.float64)
    bin_of = np.clip((sure * bins).astype(np.int64), 0, bins - 1)
    n = np.bincount(bin_of, minlength=bins)
    promised, hits = np.bincount(bin_of, sure, minlength=bins), np.bincount(bin_of, came, minlength=bins)
    return [Bin(float(promised[b] / n[b]), wilson_interval(hits[b], int(n[b]))) for b in range(bins) if n[b]]


def value_bins(p: Predictions, bins: int = 10) -> list[Bin]:
    """Mean truth of rows with similar predictions, for the first target: on the diagonal when predictions are unbiased."""
    said, came = p.output[:, 0].astype(np.float64), p.target[:, 0].astype(np.float64)
    groups = np.array_split(np.argsort(said, kind="stable"), min(bins, len(p)))
    return [Bin(float(said[g].mean()), bootstrap_mean(came[g], resamples=500)) for g in groups if len(g)]


def residuals(p: Predictions, names: Sequence[str]) -> list[Residuals]:
    """Errors of each named target: spread, histogram, and dots of predicted against true."""
    rng = np.random.default_rng(draw_seed(0, "dots"))
    dots = np.sort(rng.choice(len(p), min(len(p), MOST_DOTS), replace=False))
    return [_residuals_of(name, p.error[:, t], p.target[dots, t], p.output[dots, t]) for t, name in enumerate(names)]


def _residuals_of(name: str, error: Floats, truth: Array, predicted: Array) -> Residuals:
    low, high = np.quantile(error, [0.005, 0.995])
    narrow = high - low <= 1e-6 * max(abs(low), abs(high))  # all errors alike: bins need some width
    half = 0.5 * (abs(high) or 1.0)
    counts, edges = np.histogram(error, bins=40, range=(low - half, high + half) if narrow else (low, high))
    return Residuals(
        name=name,
        mean=float(error.mean()),
        deviation=float(error.std()),
        quantiles=[float(q) for q in np.quantile(error, [0.05, 0.25, 0.5, 0.75, 0.95])],
        edges=[float(e) for e in edges],
        counts=[int(c) for c in counts],
        truth=[float(v) for v in truth],
        predicted=[float(v) for v in predicted],
    )
