"""Proposals are pure functions, and are Optuna's own for the same seed and results."""

from __future__ import annotations

import math

import optuna
import pytest

from trainwell.core.errors import RecipeError
from trainwell.core.recipe import Recipe
from trainwell.study.tuning.sampling import Trial, number_seed, propose, quiet
from trainwell.study.tuning.space import read_space

MIXED = read_space(
    {"lr": "1e-4..1e-1:log", "model.width": "8..64:log", "model.dropout": "0..0.5:step=0.1", "model.activation": "relu,tanh"},
    Recipe(model="mlp"),
)


def scored(n: int, *, open_ones: int = 0) -> list[Trial]:
    """Random candidates whose score is best at a rate of 0.01, the last ones without a score yet."""
    found = []
    for number in range(n + open_ones):
        params = propose(MIXED, "random", number=number, seed=7)
        score = abs(math.log10(params["learning_rate"]) + 2)
        found.append(Trial(number, params, "done", score) if number < n else Trial(number, params))
    return found


def by_hand(method: str, seen: list[Trial], *, number: int, seed: int) -> dict:
    """What Optuna proposes after the same results, asked in its own words."""
    own = number_seed(seed, number)
    samplers = {
        "random": lambda: optuna.samplers.RandomSampler(seed=own),
        "tpe": lambda: optuna.samplers.TPESampler(seed=own, multivariate=True, constant_liar=True),
        "gp": lambda: optuna.samplers.GPSampler(seed=own),
    }
    study = optuna.create_study(sampler=samplers[method]())
    space = {
        "learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True),
        "model.width": optuna.distributions.IntDistribution(8, 64, log=True),
        "model.dropout": optuna.distributions.FloatDistribution(0, 0.5, step=0.1),
        "model.activation": optuna.distributions.CategoricalDistribution(["relu", "tanh"]),
    }
    for t in seen:
        state = optuna.trial.TrialState.COMPLETE if t.state == "done" else optuna.trial.TrialState.RUNNING
        study.add_trial(optuna.create_trial(params=t.params, distributions=space, value=t.score, state=state))
    trial = study.ask()
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        "model.width": trial.suggest_int("model.width", 8, 64, log=True),
        "model.dropout": trial.suggest_float("model.dropout", 0, 0.5, step=0.1),
        "model.activation": trial.suggest_categorical("model.activation", ["relu", "tanh"]),
    }


@pytest.mark.parametrize("method", ["random", "tpe", "gp"])
@pytest.mark.parametrize("results", [0, 14])
def test_proposals_are_optunas_for_the_same_seed_and_results(method, results):
    seen = scored(results, open_ones=3)
    number = len(seen)
    with quiet():
        expected = by_hand(method, seen, number=number, seed=3)
    assert propose(MIXED, method, number=number, seed=3, seen=seen) == expected


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_the_same_question_has_the_same_answer(method):
    seen = scored(12, open_ones=2)
    answers = [propose(MIXED, method, number=14, seed=1, seen=seen) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert propose(MIXED, method, number=14, seed=2, seen=seen) != answers[0]
    assert propose(MIXED, method, number=15, seed=1, seen=seen) != answers[0]


def test_tpe_goes_where_the_scores_are_good():
    seen = scored(40)
    near = [abs(math.log10(propose(MIXED, "tpe", number=40 + i, seed=0, seen=seen)["learning_rate"]) + 2) for i in range(12)]
    blind = [abs(math.log10(propose(MIXED, "random", number=40 + i, seed=0)["learning_rate"]) + 2) for i in range(12)]
    assert sum(near) < 0.6 * sum(blind)


def test_maximizing_turns_tpe_around():
    seen = scored(40)
    far = [
        abs(math.log10(propose(MIXED, "tpe", number=40 + i, seed=0, seen=seen, maximize=True)["learning_rate"]) + 2)
        for i in range(12)
    ]
    assert sum(far) / 12 > 1.0


def test_values_lie_in_their_ranges_and_on_their_steps():
    for number in range(30):
        found = propose(MIXED, "random", number=number, seed=0)
        assert 1e-4 <= found["learning_rate"] <= 1e-1
        assert isinstance(found["model.width"], int)
        assert 8 <= found["model.width"] <= 64
        assert found["model.dropout"] * 10 == pytest.approx(round(found["model.dropout"] * 10))
        assert found["model.activation"] in ("relu", "tanh")


@pytest.mark.parametrize("method", ["tpe", "gp"])
def test_a_diverged_candidate_is_a_bad_one_and_no_error(method):
    seen = scored(14)
    seen[3] = Trial(3, seen[3].params, "done", math.inf)
    assert propose(MIXED, method, number=14, seed=0, seen=seen).keys() == MIXED.dimensions.keys()


@pytest.mark.parametrize("method", ["random", "tpe", "gp"])
def test_conditional_spaces_are_sampled(method):
    space = read_space({"model": "mlp,tabm", "model.k": "2..8", "lr": "1e-4..1e-1:log"}, Recipe(model="mlp"))
    seen: list[Trial] = []
    for number in range(16):
        params = propose(space, method, number=number, seed=0, seen=seen)
        assert ("model.k" in params) == (params["model"] == "tabm")
        seen.append(Trial(number, params, "done", float(number % 5)))


def test_lists_and_mappings_come_back_as_they_are():
    space = read_space({"augment": [[], ["flip"], [{"name": "crop", "pad": 2}]]}, Recipe(model="mlp"))
    found = [propose(space, "random", number=i, seed=0)["augment"] for i in range(20)]
    assert all(value in ([], ["flip"], [{"name": "crop", "pad": 2}]) for value in found)
    assert len({str(value) for value in found}) == 3


def test_the_grid_is_proposed_in_order_and_ends():
    space = read_space({"model.depth": "1..3", "lr": [0.1, 0.2]}, Recipe(model="mlp"))
    assert [propose(space, "grid", number=i, seed=9) for i in range(6)] == space.grid()
    with pytest.raises(RecipeError, match="6 candidates"):
        propose(space, "grid", number=6, seed=9)


def test_optunas_log_level_is_left_as_it_was():
    before = optuna.logging.get_verbosity()
    propose(MIXED, "tpe", number=0, seed=0)
    assert optuna.logging.get_verbosity() == before
