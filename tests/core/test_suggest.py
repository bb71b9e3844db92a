"""Suggestions: every auto gets a value and a reason, what the user wrote stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts, Input, Shape, Task

TABLE = Shape((Input("number", "number", (8,)), Input("category", "category", (2,), (3, 4))))


def picture(side: int) -> Shape:
    return Shape((Input("picture", "picture", (3, side, side)),))


def _facts(shape: Shape, rows: int, task: Task) -> Facts:
    return Facts(rows=rows, shape=shape, task=task, n_out=1 if task == "regression" else 3, imbalance=9.0)


@pytest.mark.parametrize("preset", ["quick", "good", "best"])
@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("rows", [2, 40, 3_000, 60_000, 2_000_000])
@pytest.mark.parametrize("shape", [TABLE, picture(8), picture(32), picture(128)], ids=["table", "8", "32", "128"])
def test_nothing_that_training_needs_is_left_open(shape: Shape, rows: int, task: Task, preset: str) -> None:
    recipe, reasons = Recipe(preset=preset).resolved(_facts(shape, rows, task))
    open_keys = {k for k, v in recipe if v == "auto" or (isinstance(v, Part) and v.is_auto)}
    # What stays open is decided by the data or by measuring the machine.
    assert open_keys == {"task", "initializer", "precision", "compile", "device", "memory_format", "threads"}
    assert all(reasons.values())
    assert 1 <= recipe.batch_size <= max(rows, 2)
    assert recipe.monitor in ["loss", *recipe.metrics]


def test_what_the_user_wrote_stays() -> None:
    wanted = Recipe(model="mlp", lr=0.5, epochs=3, metrics=["f1"], monitor="f1")
    recipe, reasons = wanted.resolved(_facts(TABLE, 500, "classification"))
    assert (recipe.model, recipe.learning_rate, recipe.epochs, recipe.metrics) == (Part(name="mlp"), 0.5, 3, ["f1"])
    assert not {"model", "learning_rate", "epochs", "metrics", "monitor"} & set(reasons)


def test_options_alone_change_the_suggested_part() -> None:
    recipe, _ = Recipe().but(model__width=77).resolved(_facts(TABLE, 500, "classification"))
    assert recipe.model.name == "tabm"
    assert recipe.model.options["width"] == 77


def test_the_rate_follows_the_optimizer() -> None:
    facts = _facts(TABLE, 500, "classification")
    assert Recipe(optimizer="sgd").resolved(facts)[0].learning_rate > Recipe().resolved(facts)[0].learning_rate


def test_unequal_classes_are_watched() -> None:
    assert "balanced_accuracy" in Recipe().resolved(_facts(TABLE, 500, "classification"))[0].metrics


def _crop_side(model: Part) -> float:
    recipe, _ = Recipe(model=model).resolved(_facts(picture(128), 3_000, "classification"))
    (crop,) = [part for part in recipe.augment if part.name == "random_resized_crop"]
    return crop.options["side"]


def test_crops_have_the_size_at_which_the_network_judges() -> None:
    assert _crop_side(Part()) == 0.5
    assert _crop_side(Part.of({"side": 96})) == 0.75
    assert _crop_side(Part.of("resnet")) == 1.0
    assert _crop_side(Part.of({"name": "resnet", "side": 32})) == 0.25


@pytest.mark.parametrize("side", [28, 128])
@pytest.mark.parametrize("preset", ["good", "best"])
def test_what_a_mirror_may_change_is_never_mirrored(side: int, preset: str) -> None:
    facts = replace(_facts(picture(side), 3_000, "classification"), labels_mirror=False)
    recipe, _ = Recipe(preset=preset).resolved(facts)
    assert not recipe.model.options["mirror"]
    assert [part.name for part in recipe.augment] == ["crop"]
    recipe, _ = Recipe(preset=preset).resolved(replace(facts, labels_mirror=True))
    assert recipe.model.options["mirror"]
    assert "flip" in [part.name for part in recipe.augment]


def test_more_pictures_are_seen_fewer_times() -> None:
    epochs = [Recipe().resolved(_facts(picture(128), rows, "classification"))[0].epochs for rows in (500, 3_000, 10_000, 10**6)]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[0] > epochs[-1] >= 15
