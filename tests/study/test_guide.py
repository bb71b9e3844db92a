"""Guidance: the cheapest of those tied with the best, in words; a sweep around the recipe's own value; what it measured."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import TrainingError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts, Input, Shape
from trainwell.core.stats import Interval
from trainwell.data.load import load
from trainwell.report.guide import show_guidance, write_guidance
from trainwell.study.advice import advised
from trainwell.study.guide import TOPICS, guide, sweep_of
from trainwell.study.sweep import Point, Sweep

FACTS = Facts(400, Shape((Input("number", "number", (5,)),)), "classification", 3)
FIXED = {"threads": 1, "memory_format": "contiguous", "compile": "off", "batch_size": 32}


def point(value, score, *, group=0, parameters=10, seconds=1.0, **more):
    return Point(value, Interval(score, score - 0.01, score + 0.01, 6), [score] * 6, group, parameters, seconds, **more)


def say(topic, points, own, key="model.x"):
    sweep = Sweep(key, [p.value for p in points], [], own)
    return advised(topic, points, sweep, metric="accuracy", higher_is_better=True, noise={})


def test_of_those_tied_with_the_best_the_cheapest_is_taken():
    points = [
        point(1, 0.7, group=1, parameters=5),
        point(2, 0.90),
        point(4, 0.91, parameters=40),
        point(8, 0.905, parameters=80),
    ]
    chosen, sentence = say("depth", points, own=8)
    assert chosen == 2
    assert "cannot be told from the best (4: 0.910) and takes 0.25 times its parameters" in sentence


def test_where_nothing_differs_in_cost_what_the_recipe_has_is_kept():
    points = [point("relu", 0.90), point("tanh", 0.91), point("sigmoid", 0.5, group=1)]
    assert say("activation", points, own="relu")[0] == "relu"
    assert say("activation", points, own="sigmoid")[0] == "tanh"


def test_a_winner_at_the_end_of_the_sweep_says_so():
    points = [point(0.1, 0.95), point(0.01, 0.8, group=1), point(0.001, 0.6, group=2)]
    chosen, sentence = say("learning_rate", points, own=0.01)
    assert chosen == 0.1
    assert "every other value tried is worse" in sentence
    assert "a larger one may be better" in sentence


def test_dead_units_of_the_advised_value_are_said():
    assert "60% of its rectified units are dead" in say("depth", [point(1, 0.9, dead=0.6)], own=1)[1]


def test_lower_may_be_better():
    points = [point(1, 5.0, group=1), point(2, 3.0)]
    sweep = Sweep("model.depth", [1, 2], [], 1)
    assert advised("depth", points, sweep, metric="rmse", higher_is_better=False, noise={})[0] == 2


def test_without_a_network_there_is_no_advice():
    with pytest.raises(TrainingError, match="every network"):
        say("depth", [point(1, math.nan)], own=1)


@pytest.mark.parametrize("topic", TOPICS)
def test_the_recipes_own_value_is_among_those_tried_and_nothing_else_changes(topic):
    recipe, _ = Recipe(model={"name": "mlp", "width": 48, "dropout": 0.15, "depth": 5}, batch_size=40).resolved(FACTS)
    sweep = sweep_of(topic, recipe, FACTS)
    assert sweep.own in sweep.values
    assert sweep.recipes[sweep.values.index(sweep.own)] == recipe
    for value, arm in zip(sweep.values, sweep.recipes, strict=True):
        assert arm.with_keys({sweep.key: sweep.own}) == recipe.with_keys({sweep.key: sweep.own})
        assert arm == recipe or arm == recipe.with_keys({sweep.key: value})


def test_batches_of_any_size_see_as_many_rows():
    recipe, _ = Recipe(model="mlp", batch_size=40, steps=100).resolved(FACTS)
    sweep = sweep_of("batch", recipe, FACTS)
    assert {arm.batch_size * arm.steps for arm in sweep.recipes} == {4000}


def test_what_cannot_be_swept_is_refused():
    recipe, _ = Recipe(model="mlp").resolved(FACTS)
    with pytest.raises(UsageError, match="Did you mean depth"):
        sweep_of("deepth", recipe, FACTS)
    with pytest.raises(UsageError, match="no option depth"):
        sweep_of("depth", recipe.but(model="torch.nn:Linear"), FACTS)


@pytest.fixture(scope="module")
def width(tmp_path_factory):
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, (240, 2))
    data = load(pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.sin(5 * x[:, 0]) * x[:, 1]}), target="y")
    recipe = Recipe(model={"name": "mlp", "dropout": 0.0}, epochs=25, learning_rate=0.01, **FIXED)
    folder = tmp_path_factory.mktemp("guide")
    return guide("width", recipe, data, values=[2, 32, 64], repeats=6, folder=folder), folder


def test_too_narrow_is_told_and_the_cheaper_of_the_rest_is_taken(width):
    found, _ = width
    scores = [p.score.value for p in found.points]
    assert found.points[0].group > 0
    assert scores[0] > min(scores[1:])  # rmse
    assert found.chosen in (32, 64)
    if found.points[1].group == 0:
        assert found.chosen == 32


def test_every_value_was_looked_at(width):
    for p in width[0].points:
        assert p.parameters > 0
        assert p.seconds > 0
        assert 0 <= p.dead <= 1
        assert list(p.gradient_start) == list(p.gradient_end)
        assert all(norm > 0 for norm in p.gradient_start.values())


def test_it_is_kept_and_shown(width, capsys):
    found, folder = width
    assert json.loads((folder / "guide-width.json").read_text())["chosen"] == found.chosen
    assert found.sentence[:20] in write_guidance(found, folder).read_text()
    show_guidance(found)
    assert "advised" in capsys.readouterr().out


def test_guidance_on_batches_has_the_noise_scale(tmp_path):
    recipe = Recipe(model={"name": "mlp", "width": 8}, epochs=3, learning_rate=0.01, **FIXED)
    found = guide("batch", recipe, load("iris"), values=[16, 32], repeats=2)
    assert set(found.noise) == {"start", "end"}
    assert "the gradient noise scale is" in found.sentence
    assert "noise scale" in write_guidance(found, tmp_path).read_text()
