"""Metrics of labels that may hold together agree with scikit-learn, plain and under row weights."""

import numpy as np
import pytest
from sklearn import metrics as sk

from trainwell.score.decision import Decision
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.score.scores import score_intervals


def labels(n=300, k=4, seed=0, thresholds=()):
    rng = np.random.default_rng(seed)
    target = (rng.random((n, k)) < np.linspace(0.1, 0.6, k)).astype(np.float32)
    output = 1 / (1 + np.exp(-rng.normal(size=(n, k)) - 2 * (target - 0.5)))
    return Predictions("multilabel", output, target, tuple("abcd"[:k]), decision=Decision(thresholds=thresholds))


def ece(p, w):
    said, came, w = p.output.ravel(), p.target.ravel(), np.repeat(w, p.n_out)
    total = 0.0
    for low in np.arange(15) / 15:
        inside = (said > low) & (said <= low + 1 / 15)
        total += abs((w * (came - said))[inside].sum())
    return total / w.sum()


def each(score):
    return lambda p, w: np.mean([score(p.target[:, k], p.output[:, k], sample_weight=w) for k in range(p.n_out)])


LABELS = {
    "subset_accuracy": lambda p, w: sk.accuracy_score(p.target, p.label, sample_weight=w),
    "hamming_loss": lambda p, w: sk.hamming_loss(p.target, p.label, sample_weight=w),
    "f1_micro": lambda p, w: sk.f1_score(p.target, p.label, average="micro", sample_weight=w),
}
SHARED = {
    "f1_macro": lambda p, w: sk.f1_score(p.target, p.label, average="macro", sample_weight=w),
    "average_precision": each(sk.average_precision_score),
    "auroc": each(sk.roc_auc_score),
    "log_loss": each(sk.log_loss),
    "expected_calibration_error": ece,
}


@pytest.mark.parametrize("thresholds", [(), (0.3,), (0.2, 0.4, 0.5, 0.7)])
@pytest.mark.parametrize(("name", "reference"), (LABELS | SHARED).items())
def test_metric_agrees_with_scikit_learn(name, reference, thresholds):
    p = labels(thresholds=thresholds)
    counts = np.random.default_rng(2).multinomial(len(p), [1 / len(p)] * len(p), size=2).astype(float)
    assert metrics[name](p) == pytest.approx(reference(p, np.ones(len(p))), rel=1e-5)
    assert metrics[name].statistic(p).weighted(counts) == pytest.approx([reference(p, w) for w in counts], rel=1e-5)


def test_every_metric_of_labels_is_compared():
    assert {n for n in metrics.names() if "multilabel" in metrics[n].tasks} == set(LABELS | SHARED)


def test_a_label_that_no_row_has_does_not_spoil_the_average():
    p = labels()
    empty = Predictions("multilabel", p.output, p.target * np.array([1, 1, 1, 0]), p.classes)
    assert 0 < metrics["average_precision"](empty) < 1


def test_scores_have_intervals():
    found = score_intervals(labels(), ["f1_micro", "subset_accuracy"], resamples=200)
    assert all(i.low < i.value < i.high for i in found.values())
