"""A run is judged by what it would answer, on its own data and on other data."""

import numpy as np
import polars as pl
import pytest

import trainwell as tw
from trainwell.core.errors import DataError
from trainwell.data.load import load
from trainwell.evaluate.evaluation import Evaluation


def frame(n, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n) * spread
    y = np.where(x + 0.3 * rng.normal(size=n) > 0, "up", "down")
    return pl.DataFrame({"x": x, "z": rng.normal(size=n), "k": rng.choice(["a", "b", "c"], n), "y": y})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recipe = tw.Recipe(preset="quick", epochs=2, model="mlp")
    return tw.fit(recipe, load(frame(600, 0), "y"), folder=tmp_path_factory.mktemp("run"))


def test_its_own_test_rows_are_judged_and_kept(run):
    found = tw.evaluate(run, load(frame(600, 0), "y"))
    assert found.n == 120
    assert found.gap is not None
    assert found.fit is not None
    assert Evaluation.load(run.folder).scores == found.scores
    assert found.notes == []


def test_other_data_are_seen_through_the_runs_own_preparation(run):
    kept = (run.folder / "evaluation.json").read_text() if (run.folder / "evaluation.json").exists() else None
    other = frame(500, 1, spread=5.0)
    data = load(other, "y")
    found = tw.evaluate(run, data, baselines=False)
    answers = run.predict(other[data.rows["test"]].drop("y"))
    assert found.scores["accuracy"].value == (answers["prediction"] == other["y"][data.rows["test"]]).mean()
    assert "not the data of the training" in found.notes[0]
    assert ((run.folder / "evaluation.json").read_text() if kept else None) == kept


def test_labels_the_run_never_saw_are_left_out(run):
    other = frame(400, 2).with_columns(y=pl.when(pl.col("k") == "c").then(pl.lit("sideways")).otherwise(pl.col("y")))
    data = load(other, "y")
    known = (other["k"][data.rows["test"]] != "c").sum()
    assert tw.evaluate(run, data, baselines=False).n == known


def test_data_without_answers_cannot_be_judged(run):
    other = frame(300, 3).rename({"y": "w"})
    with pytest.raises(DataError, match="'y'"):
        tw.evaluate(run, load(other, "w"))
