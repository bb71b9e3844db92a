"""Games that went wrong and games that went well, as they were measured on 8x8 digits."""

from __future__ import annotations

import pytest

from trainwell.core.recipe import Recipe
from trainwell.doctor.examine import diagnose
from trainwell.doctor.remedies import REMEDIES

#: Step, recall and diversity of validations; step, share of pairs told apart and gradient of the generator.
RUNS = {
    # model.spectral=false loss=bce loss.critic_rate=5 augment=[]: five times the rate, and no spectral norm.
    "critic five times as fast": (
        [(100, 0.0, 0.439), (200, 0.0, 0.256), (300, 0.0, 0.331), (400, 0.0, 0.306), (500, 0.0185, 0.29)],
        [(3, 0.792, 0.205), (63, 1.0, 26.4), (126, 1.0, 21.4), (252, 0.998, 14.1), (375, 0.9, 7.23), (498, 0.813, 6.8)],
    ),
    # loss.critic_rate=0.02 lr=0.005: the critic cannot keep up.
    "critic far too slow": (
        [(100, 0.0046, 0.731), (200, 0.0185, 0.599), (300, 0.0093, 0.573), (400, 0.0093, 0.513), (500, 0.0139, 0.419)],
        [(3, 0.433, 0.084), (126, 0.382, 0.031), (252, 0.438, 0.019), (498, 0.486, 0.015)],
    ),
    # The default.
    "healthy": (
        [(200, 0.1019, 0.69), (400, 0.6389, 0.913), (600, 0.5972, 0.815), (800, 0.6852, 0.887), (1000, 0.7037, 0.945)],
        [(200, 0.601, 1.04), (400, 0.582, 1.43), (600, 0.572, 1.32), (800, 0.579, 1.34), (1000, 0.551, 1.45)],
    ),
    # model=wgan_gp without its penalty: it swings, and still learns.
    "wasserstein without penalty": (
        [(100, 0.0509, 1.04), (200, 0.227, 0.952), (300, 0.204, 0.977), (400, 0.412, 0.982), (500, 0.412, 0.907)],
        [(3, 0.78, 1.85), (63, 0.694, 65.4), (126, 0.56, 94.7), (252, 0.496, 129.0), (375, 0.503, 110.0), (498, 0.508, 140.0)],
    ),
}


def rows(name: str, checks: int = 5) -> list[dict]:
    """The history of a run up to some validation."""
    valid, train = RUNS[name]
    end = valid[checks - 1][0]
    found = [{"split": "valid", "step": s, "manifold_recall": r, "diversity": d} for s, r, d in valid[:checks]]
    found += [
        {"split": "train", "step": s, "loss": 1.0, "critic_accuracy": a, "generator_gradient": g}
        for s, a, g in train
        if s < end
    ]
    return sorted(found, key=lambda row: row["step"])


def codes(name: str, checks: int = 5) -> list[str]:
    facts = {"split": "facts", "step": 0, "task": "generation"}
    return [f.code for f in diagnose([facts, *rows(name, checks)])]


def test_a_critic_that_wins_is_found_while_it_wins_and_the_collapse_is_its_consequence():
    assert codes("critic five times as fast", 3) == ["TW602"]
    assert codes("critic five times as fast", 5) == ["TW601"]  # it has lost again, and the pictures are all the same


def test_a_generator_that_makes_the_same_again_and_again_is_found():
    assert codes("critic far too slow") == ["TW601"]


@pytest.mark.parametrize("name", ["healthy", "wasserstein without penalty"])
@pytest.mark.parametrize("checks", [1, 2, 3, 4, 5])
def test_nothing_is_found_in_a_game_that_learns(name, checks):
    assert codes(name, checks) == []


def test_a_variety_that_was_there_and_is_lost_is_found_after_three_validations():
    lost = [{"split": "valid", "step": 1000 + s, "manifold_recall": 0.0, "diversity": 0.1} for s in (1, 2, 3)]
    found = diagnose([*rows("healthy"), *lost])
    assert [(f.code, f.step) for f in found] == [("TW601", 1001)]


@pytest.mark.parametrize(("distances", "found"), [((90, 88, 85), ["TW602"]), ((88, 54, 24), [])])
def test_a_critic_that_wins_while_pictures_come_nearer_is_no_finding(distances, found):
    # The first validations of a translation between digits and inverted ones, which learnt it in the end.
    valid = [
        {"split": "valid", "step": 75 * n, "manifold_recall": 0.0, "diversity": 0.5, "frechet_distance": d}
        for n, d in enumerate(distances, 1)
    ]
    train = [{"split": "train", "step": s, "critic_accuracy": 1.0, "generator_gradient": 2.0} for s in range(1, 225, 20)]
    assert [f.code for f in diagnose([*train, *valid])] == found


def test_a_gradient_that_has_vanished_makes_it_an_error():
    valid = [{"split": "valid", "step": s, "manifold_recall": 0.0, "diversity": 0.9} for s in (10, 20, 30)]
    train = [{"split": "train", "step": s, "critic_accuracy": 1.0, "generator_gradient": 1.0 / s**3} for s in range(1, 30)]
    (found,) = diagnose([*train, *valid])
    assert (found.code, found.severity) == ("TW602", "error")


@pytest.mark.parametrize("code", ["TW601", "TW602"])
def test_the_first_remedy_is_for_the_recipe_that_was_planted(code):
    planted = Recipe(model={"name": "dcgan", "spectral": False, "width": 8}, loss={"name": "bce", "critic_rate": 5.0}, lr=5e-3)
    for remedy in REMEDIES[code]:
        changed = remedy.change(planted)
        assert changed != planted
        assert (changed.task, changed.model.options["width"]) == ("generation", 8)


@pytest.mark.parametrize(("name", "then"), [("cyclegan", "cyclegan"), ("dcgan", "dcgan"), ("wgan_gp", "dcgan")])
def test_spectral_norm_is_for_the_network_that_was_chosen_where_it_has_one(name, then):
    remedy = next(r for r in REMEDIES["TW601"] if "spectral" in r.sentence)
    changed = remedy.change(Recipe(model={"name": name, "critic_width": 8}))
    assert changed.model.name == then
    assert changed.model.options == {"critic_width": 8, "spectral": True}
