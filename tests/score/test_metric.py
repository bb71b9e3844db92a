"""Intervals of scores contain the truth, agree with row-by-row resampling, and cost little."""

import time

import numpy as np
import pytest

from trainwell.core.errors import DataError, RecipeError
from trainwell.score.defaults import report_metrics
from trainwell.score.metric import Statistic, intervals, mean_of, resampled, resamples_for, share_of
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.score.scores import score, score_intervals


def two_classes(n, seed=0, shift=1.5):
    rng = np.random.default_rng(seed)
    target = (rng.random(n) < 0.3).astype(int)
    z = rng.normal(size=n) + shift * target - 1.2
    p = 1 / (1 + np.exp(-z))
    return Predictions("classification", np.stack([1 - p, p], axis=1), target)


def test_resampling_by_counts_is_resampling_by_rows():
    p = two_classes(300)
    names = ["auroc", "f1", "log_loss", "matthews"]
    ours = resampled({n: metrics[n].statistic(p) for n in names}, resamples=1500)
    rng = np.random.default_rng(5)
    rows = [p.take(rng.integers(0, 300, 300)) for _ in range(1500)]
    for name in names:
        theirs = np.array([metrics[name](r) for r in rows])
        assert ours[name].mean() == pytest.approx(theirs.mean(), abs=5 * theirs.std() / 1500**0.5)
        assert ours[name].std() == pytest.approx(theirs.std(), rel=0.12)


def test_intervals_of_auroc_and_accuracy_contain_the_truth():
    truth = score(two_classes(400_000, seed=99), ["accuracy", "auroc"])
    found = [score_intervals(two_classes(250, seed=i), ["accuracy", "auroc"], resamples=300) for i in range(200)]
    for name, value in truth.items():
        covered = np.mean([not f[name].excludes(value) for f in found])
        assert 0.91 <= covered <= 0.99  # 200 tries at 95% have a standard error of 1.5 points


def test_calibration_error_has_an_interval_around_it_and_none_below_zero():
    found = score_intervals(two_classes(3000), ["ece"])["expected_calibration_error"]
    assert 0 <= found.low < found.value < found.high


def test_shares_are_honest_when_every_row_is_a_hit():
    p = Predictions("classification", np.eye(2)[[0] * 40], np.zeros(40, dtype=int))
    assert metrics["accuracy"].interval(p).low < 0.93
    assert intervals({"x": mean_of(np.zeros(40))})["x"].high == 0
    assert intervals({"x": share_of(np.zeros(40))})["x"].high > 0.05


def test_few_or_no_rows_give_a_number_or_nan_and_no_error():
    none = Predictions("regression", np.zeros((0, 1)), np.zeros((0, 1)))
    assert np.isnan(metrics["rmse"](none))
    one = Predictions("regression", np.ones(1), np.zeros(1))
    found = metrics["rmse"].interval(one)
    assert found.value == 1.0
    assert np.isnan(found.low)


def test_sixteen_thousand_rows_take_little_time():
    p = two_classes(16_281)
    names = report_metrics("classification", 2)
    started = time.process_time()
    found = score_intervals(p, names)
    assert time.process_time() - started < 6  # about 1.5 s on a quiet core; this guards against a loop over rows
    assert all(i.low <= i.value <= i.high for i in found.values())
    started = time.process_time()
    score(p, ["accuracy", "auroc", "log_loss"])
    assert time.process_time() - started < 0.1


def test_huge_parts_get_fewer_resamples():
    assert resamples_for(16_000) == 1000
    assert resamples_for(1_000_000) == 100
    assert resamples_for(1_000_000, 30) == 30


def test_same_seed_same_interval():
    p = two_classes(500)
    assert score_intervals(p, ["auroc"]) == score_intervals(p, ["auroc"])
    assert score_intervals(p, ["auroc"]) != score_intervals(p, ["auroc"], seed=1)


def test_metrics_of_another_task_are_refused():
    with pytest.raises(RecipeError, match=r"'rmse' does not fit classification.*accuracy"):
        score(two_classes(10), ["rmse"])


def test_better_follows_the_direction_and_nan_never_wins():
    assert metrics["accuracy"].better(0.9, 0.8)
    assert metrics["rmse"].better(0.8, 0.9)
    assert not metrics["rmse"].better(float("nan"), 0.9)
    assert repr(metrics["f1"]) == "Metric(f1)"


def test_defaults_are_registered():
    for task, n_out in [("classification", 2), ("classification", 12), ("regression", 1), ("multilabel", 3)]:
        names = report_metrics(task, n_out)
        assert all(task in metrics[n].tasks for n in names)


def test_predictions_refuse_shapes_that_do_not_belong_together():
    with pytest.raises(DataError, match="do not fit"):
        Predictions("classification", np.zeros((3, 2)), np.zeros(4, dtype=int))
    with pytest.raises(DataError, match="do not fit"):
        Predictions("regression", np.zeros((3, 2)), np.zeros((3, 1)))


def test_predictions_name_and_measure_each_row():
    p = Predictions("classification", np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([1, 1]))
    assert p.names == ("0", "1")
    assert p.hit.tolist() == [1, 0]
    assert p.loss == pytest.approx([-np.log(0.75), -np.log(np.finfo(np.float32).eps)])
    assert Predictions("regression", np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]])).loss.tolist() == [1.5]
    assert isinstance(metrics["accuracy"].statistic(p), Statistic)
    assert len(p.take(np.array([True, False]))) == 1


def test_perfect_scores_claim_no_certainty():
    target = np.array([0] * 40 + [1] * 40)
    even = Predictions("classification", np.eye(2)[target], target)
    found = score_intervals(even, ["accuracy", "balanced_accuracy", "f1", "auroc", "matthews", "log_loss"])
    assert found["balanced_accuracy"].low == pytest.approx(found["accuracy"].low)
    assert found["auroc"].low == pytest.approx(found["accuracy"].low)
    assert found["matthews"].low == pytest.approx(2 * found["accuracy"].low - 1)
    assert all(i.high == 1 for n, i in found.items() if n != "log_loss")
    rare = np.array([0] * 77 + [1] * 3)
    uneven = score_intervals(Predictions("classification", np.eye(2)[rare], rare), ["accuracy", "balanced_accuracy"])
    assert uneven["balanced_accuracy"].low < uneven["accuracy"].low
