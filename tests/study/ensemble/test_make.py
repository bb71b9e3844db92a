"""Ensembles: one is its member, more are their mean; what is unseen is unseen; they save, open, answer and are judged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from trainwell.core.errors import CheckpointError, TrainingError, UsageError
from trainwell.data.data import Data
from trainwell.evaluate.run import evaluate
from trainwell.study.ensemble.ensemble import Ensemble, open_any
from trainwell.study.ensemble.make import ensemble, team_of
from trainwell.study.ensemble.unseen import out_of_bag
from trainwell.train.fit import fit
from trainwell.train.many import fit_many

from .small import recipe, table


@pytest.fixture(scope="module")
def classes() -> Data:
    return table()


@pytest.fixture(scope="module")
def values() -> Data:
    return table(regression=True)


@pytest.mark.parametrize("regression", [False, True])
def test_one_alone_says_what_its_member_says_to_the_bit(classes, values, regression):
    data = values if regression else classes
    team, run = ensemble(recipe(), data, members=1), fit(recipe(), data)
    rows = data.rows["test"]
    assert np.array_equal(team.predictions(data, rows).output, run.predictions(data, rows).output)
    raw = data.source.frame.drop("y")[:5]
    assert team.predict(raw).equals(run.predict(raw))
    assert np.array_equal(team.predict_row(raw.row(0, named=True)), run.predict_row(raw.row(0, named=True)))
    assert evaluate(team, data, baselines=False).scores == evaluate(run, data, baselines=False).scores


@pytest.mark.parametrize("regression", [False, True])
def test_many_say_their_mean_in_the_targets_own_unit(classes, values, regression):
    data = values if regression else classes
    team = ensemble(recipe(), data, members=3, how="bagging")
    raw = data.source.frame.drop("y")[:20]
    first = "prediction" if regression else "p_low"
    mean = np.mean([m.predict(raw)[first].to_numpy() for m in team.members], axis=0)
    assert team.predict(raw)[first].to_numpy() == pytest.approx(mean, rel=1e-6)


def test_a_member_sees_rows_through_its_own_preparation(classes):
    team = ensemble(recipe(), classes, members=2, how="bagging")
    assert len({m.preparation.digest() for m in (*team.members, team)}) == 3
    rows = classes.rows["test"]
    through = np.mean([m.predict_arrays(_arrays(m, classes, rows)) for m in team.members], axis=0)
    assert team.predictions(classes, rows).output == pytest.approx(through)


def _arrays(member, data, rows):
    arrays = member.preparation.encode(data.source.frame[rows]).arrays
    return [arrays[name] for name in member.preparation.shape.names]


@pytest.mark.parametrize(
    ("how", "blend"), [("seeds", "greedy"), ("bagging", "average"), ("folds", "stacked"), ("snapshot", "average")]
)
def test_saved_and_opened_it_is_the_same_to_the_bit(classes, tmp_path: Path, how, blend):
    team = ensemble(recipe(epochs=2), classes, members=3, how=how, blend=blend, folder=tmp_path / "team")
    moved = Path(shutil.copytree(tmp_path / "team", tmp_path / "moved"))
    opened = open_any(moved)
    assert isinstance(opened, Ensemble)
    rows = classes.rows["test"]
    assert np.array_equal(opened.predictions(classes, rows).output, team.predictions(classes, rows).output)
    assert (opened.weights, opened.account, opened.making) == (team.weights, team.account, team.making)
    assert json.loads((moved / "ensemble.json").read_text())["how"] == how


def test_from_memory_it_is_saved_with_its_members(classes, tmp_path: Path):
    team = ensemble(recipe(epochs=1), classes, members=2)
    kept = team.save(tmp_path / "kept")
    rows = classes.rows["test"]
    assert np.array_equal(kept.predictions(classes, rows).output, team.predictions(classes, rows).output)
    assert all(member.folder.is_relative_to(tmp_path) for member in kept.members)


def test_called_again_nothing_is_trained_again(classes, tmp_path: Path):
    asked = {"members": 2, "how": "bagging", "folder": tmp_path}
    first = ensemble(recipe(epochs=1), classes, **asked)
    seen = []
    again = ensemble(recipe(epochs=1), classes, **asked, observers=[seen.append])
    rows = classes.rows["test"]
    assert np.array_equal(first.predictions(classes, rows).output, again.predictions(classes, rows).output)
    assert not [row for row in seen if row["split"] == "train"]


def test_out_of_bag_answers_come_only_from_members_that_did_not_see_the_row(classes):
    runs = fit_many([recipe(epochs=1).but(split__bag=b) for b in range(3)], classes)
    found = out_of_bag(runs, [1 / 3] * 3, classes, classes)
    views = [classes.under(run.recipe) for run in runs]
    outside = [np.isin(classes.rows["train"], view.rows["out_of_bag"]) for view in views]
    rows = classes.rows["train"][np.any(outside, axis=0)]
    assert len(found) == len(rows)
    row = rows[0]
    says = [run.predictions(view, np.array([row])).output[0] for run, view in zip(runs, views, strict=True)]
    mean = np.mean([says[i] for i in range(3) if row in views[i].rows["out_of_bag"]], axis=0)
    assert found.output[0] == pytest.approx(mean)


def test_out_of_bag_and_validation_scores_agree(classes):
    team = ensemble(recipe(epochs=6), classes, members=6, how="bagging")
    inside, outside = team.account.gain.team, team.account.unseen["accuracy"]
    assert outside.low <= inside.high
    assert inside.low <= outside.high


def test_folds_score_every_row_that_trains_or_chooses(classes):
    team = ensemble([recipe(epochs=1), recipe(epochs=6)], classes, members=3, how="folds", blend="stacked")
    assert team.account.unseen["accuracy"].n == len(classes.rows["train"]) + len(classes.rows["valid"])
    longer = sum(w for w, m in zip(team.weights, team.members, strict=True) if m.recipe.epochs == 6)
    assert longer > 0.5
    assert sum(team.weights) == pytest.approx(1)


def test_snapshots_follow_each_other_for_the_price_of_one(classes, tmp_path: Path):
    team = ensemble(recipe(epochs=6), classes, members=3, how="snapshot", folder=tmp_path)
    one = fit(recipe(epochs=6), classes)
    assert sum(m.plan.steps for m in team.members) <= one.plan.steps + 3
    starts = [m.recipe.init_from for m in team.members]
    assert starts == [None, *(str(m.folder) for m in team.members[:-1])]
    losses = [m.summary["valid"]["loss"] for m in team.members]
    assert losses[-1] < losses[0]


def test_an_average_beats_its_members_on_data_with_noise(values):
    team = ensemble(recipe(epochs=10), values, members=4)
    assert team.account.gain.difference.value > 0
    assert "better by" in repr(team)


def test_a_member_that_diverged_is_left_out_and_named(classes):
    good, bad = recipe(epochs=1), recipe(epochs=1, learning_rate=1e30, optimizer={"name": "sgd", "momentum": 0.0})
    team = ensemble([good, bad], classes, members=1)
    assert len(team) == 1
    assert "1 of 2 members became NaN or infinite" in repr(team)
    with pytest.raises(TrainingError, match="all 1 members"):
        ensemble(bad, classes, members=1)


def test_runs_that_exist_are_put_together(classes):
    runs = fit_many(recipe(epochs=2), classes, seeds=[0, 1])
    team = team_of(runs, classes, blend="stacked")
    assert team.making.how == "given"
    assert sum(team.weights) == pytest.approx(1)


WRONG = [
    ({"how": "magic"}, "no ensemble 'magic'"),
    ({"blend": "magic"}, "no blend 'magic'"),
    ({"members": 0}, "members=0"),
    ({"how": "folds", "members": 1}, "members=1"),
    ({"how": "boosting", "blend": "greedy"}, "boosting sums"),
    ({"how": "boosting", "rate": 0.0}, "rate=0"),
]


@pytest.mark.parametrize(("asked", "said"), WRONG)
def test_what_makes_no_sense_is_refused_before_training(classes, asked, said):
    with pytest.raises(UsageError, match=said):
        ensemble(recipe(), classes, **asked)


def test_weights_need_rows_to_be_chosen_on(classes):
    with pytest.raises(UsageError, match="needs rows"):
        ensemble(recipe(epochs=1, split={"valid": 0}), classes, members=2, blend="greedy")


def test_a_folder_that_holds_none_is_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match="no ensemble here"):
        Ensemble.open(tmp_path)
