"""An evaluation of known predictions says what is known about them, and survives the way to disk and back."""

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError
from trainwell.data.load import load
from trainwell.evaluate.evaluation import Evaluation, label
from trainwell.evaluate.judge import evaluate_predictions
from trainwell.score.predictions import Predictions


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 3000
    x, city = rng.normal(size=(n, 3)).round(3), rng.choice(["Oslo", "Rome", "Lima"], n)
    noise = np.where(city == "Lima", 3.0, 0.6) * rng.normal(size=n)
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "city": city})
    z = x[:, 0] + np.abs(x[:, 1]) + noise - 0.8
    return frame.with_columns(label=pl.Series(np.where(z > 0, "yes", "no")), amount=pl.Series(100 + 10 * z))


@pytest.fixture(scope="module")
def classes(table):
    return load(table.drop("amount"), "label")


@pytest.fixture(scope="module")
def values(table):
    return load(table.drop("label"), "amount")


def truth(data, part):
    target = data.arrays["target"][data.rows[part]]
    return data.preparation.decode_values(target) if data.task == "regression" else target


def sure_of(data, part, share, seed=0):
    """Predictions that are right on about `share` of the rows."""
    target = truth(data, part)
    right = np.random.default_rng(seed).random(len(target)) < share
    p = np.where(right, 0.8, 0.3)[:, None]
    return Predictions("classification", np.where(np.arange(2) == target[:, None], p, 1 - p), target, data.classes)


def test_a_good_network_beats_the_baselines_and_a_bad_one_is_told_so(classes, tmp_path):
    good = evaluate_predictions(sure_of(classes, "test", 0.97), classes, cache=tmp_path)
    assert {b.name for b in good.baselines} == {"most frequent class", "logistic regression", "gradient-boosted trees"}
    assert good.gap.judgement == "better"
    assert good.gap.difference.low > 0
    assert good.gap.sentence.startswith(f"beats the best free baseline ({good.baselines[0].name}) by 0.")
    bad = evaluate_predictions(sure_of(classes, "test", 0.5), classes, cache=tmp_path)
    assert bad.gap.judgement == "worse"
    assert "use that instead" in bad.gap.sentence
    same = Predictions("classification", *_best_baseline(classes, tmp_path), classes.classes)
    assert evaluate_predictions(same, classes, cache=tmp_path).gap.judgement == "unclear"


def _best_baseline(data, cache):
    from trainwell.evaluate.baselines import run_baselines
    from trainwell.score.registry import metrics

    fitted = run_baselines(data, "test", cache=cache)
    best = max(fitted, key=lambda f: metrics["accuracy"](Predictions("classification", f.output, truth(data, "test"))))
    return best.output, truth(data, "test")


def test_values_are_judged_in_their_own_unit(values):
    target = truth(values, "test")
    off = Predictions("regression", target + 5.0, target)
    found = evaluate_predictions(off, values)
    assert found.primary == "rmse"
    assert found.scores["rmse"].value == pytest.approx(5.0)
    assert found.scores["mae"].value == pytest.approx(5.0)
    assert found.gap.judgement == "better"
    assert found.gap.difference.value > 0
    assert found.baselines[0].scores["rmse"].value < found.baselines[-1].scores["rmse"].value
    (residual,) = found.residuals
    assert residual.mean == pytest.approx(5.0)
    assert residual.name == "amount"
    assert sum(residual.counts) >= 0.98 * found.n
    assert found.names == ["amount"]


def test_overfit_underfit_and_balanced_are_told_apart(classes, tmp_path):
    def judged(train_share, test_share):
        test, train = sure_of(classes, "test", test_share), sure_of(classes, "train", train_share, seed=1)
        return evaluate_predictions(test, classes, train=train, cache=tmp_path).fit

    assert judged(0.99, 0.85).judgement == "overfit"
    assert judged(0.6, 0.6).judgement == "underfit"
    fine = judged(0.9, 0.9)
    assert fine.judgement == "balanced"
    assert not fine.difference.excludes(0)
    assert "test rows" in fine.sentence


def test_it_survives_the_way_to_disk_and_back(classes, values, tmp_path):
    for data in (classes, values):
        target = truth(data, "test")
        p = sure_of(data, "test", 0.8) if data is classes else Predictions("regression", target * 1.01, target)
        found = evaluate_predictions(p, data, train=p)
        found.save(tmp_path)
        again = Evaluation.load(tmp_path)
        assert again.to_dict() == found.to_dict()
        assert again.verdict == found.verdict
        assert str(again) == str(found)


def test_without_baselines_nothing_is_fitted(classes):
    found = evaluate_predictions(sure_of(classes, "valid", 0.8), classes, "valid", baselines=False)
    assert found.gap is None
    assert found.baselines == []
    assert found.verdict.startswith("accuracy 0.")


def test_confusion_and_classes_add_up(classes):
    p = sure_of(classes, "test", 0.8)
    found = evaluate_predictions(p, classes, baselines=False)
    assert np.sum(found.confusion) == found.n == len(p)
    assert np.trace(found.confusion) / found.n == found.scores["accuracy"].value
    assert [c.n for c in found.per_class] == np.bincount(p.target).tolist()
    assert found.per_class[1].recall.value == pytest.approx(found.scores["recall"].value)
    assert sum(n for _, _, n in found.mistakes) == (p.hit == 0).sum()
    assert found.roc[0].area == pytest.approx(found.scores["auroc"].value)


def test_worst_rows_are_real_rows_of_the_source(classes):
    p = sure_of(classes, "test", 0.8)
    found = evaluate_predictions(p, classes, baselines=False)
    losses = [e.loss for e in found.worst]
    assert losses == sorted(losses, reverse=True)
    for example in found.worst:
        assert classes.source.frame["label"][example.row] == example.target != example.prediction
        assert example.cells["city"] == classes.source.frame["city"][example.row]
        assert "label" not in example.cells


def test_predictions_that_do_not_belong_are_refused(classes):
    p = sure_of(classes, "test", 0.8)
    with pytest.raises(DataError, match="do not fit"):
        evaluate_predictions(p.take(np.arange(5)), classes)
    with pytest.raises(DataError, match="no other rows"):
        evaluate_predictions(p, classes, "other")
    broken = Predictions("classification", np.where(np.arange(len(p))[:, None] == 7, np.nan, p.output), p.target)
    with pytest.raises(DataError, match=f"row {classes.rows['test'][7]}"):
        evaluate_predictions(broken, classes)


def test_labels_read_like_prose():
    assert label("rmse") == "RMSE"
    assert label("balanced_accuracy") == "balanced accuracy"
