"""A verdict is told no more often by chance than it says, keeps its coverage with few pairs, and knows its direction."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from trainwell.core.errors import RecipeError, UnknownName, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.stats import sign_flip_p
from trainwell.data.load import load
from trainwell.study.ablate import ablate
from trainwell.study.compare import aa_check, compare, judge, judge_many
from trainwell.study.cross_validate import cross_validate
from trainwell.study.learning_curve import learning_curve
from trainwell.study.power import detectable, fewest_pairs, pairs_needed
from trainwell.study.repeats import again, repeats
from trainwell.study.scores import score_runs
from trainwell.study.verdict import pair_interval
from trainwell.train.many import fit_orders

TINY = Recipe(model={"name": "mlp", "width": 8, "depth": 1}, epochs=2, batch_size=32, threads=1, compile="off")
scores = arrays.arrays(np.float64, st.integers(1, 10), elements=st.floats(0, 1))


@settings(deadline=None)
@given(scores, st.randoms(use_true_random=False))
def test_the_second_against_the_first_is_the_opposite(a: np.ndarray, random) -> None:
    b = a + np.array([random.choice([-0.1, 0.0, 0.1, 0.2]) for _ in a])
    forth = judge(a, b, higher_is_better=True)
    back = judge(b, a, higher_is_better=True)
    lower = judge(a, b, higher_is_better=False)
    opposite = {"helps": "hurts", "hurts": "helps", "cannot tell": "cannot tell"}
    assert forth.word == opposite[back.word] == opposite[lower.word]
    assert forth.p == back.p
    assert forth.difference.value == -back.difference.value


def test_p_under_relabelling_is_never_too_small() -> None:
    """Over all 2^8 ways to label the pairs of one recipe with itself, p <= x happens in a share of at most x."""
    d = np.random.default_rng(3).normal(size=8)
    p = np.array([sign_flip_p(d * signs) for signs in itertools.product([-1, 1], repeat=8)])
    for x in (0.01, 0.05, 0.1, 0.2, 0.5, 1.0):
        assert (p <= x).mean() <= x
        assert (p <= x).mean() >= x - 2 / 2**8


@pytest.mark.parametrize("n", [3, 4, 6, 10])
def test_limits_of_few_normal_pairs_cover_the_truth(n: int) -> None:
    draw = np.random.default_rng(n)
    found = [pair_interval(draw.normal(size=n)) for _ in range(500)]
    covered = np.mean([not interval.excludes(0.0) for interval in found])
    assert covered >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 500)


def test_limits_are_at_least_students() -> None:
    d = np.random.default_rng(0).exponential(size=7)
    low, high = stats.t.interval(0.95, 6, loc=d.mean(), scale=stats.sem(d))
    found = pair_interval(d)
    assert found.low <= low + 1e-12
    assert found.high >= high - 1e-12


def test_five_pairs_cannot_tell_whatever_they_show() -> None:
    found = judge([1.0] * 5, [0.0] * 5, higher_is_better=True)
    assert (found.word, found.p) == ("cannot tell", 1 / 16)
    assert "at least 6" in found.advice


def test_a_failed_run_is_worse_than_any_that_finished() -> None:
    a, b = np.full(8, np.nan), np.linspace(0.8, 0.9, 8)
    assert judge(a, b, higher_is_better=True).word == "hurts"
    assert judge(b, a, higher_is_better=False).word == "helps"
    assert judge(a, a, higher_is_better=True).word == "cannot tell"
    one = np.where(np.arange(8) == 3, np.nan, b + 0.1)
    found = judge(one, b, higher_is_better=True)
    assert (found.failed, found.difference.n, found.pairs) == ((1, 0), 7, 8)
    assert found.difference.value == pytest.approx(0.1)
    assert found.p == pytest.approx(2 * 9 / 2**8)  # none or one of eight equal differences against the rest
    assert "1 of 8 runs of a not finite" in str(found)


def test_unpaired_scores_are_refused() -> None:
    with pytest.raises(UsageError, match="not pairs"):
        judge([1.0, 2.0], [1.0], higher_is_better=True)


def test_many_verdicts_together_raise_few_false_alarms() -> None:
    draw = np.random.default_rng(5)
    alarms = 0
    for _ in range(40):
        base = draw.normal(size=8)
        pairs = {str(i): (base + draw.normal(size=8), base) for i in range(10)}
        alarms += any(v.word != "cannot tell" for v in judge_many(pairs, higher_is_better=True).values())
    assert alarms <= 40 * 0.05 + 3 * np.sqrt(40 * 0.05 * 0.95)


def test_together_p_is_never_smaller_than_alone() -> None:
    draw = np.random.default_rng(6)
    base = draw.normal(size=12)
    found = judge_many({str(i): (base + draw.normal(i / 2, 0.3, 12), base) for i in range(4)}, higher_is_better=True)
    assert all(v.p >= v.p_alone for v in found.values())
    assert found["3"].word == "helps"


@pytest.mark.parametrize(("effect", "deviation"), [(0.02, 0.01), (0.01, 0.02), (0.01, 0.05)])
def test_the_power_calculation_agrees_with_the_noncentral_t(effect: float, deviation: float) -> None:
    n = pairs_needed(effect, deviation)
    assert n is not None
    limit, away = stats.t.ppf(0.975, n - 1), effect / deviation * np.sqrt(n)
    power = stats.nct.sf(limit, n - 1, away) + stats.nct.cdf(-limit, n - 1, away)
    assert power >= 0.79
    assert power <= 0.85 or n == fewest_pairs()
    assert detectable(deviation, n) <= effect * (1 + 1e-9)


def test_the_fewest_pairs_are_those_whose_signs_can_reach_the_level() -> None:
    for alpha in (0.2, 0.05, 0.01, 0.001):
        n = fewest_pairs(alpha)
        assert sign_flip_p(np.ones(n)) <= alpha < sign_flip_p(np.ones(n - 1))


def test_a_recipe_against_itself_raises_as_many_alarms_as_allowed() -> None:
    draw = np.random.default_rng(7)
    paired = aa_check(draw.normal(size=8), draw.normal(size=8), higher_is_better=True)
    unpaired = aa_check(draw.normal(size=20), higher_is_better=True)
    assert paired.paired
    assert not unpaired.paired
    assert max(paired.rate, unpaired.rate) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert "5% are allowed" in str(paired)


def test_repeats_vary_split_and_seed_together_and_again_keeps_the_split() -> None:
    orders = repeats(TINY, 3, first=5)
    assert [(recipe.split.seed, seed) for recipe, seed in orders] == [(5, 5), (6, 6), (7, 7)]
    assert [r.split.seed for r, _ in again(orders)] == [5, 6, 7]
    assert not {seed for _, seed in again(orders)} & {seed for _, seed in orders}


def test_comparing_trains_pairs_once_and_equal_recipes_score_equally(tmp_path: Path) -> None:
    data, lines = load("iris"), []
    found = compare(TINY, TINY, data, repeats=6, folder=tmp_path, observers=[lambda row: bool(lines.append(row))])
    assert found.scores[0] == found.scores[1]
    assert (found.verdict.word, found.verdict.p, found.verdict.difference.value) == ("cannot tell", 1.0, 0.0)
    assert found.false_alarms is not None
    assert found.false_alarms.paired
    lines.clear()
    kept = compare(TINY, TINY, data, repeats=6, folder=tmp_path, observers=[lambda row: bool(lines.append(row))])
    assert not lines
    assert kept.scores == found.scores
    assert kept.to_dict()["verdict"]["word"] == "cannot tell"


def test_scores_kept_by_the_training_are_those_of_the_predictions() -> None:
    data = load("iris")
    runs = fit_orders(repeats(TINY, 2), data)
    kept = score_runs(runs, data, metric="accuracy")
    for run in runs:
        run.summary.pop("valid")
    assert score_runs(runs, data, metric="accuracy") == pytest.approx(kept)
    assert np.isfinite(score_runs(runs, data, metric="log_loss", part="test")).all()


@pytest.mark.parametrize("metric", ["acuracy", "rmse"])
@pytest.mark.parametrize("study", [lambda *a, **k: compare(a[0], *a, **k), ablate, cross_validate, learning_curve])
def test_a_metric_that_cannot_judge_is_refused_before_anything_is_trained(study, metric) -> None:
    heard: list[object] = []
    with pytest.raises((UnknownName, RecipeError), match="accuracy"):
        study(TINY, load("iris"), metric=metric, observers=[heard.append])
    assert not heard
