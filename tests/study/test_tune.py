"""Tuning from outside: what comes back, and what it honestly says."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from study.tuning.small import TINY, iris, table
from trainwell.core.errors import DataError, MissingExtra, RecipeError, UsageError
from trainwell.core.recipe_file import read_recipe
from trainwell.study.scores import score_runs
from trainwell.study.tune import FRESH, fresh_split, tune
from trainwell.study.tuning import sampling
from trainwell.study.tuning.brackets import shortened
from trainwell.train.fit import fit

RECIPE = TINY.but(target="y")
SPACE = {"learning_rate": "1e-3..1:log", "model.width": [2, 4]}


@pytest.fixture(scope="module")
def data():
    return table()


@pytest.fixture(scope="module")
def events() -> list[dict]:
    return []


@pytest.fixture(scope="module")
def tuned(data, events, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    return tune(RECIPE, data, SPACE, trials=6, batch=3, confirm=2, folder=folder, observers=[events.append])


def test_the_best_is_the_candidate_with_the_best_score(tuned):
    scores = tuned.trials["score"].to_list()
    assert tuned.score == max(scores) == scores[0]
    assert tuned.trials["number"][0] == tuned.number
    assert tuned.recipe is tuned.best
    assert tuned.best.learning_rate == tuned.params["learning_rate"]
    assert tuned.best.model.options["width"] == tuned.params["model.width"]


def test_the_best_recipe_trained_by_hand_has_the_same_score(tuned, data):
    run = fit(tuned.best, data, seed=0)
    assert score_runs([run], data, metric="accuracy")[0] == pytest.approx(tuned.score, abs=1e-6)


def test_what_is_saved_can_be_read_again(tuned):
    saved = json.loads((tuned.folder / "tuned.json").read_text())
    assert saved["params"] == dict(tuned.params)
    assert saved["score"] == tuned.score
    assert len(saved["trials"]) == 6
    assert read_recipe(tuned.folder / "best.yaml") == tuned.best
    assert "# best of 6 candidates" in (tuned.folder / "best.yaml").read_text()


def test_the_same_call_again_gives_the_same_and_trains_nothing(tuned, data):
    seen: list[dict] = []
    again = tune(RECIPE, data, SPACE, trials=6, batch=3, confirm=2, folder=tuned.folder, observers=[seen.append])
    assert again.to_dict() == tuned.to_dict()
    assert [e["split"] for e in seen] == ["trial"] * 6


def test_observers_hear_of_every_candidate_once(events):
    scored = [e for e in events if e["split"] == "trial"]
    assert sorted(e["number"] for e in scored) == list(range(6))
    assert [e["batch"] for e in events if e["split"] == "batch"] == [0, 1]


def test_luck_is_the_score_less_that_of_fresh_splits(tuned):
    fresh = tuned.fresh
    assert len(fresh.valid) == len(fresh.before) == 2
    assert fresh.optimism == pytest.approx(tuned.score - np.mean(fresh.valid))
    assert fresh.verdict.pairs == 2
    assert fresh.test.n == 18
    assert fresh.test_looks == 1
    assert "fresh splits" in tuned.reason
    assert "test rows" in tuned.reason


def test_fresh_splits_leave_the_test_rows_where_they_are(data):
    own = data.under(RECIPE)
    other = data.under(fresh_split(RECIPE, FRESH))
    assert own.rows["test"].tolist() == other.rows["test"].tolist()
    assert own.rows["valid"].tolist() != other.rows["valid"].tolist()


def test_a_grid_tries_everything_once(data):
    found = tune(RECIPE, data, {"lr": [0.01, 0.1], "model.depth": "0..2"}, method="grid", confirm=0)
    tried = set(found.trials.select("learning_rate", "model.depth").rows())
    assert tried == {(rate, depth) for rate in (0.01, 0.1) for depth in (0, 1, 2)}
    assert found.fresh is None


def test_halving_keeps_the_best_of_each_rung_and_ends_with_the_whole_budget(data):
    found = tune(RECIPE.but(epochs=9), data, SPACE, trials=9, method="random", prune="halving", confirm=0)
    rows = {row["number"]: row for row in found.trials.to_dicts()}
    assert [row["state"] for row in rows.values()].count("done") == 1
    assert rows[found.number]["state"] == "done"
    # by hand: the best three of nine after one epoch, the best of them after three
    alive = list(range(9))
    for share, keep in ((1 / 9, 3), (1 / 3, 1)):
        runs = [fit(shortened(_candidate(rows[i]), share), data, seed=0) for i in alive]
        scores = score_runs(runs, data, metric="accuracy")
        alive = [i for _, i in sorted(zip(-scores, alive, strict=True))[:keep]]
    assert alive == [found.number]
    assert found.best.epochs == 9


def _candidate(row):
    return RECIPE.but(epochs=9, learning_rate=row["learning_rate"], model__width=row["model.width"])


def test_halving_fills_its_last_batch(data):
    found = tune(RECIPE, data, SPACE, trials=5, batch=4, rungs=2, prune="hyperband", method="random", confirm=0)
    assert len(found.trials) == 4 + 3  # a bracket of four from the first rung, then ceil(4 * 2 / 1 / 3) from the second
    assert found.trials["state"].to_list().count("done") == 1 + 3


def test_folds_and_seeds_are_averaged(data):
    found = tune(RECIPE, data, {"lr": [0.1]}, method="grid", folds=2, seeds=2, confirm=0)
    recipes = [RECIPE.but(learning_rate=0.1, split__fold=f, split__folds=2) for f in range(2)]
    runs = [fit(recipe, data, seed=s) for recipe in recipes for s in range(2)]
    assert found.score == pytest.approx(score_runs(runs, data, metric="accuracy").mean(), abs=1e-6)


def test_a_score_that_falls_is_made_small():
    found = tune(TINY, iris(), {"lr": [0.001, 0.3]}, method="grid", metric="log_loss", confirm=0)
    assert found.score == found.trials["score"].min()
    assert not found.higher_is_better


def test_a_diverged_candidate_is_last_and_the_others_go_on(data):
    found = tune(RECIPE.but(optimizer="sgd"), data, {"lr": [1e30, 0.1]}, method="grid", confirm=0)
    assert found.params == {"learning_rate": 0.1}
    assert found.trials["score"].to_list()[1] == -math.inf
    saved = found.to_dict()
    assert saved["trials"][1]["score"] == -math.inf


def test_when_all_diverge_it_is_said(data):
    with pytest.raises(RecipeError, match="every candidate became not finite"):
        tune(RECIPE.but(optimizer="sgd"), data, {"lr": [1e30]}, method="grid", confirm=0)


def test_keys_alone_and_no_space_at_all_mean_the_usual_ranges(data):
    found = tune(RECIPE, data, ["learning_rate", "model.width"], trials=1, confirm=0)
    assert found.space == {"learning_rate": "0.0003..0.03:log", "model.width": "1..8"}
    assert set(tune(RECIPE, data, trials=1, confirm=0).space) >= {"learning_rate", "weight_decay", "model.dropout"}


def test_time_that_is_up_at_once_is_said(data):
    with pytest.raises(RecipeError, match="time was up"):
        tune(RECIPE, data, SPACE, time_limit=1e-9)


REFUSED = [
    ({"method": "tep"}, UsageError, "Did you mean tpe"),
    ({"prune": "half"}, UsageError, "halving"),
    ({"metric": "rmse"}, RecipeError, "does not fit classification"),
    ({"folds": 1}, UsageError, "folds"),
    ({"trials": 0}, UsageError, "trials"),
    ({"workers": 2}, UsageError, "folder"),
    ({"storage": "sqlite:///a.db"}, UsageError, "folder"),
    ({"name": "a/b"}, UsageError, "letters"),
]


@pytest.mark.parametrize(("wrong", "kind", "says"), REFUSED, ids=[str(r[0]) for r in REFUSED])
def test_wrong_wishes_are_refused(data, wrong, kind, says):
    with pytest.raises(kind, match=says):
        tune(RECIPE, data, SPACE, **wrong)


def test_a_database_that_is_not_there_is_one_sentence(data, tmp_path):
    for url in ("nosuchbase://x", f"sqlite:///{tmp_path}/no/folder/a.db"):
        with pytest.raises(UsageError, match="cannot be used"):
            tune(RECIPE, data, SPACE, folder=tmp_path / "study", storage=url)


def test_without_validation_rows_nothing_can_be_chosen(data):
    with pytest.raises(DataError, match="no validation rows"):
        tune(RECIPE.but(split__valid=0.0), data, SPACE)


def test_workers_cannot_read_data_from_memory(data, tmp_path):
    with pytest.raises(UsageError, match="from memory"):
        tune(RECIPE, data, SPACE, workers=2, folder=tmp_path)


def test_without_optuna_the_extra_is_named(data, monkeypatch):
    monkeypatch.setattr(sampling.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"trainwell\[tune\]"):
        tune(RECIPE, data, SPACE)


def test_importance_finds_the_key_that_matters(data, tmp_path):
    """A rate from useless to good decides everything; the validation interval decides nothing."""
    space = {"lr": "1e-6..1:log", "validate_every": [1, 2]}
    found = tune(RECIPE, data, space, trials=12, method="random", metric="log_loss", confirm=0, folder=tmp_path)
    assert found.importance["learning_rate"] > 0.7
    assert sum(found.importance.values()) == pytest.approx(1)


@pytest.mark.slow
def test_worker_processes_find_the_same_as_this_process(tmp_path):
    alone = tune(TINY, iris(), SPACE, trials=4, batch=2, parallel=2, confirm=0)
    seen: list[dict] = []
    crew = tune(TINY, iris(), SPACE, trials=4, batch=2, workers=2, confirm=0, folder=tmp_path, observers=[seen.append])
    assert crew.trials.drop("seconds").equals(alone.trials.drop("seconds"))
    assert sorted(e["number"] for e in seen) == [0, 1, 2, 3]
    assert replace(crew, trials=alone.trials, folder=None).to_dict() == alone.to_dict()
