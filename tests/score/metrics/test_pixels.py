"""Metrics of masks agree with scikit-learn on all pixels in a row, plain and under counts of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.score.scores import score_intervals

K = 4


def pixels(n: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True and said classes of 50 pixels of n pictures."""
    random = np.random.default_rng(seed)
    true = random.choice(K, (n, 50), p=[0.6, 0.2, 0.15, 0.05])
    return true, np.where(random.random((n, 50)) < 0.7, true, random.integers(0, K, (n, 50)))


def counted(true: np.ndarray, said: np.ndarray) -> Predictions:
    counts = np.stack([np.bincount(t * K + s, minlength=K * K) for t, s in zip(true, said, strict=True)])
    right = np.stack([np.bincount(t * K + t, minlength=K * K) for t in true])
    return Predictions("segmentation", counts, right, tuple("abcd"))


REFERENCES = {
    "mean_iou": lambda t, s: sk.jaccard_score(t, s, average="macro"),
    "mean_dice": lambda t, s: sk.f1_score(t, s, average="macro"),
    "pixel_accuracy": sk.accuracy_score,
}


@pytest.mark.parametrize("name", REFERENCES)
def test_metric_agrees_with_scikit_learn(name):
    true, said = pixels()
    p = counted(true, said)
    assert metrics[name](p) == pytest.approx(REFERENCES[name](true.ravel(), said.ravel()))
    counts = np.random.default_rng(2).multinomial(30, [1 / 30] * 30, size=3)
    again = [REFERENCES[name](true.repeat(w, axis=0).ravel(), said.repeat(w, axis=0).ravel()) for w in counts]
    assert metrics[name].statistic(p).weighted(counts.astype(float)) == pytest.approx(again)


def test_every_metric_of_masks_is_compared():
    assert {n for n in metrics.names() if "segmentation" in metrics[n].tasks} == set(REFERENCES)


def test_a_class_that_neither_occurs_nor_is_said_is_left_out():
    true, said = (np.where(x == 3, 0, x) for x in pixels())
    assert metrics["mean_iou"](counted(true, said)) == pytest.approx(
        sk.jaccard_score(true.ravel(), said.ravel(), average="macro")
    )


def test_what_is_known_of_predictions():
    p = counted(*pixels())
    assert p.n_out == K
    assert p.names == tuple("abcd")
    assert p.loss == pytest.approx((pixels()[0] != pixels()[1]).mean(axis=1))


def test_scores_have_intervals():
    found = score_intervals(counted(*pixels()), list(REFERENCES), resamples=200)
    assert all(i.low < i.value < i.high for i in found.values())
