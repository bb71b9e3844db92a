"""Every metric agrees with scikit-learn, plain and under row weights."""

import numpy as np
import pytest
from sklearn import metrics as sk

from score.metrics.test_forecasts import NAMES as FORECASTS
from score.metrics.test_several import LABELS
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics


def classes(k, n=600, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    target = rng.choice(k, n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    logits = rng.normal(size=(n, k)) + 1.2 * np.eye(k)[target]
    logits = logits.round(0) if ties else logits
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Predictions("classification", p, target)


def values(t=1, n=500):
    rng = np.random.default_rng(1)
    target = rng.gamma(2.0, 3.0, size=(n, t))
    return Predictions("regression", target + rng.normal(size=(n, t)), target)


def ece(p, w):
    confidence, total = p.output.max(1), 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        total += abs((w * (p.hit - confidence))[inside].sum())
    return total / w.sum()


BINARY = {"average": "binary", "zero_division": 0}
MACRO = {"average": "macro", "zero_division": 0}
OF_TWO = {
    "auroc": lambda p, w: sk.roc_auc_score(p.target, p.output[:, 1], sample_weight=w),
    "average_precision": lambda p, w: sk.average_precision_score(p.target, p.output[:, 1], sample_weight=w),
    "precision": lambda p, w: sk.precision_score(p.target, p.label, sample_weight=w, **BINARY),
    "recall": lambda p, w: sk.recall_score(p.target, p.label, sample_weight=w, **BINARY),
    "f1": lambda p, w: sk.f1_score(p.target, p.label, sample_weight=w, **BINARY),
}
OF_MANY = {
    "auroc": lambda p, w: np.mean([sk.roc_auc_score(p.target == k, p.output[:, k], sample_weight=w) for k in range(p.n_out)]),
    "average_precision": lambda p, w: np.mean(
        [sk.average_precision_score(p.target == k, p.output[:, k], sample_weight=w) for k in range(p.n_out)]
    ),
    "precision": lambda p, w: sk.precision_score(p.target, p.label, sample_weight=w, **MACRO),
    "recall": lambda p, w: sk.recall_score(p.target, p.label, sample_weight=w, **MACRO),
    "f1": lambda p, w: sk.f1_score(p.target, p.label, sample_weight=w, **MACRO),
    "top_k_accuracy": lambda p, w: sk.top_k_accuracy_score(p.target, p.output, k=5, sample_weight=w, labels=range(p.n_out)),
}
OF_ANY = {
    "accuracy": lambda p, w: sk.accuracy_score(p.target, p.label, sample_weight=w),
    "balanced_accuracy": lambda p, w: sk.balanced_accuracy_score(p.target, p.label, sample_weight=w),
    "f1_macro": lambda p, w: sk.f1_score(p.target, p.label, average="macro", sample_weight=w),
    "f1_weighted": lambda p, w: sk.f1_score(p.target, p.label, average="weighted", sample_weight=w),
    "matthews": lambda p, w: sk.matthews_corrcoef(p.target, p.label, sample_weight=w),
    "cohen_kappa": lambda p, w: sk.cohen_kappa_score(p.target, p.label, sample_weight=w),
    "log_loss": lambda p, w: sk.log_loss(p.target, p.output, sample_weight=w, labels=range(p.n_out)),
    "brier": lambda p, w: np.average(
        ((p.output - np.eye(p.n_out)[p.target]) ** 2).sum(1) / (2 if p.n_out == 2 else 1), weights=w
    ),
    "expected_calibration_error": ece,
    "rank_mae": lambda p, w: sk.mean_absolute_error(p.target, p.label, sample_weight=w),
    "quadratic_kappa": lambda p, w: sk.cohen_kappa_score(p.target, p.label, weights="quadratic", sample_weight=w),
}
OF_VALUES = {
    "rmse": lambda p, w: sk.root_mean_squared_error(p.target, p.output, sample_weight=w),
    "mse": lambda p, w: sk.mean_squared_error(p.target, p.output, sample_weight=w),
    "mae": lambda p, w: sk.mean_absolute_error(p.target, p.output, sample_weight=w),
    "r2": lambda p, w: sk.r2_score(p.target, p.output, sample_weight=w),
    "mape": lambda p, w: sk.mean_absolute_percentage_error(p.target, p.output, sample_weight=w),
    "smape": lambda p, w: np.average(2 * np.abs(p.error) / (np.abs(p.target) + np.abs(p.output)), axis=0, weights=w).mean(),
    "medae": lambda p, w: np.median(np.repeat(np.abs(p.error), w.astype(int), axis=0), axis=0).mean(),
}
CASES = [
    *[(n, f, classes(2, ties=t)) for n, f in (OF_TWO | OF_ANY).items() for t in (False, True)],
    *[
        (n, f, classes(7, ties=t))
        for n, f in (OF_MANY | OF_ANY).items()
        for t in (False, True)
        if (n, t) != ("top_k_accuracy", True)
    ],
    *[(n, f, values(t)) for n, f in OF_VALUES.items() for t in (1, 3)],
]


@pytest.mark.parametrize(("name", "reference", "p"), CASES)
def test_metric_agrees_with_scikit_learn(name, reference, p):
    n = len(p)
    counts = np.random.default_rng(2).multinomial(n, [1 / n] * n, size=3).astype(float)
    assert metrics[name](p) == pytest.approx(reference(p, np.ones(n)), rel=1e-6)
    weighted = metrics[name].statistic(p).weighted(counts)
    assert weighted == pytest.approx([reference(p, w) for w in counts], rel=1e-6)


def test_every_metric_is_compared():
    # Those of made pictures, of running text and of masks: test_manifold.py, test_surprise.py, test_pixels.py.
    elsewhere = {n for n in metrics.names() if metrics[n].tasks in (("generation",), ("language",), ("segmentation",))}
    assert set(metrics.names()) - elsewhere == set(OF_TWO | OF_MANY | OF_ANY | OF_VALUES) | set(FORECASTS) | set(LABELS)


@pytest.mark.parametrize("name", [n for n in metrics.names() if "classification" in metrics[n].tasks])
def test_perfect_predictions_get_the_best_score(name):
    p = Predictions("classification", np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 2]))
    metric = metrics[name]
    best = metric.bounds[1] if metric.higher_is_better else metric.bounds[0]
    assert metric(p) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("name", [n for n in metrics.names() if "regression" in metrics[n].tasks and n not in FORECASTS])
def test_perfect_values_get_the_best_score(name):
    p = Predictions("regression", np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]))
    metric = metrics[name]
    assert metric(p) == (metric.bounds[1] if metric.higher_is_better else metric.bounds[0])


def test_classes_that_do_not_occur():
    p = Predictions("classification", np.eye(4)[[0, 1, 1]], np.array([0, 1, 0]))
    assert metrics["f1_macro"](p) == pytest.approx(sk.f1_score([0, 1, 0], [0, 1, 1], average="macro"))
    assert metrics["balanced_accuracy"](p) == pytest.approx(0.75)
    assert 0 < metrics["auroc"](p) < 1
    one = Predictions("classification", np.full((3, 2), 0.5), np.zeros(3, dtype=int))
    assert np.isnan(metrics["auroc"](one))
    assert metrics["f1"](one) == 0


def test_averages_of_f1_follow_scikit_learn():
    p = classes(4)
    for average in ("macro", "micro", "weighted"):
        assert metrics["f1"](p, average=average) == pytest.approx(sk.f1_score(p.target, p.label, average=average))


def test_constant_targets_do_not_divide_by_zero():
    p = Predictions("regression", np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    assert metrics["r2"](p) == 0.0
    assert metrics["smape"](Predictions("regression", np.zeros(2), np.zeros(2))) == 0.0


@pytest.mark.parametrize("name", ["auroc", "average_precision"])
@pytest.mark.parametrize(("k", "ties"), [(2, False), (2, True), (5, True)])
def test_the_straight_line_for_many_rows_spreads_like_exact_resampling(name, k, ties, monkeypatch):
    p = classes(k, n=1500, ties=ties)
    counts = np.random.default_rng(3).multinomial(1500, [1 / 1500] * 1500, size=400).astype(float)
    exact = metrics[name].statistic(p).weighted(counts)
    monkeypatch.setattr("trainwell.score.metrics.ranking.EXACT_ROWS", 0)
    linear = metrics[name].statistic(p)
    assert linear.value == pytest.approx(metrics[name](p), abs=1e-12)
    assert linear.weighted(counts).std() == pytest.approx(exact.std(), rel=0.03)
    assert np.corrcoef(linear.weighted(counts), exact)[0, 1] > 0.995
    assert np.isnan(metrics[name](Predictions("classification", np.full((3, 2), 0.5), np.zeros(3, dtype=int))))
