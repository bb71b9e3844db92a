"""What a recipe leaves open is filled in so that its parts fit each other."""

from __future__ import annotations

import numpy as np
import pytest

from train.small import pictures
from trainwell.core.errors import RecipeError
from trainwell.core.recipe import Recipe
from trainwell.models.picture import Normalize
from trainwell.train import compile as compile_module
from trainwell.train.compile import compile_program


def test_labels_are_smoothed_only_by_a_loss_that_can():
    data = pictures(48)
    wanted = Recipe(target=data.recipe.target, model={"name": "cnn", "width": 4}, threads=1)
    usual, focal = compile_program(wanted, data), compile_program(wanted.but(loss="focal"), data)
    assert usual.recipe.label_smoothing > 0
    assert (focal.recipe.label_smoothing, focal.reasons["label_smoothing"]) == (0.0, "focal has none")
    with pytest.raises(RecipeError, match="focal"):
        compile_program(wanted.but(loss="focal", label_smoothing=0.1), data)


def test_large_pictures_are_normalised_by_a_bounded_number_of_them(monkeypatch: pytest.MonkeyPatch):
    data, seen = pictures(900), []
    monkeypatch.setattr(Normalize, "fit", lambda self, x: seen.append(len(x)))
    wanted = Recipe(target=data.recipe.target, model={"name": "cnn", "width": 4}, threads=1)
    numbers = int(np.prod(data.shape.inputs[0].shape))
    for most, rows in ((400 * numbers, 400), (numbers, 100), (1 << 26, len(data.rows["train"]))):
        monkeypatch.setattr(compile_module, "ADAPT_NUMBERS", most)
        compile_program(wanted, data)
        assert seen[-1] == rows
