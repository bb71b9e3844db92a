"""Tricks: off and on are opposites, keep the recipe's own setting, touch nothing else, and train."""

from __future__ import annotations

import pytest

from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts, Input, Shape
from trainwell.data.load import load
from trainwell.study.ablate import settings
from trainwell.study.tricks import TRICKS
from trainwell.train.compile import compile_program

TABLE = Facts(400, Shape((Input("number", "number", (5,)), Input("category", "category", (1,), (4,)))), "classification", 3)
NUMBERS = Facts(400, Shape((Input("number", "number", (5,)),)), "regression", 1)
PICTURES = Facts(900, Shape((Input("picture", "picture", (3, 32, 32)),)), "classification", 10)
CASES = [
    (facts, Recipe(**keys).resolved(facts)[0])
    for facts in (TABLE, NUMBERS, PICTURES)
    for keys in (
        {},
        {"model": {"name": "mlp", "dropout": 0.3, "activation": "silu"}, "schedule": "step", "clip_value": 2.0},
        {"model": {"name": "mlp", "dropout": 0.0}, "initializer": "normal", "weight_decay": 0.0, "schedule": "constant"},
        {"batch_size": 0, "max_norm": 2.0, "ema": 0.9},
    )
]


@pytest.mark.parametrize("trick", TRICKS, ids=lambda t: t.name)
@pytest.mark.parametrize("case", range(len(CASES)))
def test_off_and_on_are_opposites_and_change_nothing_twice(trick, case):
    facts, recipe = CASES[case]
    if trick.not_for(recipe, facts):
        return
    on, off = trick.on(recipe, facts), trick.off(recipe, facts)
    assert trick.on(on, facts) == on
    assert on != off
    assert recipe in (on, off), "the recipe has the trick, or it has not"
    assert trick.is_on(on, facts)
    if trick.name != "batch size":  # a batch can nearly always be larger still
        assert not trick.is_on(off, facts)
    assert settings(on, off)[0] != settings(on, off)[1]


@pytest.mark.parametrize("trick", TRICKS, ids=lambda t: t.name)
def test_no_trick_undoes_another(trick):
    for facts, recipe in CASES:
        for other in TRICKS:
            if other is trick or trick.not_for(recipe, facts) or other.not_for(recipe, facts):
                continue
            assert other.is_on(trick.off(recipe, facts), facts) == other.is_on(recipe, facts)


def test_what_has_no_place_says_why():
    _, plain = CASES[0]
    reasons = {t.name: t.not_for(plain, TABLE) for t in TRICKS if t.not_for(plain, TABLE)}
    assert reasons == {"augmentation": "the data have no pictures", "normalisation": "tabm has no option norm"}
    number = {t.name for t in TRICKS if t.not_for(CASES[4][1], NUMBERS)}
    assert "label smoothing" in number


@pytest.mark.parametrize("trick", TRICKS, ids=lambda t: t.name)
def test_both_sides_compile(trick):
    data = load("digits")
    recipe, _ = Recipe(model={"name": "cnn", "width": 4, "stages": 1}).resolved(data.facts)
    if trick.not_for(recipe, data.facts):
        data = load("iris")
        recipe, _ = Recipe(model="mlp").resolved(data.facts)
    compile_program(trick.on(recipe, data.facts), data)
    compile_program(trick.off(recipe, data.facts), data)
