"""The loss of counts refuses what is no count, before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainwell.core.errors import CompileError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.train.compile import compile_program


def data_of(y: Any, **prepare: Any) -> Data:
    recipe = Recipe(target="y", task="regression", prepare=prepare)
    return load({"x": np.arange(60.0), "y": y}, recipe=recipe)


@pytest.mark.parametrize("name", ["poisson", "poisson_nll_loss"])
def test_scaled_counts_are_refused_and_counts_are_not(name: str) -> None:
    recipe = Recipe(task="regression", model="mlp", loss=name, epochs=1)
    with pytest.raises(CompileError, match="scale_target=false"):
        compile_program(recipe, data_of(np.arange(60.0) % 7))
    assert compile_program(recipe, data_of(np.arange(60.0) % 7, scale_target=False)).loss is not None


def test_negative_counts_are_refused() -> None:
    recipe = Recipe(task="regression", model="mlp", loss="poisson", epochs=1)
    with pytest.raises(CompileError, match="down to -3"):
        compile_program(recipe, data_of(np.arange(60.0) % 7 - 3, scale_target=False))


def test_classes_are_refused() -> None:
    recipe = Recipe(model="mlp", loss="poisson", epochs=1)
    with pytest.raises(CompileError, match="classes"):
        compile_program(recipe, load({"x": np.arange(60.0), "y": ["a", "b"] * 30}, target="y"))
