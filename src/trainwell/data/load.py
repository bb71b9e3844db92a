"""From anything that holds examples to data a network can be trained on, in one call."""

from __future__ import annotations

from typing import Any

from trainwell.core.recipe import Recipe
from trainwell.data.build import build
from trainwell.data.data import Data
from trainwell.data.readers.read import read


def load(
    source: Any,
    target: str | list[str] | None = None,
    *,
    recipe: Recipe | None = None,
    test: Any = None,
    valid: Any = None,
) -> Data:
    """Read, type, split, clean and encode; what was found is on `data.card`, nothing is fitted on valid or test rows.

    Args:
        source: a file or folder, a public set's name, a frame, a mapping of columns, an array, an (X, y) pair, a torch Dataset,
            or a list of these.
        target: column to predict, or several number columns; overrides the recipe's.
        recipe: rules for target, task, columns, split and preparation; the defaults where left out.
        test: a second source whose rows are the official test part.
        valid: a second source whose rows are the official validation part.

    Raises:
        DataError: the source cannot be read or predicted from; one sentence with the place and a remedy.
        RecipeError: the recipe asks for what the data does not have.

    Example:
        >>> data = load({"x": [1, 2, 3, 4] * 9, "y": ["a", "b", "a", "b"] * 9}, target="y")
        >>> data.task, data.classes, data.arrays["number"].dtype
        ('classification', ('a', 'b'), dtype('float32'))
    """
    recipe = recipe or Recipe()
    wanted = target if target is not None else recipe.target
    found = read(source, target=wanted, test=test, valid=valid)
    return build(found, recipe if target is None else recipe.but(target=target))
