"""The recipe's list as one function."""

from __future__ import annotations

import pytest
import torch

from trainwell.core.errors import RecipeError, UnknownName
from trainwell.core.part import Part
from trainwell.data.augment.compose import build_augment

X = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([0, 1, 2, 0, 1, 2])


def test_an_empty_list_changes_nothing() -> None:
    (x,), y = build_augment([], n_classes=3)((X,), Y, 0)
    assert x is X
    assert y is Y


def test_taking_one_entry_out_leaves_the_draws_of_the_others() -> None:
    both = build_augment([Part.of({"name": "noise", "strength": 0}), Part.of("crop")], n_classes=3)
    alone = build_augment([Part.of("crop")], n_classes=3)
    assert torch.equal(both((X,), Y, 5)[0][0], alone((X,), Y, 5)[0][0])


def test_the_same_entry_twice_draws_twice() -> None:
    twice = build_augment([Part.of("flip"), Part.of("flip")], n_classes=3)
    assert any(not torch.equal(twice((X,), Y, step)[0][0], X) for step in range(5))


def test_targets_stay_codes_without_a_mix_and_soft_ones_stay_soft() -> None:
    assert build_augment([Part.of("flip")], n_classes=3)((X,), Y, 0)[1] is Y
    soft = torch.full((6, 3), 1 / 3)
    mixed = build_augment([Part.of("mixup")], n_classes=3)((X,), soft, 0)[1]
    assert torch.allclose(mixed, soft)


def test_only_the_pictures_change_among_several_inputs() -> None:
    numbers = torch.rand(6, 4)
    augment = build_augment([Part.of({"name": "flip", "chance": 1.0})], n_classes=3, position=1)
    (same, flipped), _ = augment((numbers, X), Y, 0)
    assert same is numbers
    assert torch.equal(flipped, X.flip(-1))


def test_mixes_beside_other_inputs_are_refused() -> None:
    augment = build_augment([Part.of("cutmix")], n_classes=3, position=1)
    with pytest.raises(RecipeError, match="mixes blend pictures alone"):
        augment((torch.rand(6, 4), X), Y, 0)


@pytest.mark.parametrize(("wrong", "meant"), [("rotat", "rotate"), ("mixupp", "mixup"), ("flipp", "flip")])
def test_a_misspelt_name_is_answered_from_all_three_registries(wrong: str, meant: str) -> None:
    with pytest.raises(UnknownName, match=f"Did you mean {meant}"):
        build_augment([Part.of(wrong)], n_classes=3)


@pytest.mark.parametrize("name", ["hflip", "color_jitter", "cutout", "random_crop"])
def test_names_of_other_libraries_are_understood(name: str) -> None:
    build_augment([Part.of(name)], n_classes=3)


def test_the_global_generator_is_not_used() -> None:
    before = torch.default_generator.get_state()
    names = ["flip", "crop", "rotate", "colour", "noise", "erase", "mixup", "cutmix"]
    build_augment([Part.of(n) for n in names], n_classes=3)((X,), Y, 0)
    assert torch.equal(before, torch.default_generator.get_state())
