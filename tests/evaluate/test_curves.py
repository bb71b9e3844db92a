"""Curves agree with scikit-learn and stay small enough for a page."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from trainwell.evaluate.curves import (
    calibration_bins,
    most_frequent_mistakes,
    precision_recall_curves,
    residuals,
    roc_curves,
    value_bins,
)
from trainwell.score.predictions import Predictions


def two_classes(n=5000, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 2, n).round(3)
    return Predictions("classification", np.stack([1 - p, p], axis=1), (rng.random(n) < p).astype(int), ("no", "yes"))


def test_curves_lie_on_those_of_scikit_learn():
    p = two_classes()
    (roc,), (pr,) = roc_curves(p), precision_recall_curves(p)
    fpr, tpr, _ = roc_curve(p.target, p.output[:, 1], drop_intermediate=False)
    known = set(zip(fpr.round(5), tpr.round(5), strict=True))
    assert all((x, y) in known for x, y in zip(roc.x, roc.y, strict=True))
    precision, recall, _ = precision_recall_curve(p.target, p.output[:, 1])
    known = set(zip(recall.round(5), precision.round(5), strict=True))
    assert all((x, y) in known for x, y in zip(pr.x, pr.y, strict=True))
    for curve in (roc, pr):
        assert len(curve.x) <= 200
        assert curve.name == "yes"
        assert (np.diff(curve.x) >= 0).all()
    assert (roc.x[-1], roc.y[-1], pr.x[-1]) == (1.0, 1.0, 1.0)


def test_many_classes_get_a_curve_each_and_absent_ones_none():
    target = np.array([0, 1, 2, 0, 1, 2] * 10)
    output = np.random.default_rng(0).dirichlet(np.ones(4), 60)
    assert [c.name for c in roc_curves(Predictions("classification", output, target))] == ["0", "1", "2"]
    alone = Predictions("classification", np.full((5, 2), 0.5), np.ones(5, dtype=int))
    assert roc_curves(alone) == precision_recall_curves(alone) == []


def test_what_is_calibrated_looks_calibrated():
    bins = calibration_bins(two_classes(50_000))
    outside = sum(b.observed.excludes(b.predicted) for b in bins)
    assert outside <= 2
    assert sum(b.observed.n for b in bins) == 50_000
    sure = Predictions("classification", np.full((400, 3), [0.8, 0.1, 0.1]), np.array([0, 1] * 200))
    (only,) = calibration_bins(sure)
    assert only.predicted == pytest.approx(0.8)
    assert only.observed.value == 0.5


def test_mistakes_are_counted():
    p = Predictions("classification", np.eye(3)[[1, 1, 1, 2, 0]], np.array([0, 0, 1, 1, 0]), ("a", "b", "c"))
    assert most_frequent_mistakes(p) == [("a", "b", 2), ("b", "c", 1)]
    assert most_frequent_mistakes(p.take(np.array([2]))) == []


def test_values_in_bins_lie_on_the_diagonal_when_unbiased():
    rng = np.random.default_rng(0)
    said = rng.normal(size=3000)
    bins = value_bins(Predictions("regression", said, said + rng.normal(size=3000)))
    assert len(bins) == 10
    assert sum(b.observed.excludes(b.predicted) for b in bins) <= 2


def test_residuals_of_exact_predictions():
    (found,) = residuals(Predictions("regression", np.arange(5.0), np.arange(5.0)), ["x"])
    assert found.mean == found.deviation == 0
    assert sum(found.counts) == 5
    assert found.name == "x"
    assert found.truth == found.predicted == [0, 1, 2, 3, 4]
