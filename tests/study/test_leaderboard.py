"""Equal candidates are rarely told apart, better ones are, and the winner is scored on rows that did not choose it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.study.compare_runs import runs_in
from trainwell.study.leaderboard import leaderboard, leaderboard_of_runs, named_by_difference
from trainwell.study.scores import predictions_of
from trainwell.study.ties import tie_groups

TINY = Recipe(model={"name": "mlp", "width": 8, "depth": 1}, epochs=2, batch_size=32, threads=1, compile="off")


@pytest.mark.parametrize("candidates", [2, 6])
def test_equal_candidates_are_told_apart_as_rarely_as_allowed(candidates: int) -> None:
    draw, trials = np.random.default_rng(candidates), 150
    alarms = sum(any(tie_groups(draw.normal(size=(8, candidates)), higher_is_better=True)) for _ in range(trials))
    assert alarms / trials <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)


def test_groups_follow_the_truth_and_the_seeds_own_level_does_not_matter() -> None:
    draw = np.random.default_rng(0)
    scores = np.array([0.9, 0.9, 0.6, 0.3]) + draw.normal(0, 0.02, (8, 4))
    level = draw.normal(0, 10, (8, 1))
    assert tie_groups(scores, higher_is_better=True) == [0, 0, 1, 2]
    assert tie_groups(scores + level, higher_is_better=True) == [0, 0, 1, 2]
    assert tie_groups(-scores, higher_is_better=False) == [0, 0, 1, 2]


def test_a_noisy_candidate_does_not_hide_a_clear_difference_of_two_others() -> None:
    draw = np.random.default_rng(1)
    steady = draw.normal([0.9, 0.85], 0.01, (10, 2))
    wild = draw.normal(0.875, 0.2, (10, 1))
    groups = tie_groups(np.hstack([steady, wild]), higher_is_better=True)
    assert groups[0] < groups[1]


def test_failed_runs_come_last() -> None:
    scores = np.random.default_rng(2).normal(0.9, 0.01, (8, 3))
    scores[:, 2] = np.nan
    assert tie_groups(scores, higher_is_better=True)[2] > 0


def test_a_leaderboard_is_a_ranking_with_costs_and_a_score_that_nobody_chose_by(tmp_path: Path) -> None:
    data = load("iris")
    recipes = {"good": TINY.but(lr=0.03), "same": TINY.but(lr=0.029), "none": TINY.but(lr=1e-7)}
    found = leaderboard(recipes, data, repeats=6, metric="log_loss", folder=tmp_path)
    assert [place.name for place in found.places][-1] == "none"
    assert [place.group for place in found.places] == sorted(place.group for place in found.places)
    assert found.places[-1].group > 0
    assert found.places[-1].behind.excludes(0.0)
    assert found.places[0].behind is None
    assert {place.parameters for place in found.places} == {found.places[0].parameters}
    means = [place.mean.value for place in found.places]
    assert means == sorted(means)
    assert found.held_out.n == len(data.rows["test"])
    assert found.optimism == pytest.approx(found.held_out.value - means[0])
    assert found.false_alarms.paired
    assert str(found).count("test rows") == 1
    again = leaderboard_of_runs(runs_in(tmp_path), data, metric="log_loss")
    assert [place.scores for place in again.places] == [place.scores for place in found.places]
    assert again.held_out.value == pytest.approx(found.held_out.value)


def test_all_repeats_are_judged_on_the_same_test_rows() -> None:
    from trainwell.study.leaderboard import _orders
    from trainwell.train.many import fit_orders

    data = load("iris")
    runs = fit_orders(_orders(TINY, 3), data)
    targets = [predictions_of(run, data, "test").target for run in runs]
    assert all((target == targets[0]).all() for target in targets)
    rows = [data.under(run.recipe).rows for run in runs]
    assert all((own["test"] == data.rows["test"]).all() for own in rows)
    assert len({own["valid"].tobytes() for own in rows}) == 3


def test_recipes_are_named_by_what_tells_them_apart() -> None:
    named = named_by_difference([TINY, TINY.but(lr=0.1), TINY.but(model__width=4, lr=0.2)])
    found = [set(name.split(" ")) for name in named]
    assert found == [{"model.width=8"}, {"model.width=8", "learning_rate=0.1"}, {"model.width=4", "learning_rate=0.2"}]
    with pytest.raises(UsageError, match="the same"):
        named_by_difference([TINY, TINY])
    with pytest.raises(UsageError, match="at least two"):
        leaderboard([TINY], load("iris"))
