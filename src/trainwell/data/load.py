"""From anything that holds examples to data a network can be trained on, in one call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts
from trainwell.data.build import build
from trainwell.data.card import Card
from trainwell.data.corrections import corrected
from trainwell.data.data import Data
from trainwell.data.draft import target_names
from trainwell.data.generation import loose_pictures
from trainwell.data.language.read import read_documents
from trainwell.data.readers import many_files, remote, sql
from trainwell.data.readers.read import read
from trainwell.data.tensors import columns_as_tensors


def load(
    source: Any,
    target: str | list[str] | None = None,
    *,
    recipe: Recipe | None = None,
    test: Any = None,
    valid: Any = None,
    corrections: str | Path | None = None,
) -> Data:
    """Read, type, split, clean and encode; what was found is on `data.card`, nothing is fitted on valid or test rows.

    Args:
        source: a file or folder, a public set's name, a frame, a mapping of columns, an array, an (X, y) pair, a torch Dataset,
            or a list of these. With `task=language` a text file, a folder of them, a list of texts, or a table with a column.
        target: column to predict, or several number columns; overrides the recipe's.
        recipe: rules for target, task, columns, split and preparation; the defaults where left out.
        test: a second source whose rows are the official test part.
        valid: a second source whose rows are the official validation part.
        corrections: a CSV of labels that somebody mended, as `mislabelled` writes it: row, given, corrected.

    Raises:
        DataError: the source cannot be read or predicted from; one sentence with the place and a remedy.
        RecipeError: the recipe asks for what the data does not have.

    Example:
        >>> data = load({"x": [1, 2, 3, 4] * 9, "y": ["a", "b", "a", "b"] * 9}, target="y")
        >>> data.task, data.classes, data.arrays["number"].dtype
        ('classification', ('a', 'b'), dtype('float32'))
    """
    recipe, target = recipe or Recipe(), _named(target)
    wanted = target if target is not None else recipe.target
    running = recipe.task == "language"
    given = loose_pictures(source) if recipe.task == "generation" else source
    found = read_documents(source, test=test, valid=valid) if running else read(given, target=wanted, test=test, valid=valid)
    recipe = recipe if target is None else recipe.but(target=target)
    if corrections is not None:
        found = corrected(found, corrections, target_names(found, recipe))
    return replace(build(found, recipe), origin=_origin(source=source, test=test, valid=valid, corrections=corrections))


def _named(target: Any) -> Any:
    """Names of columns as text, which all columns have here: in a pandas frame they may be numbers."""
    if isinstance(target, list):
        return [_named(name) for name in target]
    return str(target) if isinstance(target, int | np.integer) else target


def _origin(**given: Any) -> dict[str, str | None] | None:
    """Where everything lies, absolute, so that a run started elsewhere finds it again; None for data from memory."""
    if not all(place is None or isinstance(place, str | Path) for place in given.values()):
        return None
    return {key: None if place is None else _absolute(place) for key, place in given.items()}


def _absolute(place: str | Path) -> str:
    """As a run writes it down: found again from any folder, and without a password."""
    if sql.is_sql(str(place)):
        return sql.absolute(str(place))
    path = Path(place).expanduser()
    if many_files.is_pattern(str(place)) and not path.exists() and not remote.is_remote(str(place)):
        return str(path.absolute())
    return str(path.resolve()) if path.exists() else str(place)


def wrap(
    dataset: Any,
    *,
    recipe: Recipe | None = None,
    test: Any = None,
    valid: Any = None,
    like: Data | None = None,
) -> Data:
    """Arrays or a torch `Dataset` for a module of your own: tensors keep their values, shapes and types.

    Nothing is scaled, filled or dropped: vectors and other tensors arrive as "input" float32 or int64, pictures at their own
    size and channels as floats in [0, 1]. A target of whole numbers is classes; any other is a number in its own unit, not
    scaled, since the module's author chose that unit. Tables with columns of their own names are prepared as `load` does.

    Args:
        dataset: a torch `Dataset` or `DataLoader` of `(x, y)`, an `(X, y)` pair, arrays by name, or a `Source`.
        recipe: rules for target, task and split.
        test: a second data set that is the official test part.
        valid: a second data set that is the official validation part.
        like: data already prepared; `dataset` is encoded as it was, and all rows are test rows.

    Raises:
        DataError: the data set cannot be read, or does not fit `like`.

    Example:
        >>> import numpy as np
        >>> data = wrap((np.random.rand(40, 4).astype("float32"), np.arange(40) % 3))
        >>> data.shape.inputs[0].kind, data.arrays["input"].shape, data.classes
        ('tensor', (40, 4), ('0', '1', '2'))
    """
    wanted = recipe.target if recipe is not None else None
    found = columns_as_tensors(read(dataset, target=wanted, test=test, valid=valid), wanted)
    if like is not None:
        return _like(found, like)
    return build(found, recipe or Recipe(), as_is=True)


def _like(source: Any, data: Data) -> Data:
    names = target_names(source, data.recipe)
    arrays = data.preparation.encode(source).arrays
    arrays["target"] = data.preparation.encode_target(source.frame.select(names))
    rows = {"train": np.zeros(0, np.int64), "valid": np.zeros(0, np.int64), "test": np.arange(len(source))}
    card = Card(source.origin, {name: len(part) for name, part in rows.items()}, data.card.columns, list(source.checks))
    facts = Facts(0, data.shape, data.task, data.n_out, labels_mirror=data.facts.labels_mirror)
    return replace(data, card=card, arrays=arrays, rows=rows, source=source, facts=facts)
