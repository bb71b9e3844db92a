"""What a recipe leaves open is filled in so that its parts fit each other."""

from __future__ import annotations

import pytest

from train.small import pictures
from trainwell.core.errors import RecipeError
from trainwell.core.recipe import Recipe
from trainwell.train.compile import compile_program


def test_labels_are_smoothed_only_by_a_loss_that_can():
    data = pictures(48)
    wanted = Recipe(target=data.recipe.target, model={"name": "cnn", "width": 4}, threads=1)
    usual, focal = compile_program(wanted, data), compile_program(wanted.but(loss="focal"), data)
    assert usual.recipe.label_smoothing > 0
    assert (focal.recipe.label_smoothing, focal.reasons["label_smoothing"]) == (0.0, "focal has none")
    with pytest.raises(RecipeError, match="focal"):
        compile_program(wanted.but(loss="focal", label_smoothing=0.1), data)
