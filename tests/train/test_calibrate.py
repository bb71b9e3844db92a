"""Calibration and thresholds: fitted on validation rows alone, kept with the run, used wherever it answers."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from trainwell.core.errors import CheckpointError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.evaluate.calibrate import calibrate
from trainwell.evaluate.evaluation import Evaluation
from trainwell.evaluate.run import evaluate
from trainwell.report.run import report
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.train.calibrate import Asked, decided
from trainwell.train.fit import fit
from trainwell.train.run import Run

RECIPE = Recipe(target="sick", preset="quick", model={"name": "mlp", "width": 16}, epochs=4, threads=1, doctor="off")


def patients(n=500, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 3)).round(3)
    sick = draw.random(n) < expit(2 * x[:, 0] - 2)
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "sick": np.where(sick, "yes", "no")})


def sure(n, factor, seed=0):
    """Predictions whose logits are `factor` times too large."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=n)
    came = (draw.random(n) < expit(logits)).astype(np.int64)
    p = expit(factor * logits)
    return Predictions("classification", np.stack([1 - p, p], 1), came)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_the_temperature_undoes_what_made_the_probabilities_wrong(factor):
    assert decided(Asked("temperature", 0.5), sure(20_000, factor))["temperature"] == pytest.approx(factor, rel=0.1)


def test_isotonic_calibration_undoes_any_rising_change():
    kept = decided(Asked("isotonic", 0.5), sure(20_000, 4.0))
    x, y = np.array(kept["steps"]).T
    assert np.abs(np.interp(expit(4.0 * np.linspace(-1, 1, 9)), x, y) - expit(np.linspace(-1, 1, 9))).max() < 0.06
    assert (np.diff(y) >= 0).all()
    assert y[0] > 0
    assert y[-1] < 1


def test_the_threshold_is_the_best_of_all():
    p = sure(400, 1.0)
    kept = decided(Asked("none", "f1"), p)
    scores = [metrics["f1"](Predictions("classification", np.eye(2)[(p.output[:, 1] >= t).astype(int)], p.target))
              for t in np.linspace(0.02, 0.98, 97)]  # fmt: skip
    assert max(s for _, s in kept["curve"]) >= max(scores) - 1e-6
    assert kept["for"] == "f1"


@pytest.fixture(scope="module")
def data():
    return load(patients(), target="sick")


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    recipe = RECIPE.but(threshold="f1", calibrate="temperature")
    return fit(recipe, data, folder=tmp_path_factory.mktemp("run") / "a")


def test_test_rows_decide_nothing(data, run):
    flipped = patients().with_columns(
        sick=pl.when(pl.Series(np.isin(np.arange(500), data.rows["test"]))).then(pl.lit("no")).otherwise("sick")
    )
    other = load(flipped, recipe=run.recipe.but(split__seed=0))
    same = all(np.array_equal(other.rows[part], data.rows[part]) for part in ("train", "valid"))
    if same:
        assert fit(run.recipe, other).summary["decision"] == run.summary["decision"]
    else:  # the split itself follows the labels: what is fitted is still a function of the validation rows alone
        again = decided(Asked.by(run.recipe), run.uncorrected(data, data.rows["valid"]))
        assert again == run.summary["decision"]


def test_a_run_opened_again_answers_with_its_decision(data, run):
    again, kept = Run.open(run.folder), run.summary["decision"]
    assert again.decision == run.decision
    rows = patients(40, seed=5).drop("sick")
    said = again.predict(rows)
    above = said["p_yes"].to_numpy() >= kept["thresholds"][0]
    assert np.array_equal(said["prediction"].to_numpy() == "yes", above)
    one = again.predict_row(rows.row(0, named=True))
    assert one[1] == pytest.approx(said["p_yes"][0], abs=1e-6)
    raw = again.uncorrected(data, data.rows["test"]).output
    assert np.allclose(run.decision.probabilities(raw), run.predictions(data, data.rows["test"]).output)


def test_the_evaluation_says_what_changed(data, run):
    found = evaluate(run, data, baselines=False)
    assert found.decided.metric == "f1"
    assert {c.metric for c in found.decided.changes} == {"expected_calibration_error", "log_loss", "f1"}
    assert Evaluation.from_dict(found.to_dict()).decided == found.decided
    page = report(run, data, found).read_text()
    assert "Before calibration" in page
    assert "the dashed line is the threshold used" in page


def test_a_trained_run_is_calibrated_and_taken_back(data, tmp_path):
    run = fit(RECIPE, data, folder=tmp_path / "b")
    before = run.predictions(data, data.rows["test"]).output
    found = calibrate(run, data, how="isotonic", threshold=0.3)
    assert (found.calibrate, found.threshold) == ("isotonic", 0.3)
    assert "calibrated on" in str(found)
    assert not np.allclose(Run.open(run.folder).predictions(data, data.rows["test"]).output, before)
    calibrate(run, data, how="none")
    assert np.array_equal(Run.open(run.folder).predictions(data, data.rows["test"]).output, before)
    with pytest.raises(CheckpointError, match="not the data"):
        calibrate(run, load(patients(seed=3), target="sick"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"threshold": "auroc"}, "no threshold changes"),
        ({"threshold": "f3"}, "no metric 'f3'"),
        ({"threshold": 1.5}, "no probability"),
        ({"threshold": "f1", "split__valid": 0.0}, "validation rows"),
        ({"calibrate": "temperature", "target": "a"}, "for classes"),
    ],
)
def test_what_cannot_be_decided_is_refused_before_training(data, changes, told):
    recipe = RECIPE.but(**changes)
    with pytest.raises(RecipeError, match=told):
        fit(recipe, data)


def test_more_than_two_classes_have_no_threshold():
    with pytest.raises(RecipeError, match="two classes"):
        fit(Recipe(threshold=0.3, epochs=1), load("iris"))


@pytest.mark.parametrize("task", ["multilabel", "ordinal"])
def test_labels_and_ranks_are_trained_predicted_and_reported(task, tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(240, 3)).round(3)
    if task == "multilabel":
        y = ["; ".join(n for n, v in zip("abc", row, strict=True) if v > 0.3) for row in x]
        recipe = Recipe(target="y", threshold="f1_micro", calibrate="temperature")
    else:
        y, recipe = np.digitize(x.sum(1), [-2, 0, 2]) + 1, Recipe(target="y", task="ordinal")
    recipe = recipe.but(preset="quick", epochs=20, lr=0.02, threads=1, model={"name": "mlp", "width": 16}, doctor="off")
    data = load(pl.DataFrame({"x": x[:, 0], "u": x[:, 1], "v": x[:, 2], "y": y}), recipe=recipe)
    run = fit(recipe, data, folder=tmp_path / "run")
    found = evaluate(run, data)
    first = next(iter(found.scores))
    assert first == {"multilabel": "average_precision", "ordinal": "quadratic_kappa"}[task]
    assert found.scores[first].value > found.baselines[-1].scores[first].value
    assert report(run, data, found).exists()
    said = Run.open(run.folder).predict(pl.DataFrame({"x": [2.0], "u": [2.0], "v": [2.0]}))
    assert said["prediction"][0] == {"multilabel": "a; b; c", "ordinal": "4"}[task]
