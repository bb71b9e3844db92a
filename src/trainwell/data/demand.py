"""What is handed over where a recipe and data are asked for, before anything is looked up in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trainwell.core.errors import DataError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Shape
from trainwell.data.data import Data

LOAD = "Read it first: tw.load(…, target='column'), or tw.wrap((x, y)) for tensors of your own."


def demand(data: Any, *recipes: Any) -> None:
    """Refuses anything but loaded data and recipes, with what to write instead.

    Args:
        data: what stands in the place of the data.
        recipes: what stands in the place of recipes.

    Raises:
        UsageError: one of them is something else.

    Example:
        >>> demand("people.csv", Recipe())
        Traceback (most recent call last):
        ...
        trainwell.core.errors.UsageError: a str was given as data. Read it first: tw.load('people.csv', target='column').
    """
    for recipe in recipes:
        if not isinstance(recipe, Recipe):
            remedy = "The recipe comes first, then the data." if isinstance(recipe, Data) else f"Write {_as_recipe(recipe)}."
            raise UsageError(f"a {type(recipe).__name__} was given as recipe", remedy=remedy)
    if not isinstance(data, Data):
        remedy = f"Read it first: tw.load({data!r}, target='column')." if isinstance(data, str) else LOAD
        raise UsageError(f"a {type(data).__name__} was given as data", remedy=remedy)


def _as_recipe(given: Any) -> str:
    if isinstance(given, str):
        return f"tw.Recipe(model={given!r})"
    return "tw.Recipe(**mapping)" if isinstance(given, Mapping) else "tw.Recipe(model='mlp', epochs=10), say"


def demand_shapes(arrays: Sequence[np.ndarray], shape: Shape) -> None:
    """Refuses encoded inputs of another number or other axes than the network was trained on; pictures may differ in size.

    Args:
        arrays: encoded rows, one array per input.
        shape: what the network was trained on.

    Raises:
        DataError: with what was given and what is asked for.

    Example:
        >>> from trainwell.core.shape import Input
        >>> demand_shapes([np.zeros((5, 3))], Shape((Input("number", "number", (4,)),)))
        Traceback (most recent call last):
        ...
        trainwell.core.errors.DataError: the network was given (5, 3). It was trained on number (N, 4).
    """
    wanted = ", ".join(f"{one.name} {('N', *one.shape)}".replace("'", "") for one in shape.inputs)
    fits = len(arrays) == len(shape.inputs) and all(
        a.ndim == len(one.shape) + 1 and (one.kind == "picture" or not one.shape or a.shape[-1] == one.shape[-1])
        for a, one in zip(arrays, shape.inputs, strict=True)
    )
    if not fits:
        given = ", ".join(str(a.shape) for a in arrays)
        raise DataError(f"the network was given {given}", remedy=f"It was trained on {wanted}.")


def as_trained(arrays: Sequence[np.ndarray], shape: Shape) -> list[np.ndarray]:
    """Arrays as the network takes them, each in the type it was trained on; no value is changed.

    Raises:
        DataError: their shapes differ from those of the training, they have unequal lengths, or a value would be lost.

    Example:
        >>> from trainwell.core.shape import Input
        >>> as_trained([np.ones((2, 3))], Shape((Input("x", "tensor", (3,)),)))[0].dtype
        dtype('float32')
    """
    demand_shapes(arrays, shape)
    if len({len(array) for array in arrays}) > 1:
        found = ", ".join(f"{one.name} {len(a):,}" for one, a in zip(shape.inputs, arrays, strict=True))
        raise DataError(f"the inputs have unequal numbers of rows: {found}", remedy="Give as many of each.")
    return [
        _in_type(a, np.dtype(one.dtype), one.name) if one.kind == "tensor" else a
        for a, one in zip(arrays, shape.inputs, strict=True)
    ]


def _in_type(array: np.ndarray, wanted: np.dtype[Any], name: str) -> np.ndarray:
    if array.dtype == wanted:
        return array
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and wanted.kind != "f"):
        raise DataError(f"the input {name!r} holds {array.dtype}, trained on {wanted}", remedy=f"Give {wanted}.")
    if wanted.kind == "u" and len(array) and (array.min() < 0 or array.max() > np.iinfo(wanted).max):
        raise DataError(f"the input {name!r} has values beyond {wanted}, which it was trained on", remedy=f"Give {wanted}.")
    return array.astype(wanted)
