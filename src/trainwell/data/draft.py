"""What is known about data before it is split: the target, which rows can be used, which columns may be features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainwell.core.errors import DataError, did_you_mean
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Split
from trainwell.data.card import Card, Check
from trainwell.data.kinds import text
from trainwell.data.kinds.kind import Raw
from trainwell.data.kinds.words import as_cells
from trainwell.data.source import Source
from trainwell.data.target import Target, ranked, read_target


@dataclass
class Draft:
    """What is known so far while data is built."""

    source: Source
    recipe: Recipe
    card: Card
    names: tuple[str, ...]
    target: Target
    values: np.ndarray
    usable: np.ndarray
    features: list[str]
    tensors: dict[str, np.ndarray]
    as_is: bool


def start(source: Source, recipe: Recipe, as_is: bool) -> Draft:
    """The target, the rows that have one, and the columns that may be features; what is odd about the target is on the card."""
    names = target_names(source, recipe)
    card = Card(source.origin, checks=list(source.checks))
    found = read_target(source.frame.select(list(names)), names, recipe, source.kinds, source.words)
    found = ranked(found, recipe)
    values = found.values
    usable = values >= 0 if values.ndim == 1 else ~np.isnan(values).any(axis=1)
    for name in names:
        card.columns.append({"name": name, "kind": found.target.task, "role": "target", "why": found.why})
    if recipe.target is None and source.target is None:
        said = f"No target was named; {names[0]!r} is predicted, the only column beside the texts."
        card.add(Check("target_guess", "WARN", said, names[0]))
    card.checks += found.checks
    if n := int((~usable).sum()):
        examples = tuple(f"row {row}" for row in np.flatnonzero(~usable)[:5])
        said = f"{n:,} of {len(usable):,} rows have no usable target and were set aside."
        card.add(Check("target", "WARN", said, ", ".join(names), n, examples))
    if not usable.any():
        raise DataError("no row has a usable target", where=source.origin, remedy="Choose another target column.")
    tensors = {name: array for name, array in source.arrays.items() if source.kinds.get(name) not in ("picture", "series")}
    taken = {*names, *not_features(recipe.split), *([source.gathered.id] if source.gathered is not None else [])}
    features = [n for n in (*source.frame.columns, *source.arrays) if n not in taken and n not in tensors]
    return Draft(source, recipe, card, names, found.target, values, usable, features, tensors, as_is)


def target_names(source: Source, recipe: Recipe) -> tuple[str, ...]:
    """The target columns: the recipe's, else the one that the source declares.

    Raises:
        DataError: neither names one, or the named column is not there.
    """
    wanted = recipe.target if recipe.target is not None else source.target or beside_text(source)
    columns = source.frame.columns
    if wanted is None or wanted == []:
        shown = ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
        raise DataError(
            "it is not said which column to predict", where=source.origin, remedy=f"Give target=…, one of: {shown}."
        )
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    for name in names:
        if name not in columns:
            raise DataError(f"there is no column {name!r}", where=source.origin, remedy=_which(name, source))
    return names


def _which(name: str, source: Source) -> str:
    """What the columns are called; a file without a header says so."""
    unnamed = next((check.text for check in source.checks if check.code == "no_header"), "")
    return unnamed or did_you_mean(name, source.frame.columns)


def beside_text(source: Source) -> str | None:
    """The only other column of a table of texts, which is then what they are labelled with; None for any other source."""
    columns, rows = source.frame.columns, np.arange(len(source))
    if len(columns) != 2 or source.arrays:
        return None
    texts = [name for name in columns if text.recognise(raw_of(source, name, rows)) is not None]
    return next(name for name in columns if name not in texts) if len(texts) == 1 else None


def not_features(rule: Split) -> tuple[str, ...]:
    """Columns that say where a row belongs, not what it is like."""
    return (rule.by,) if rule.by is not None and rule.how in ("group", "column") else ()


def raw_of(source: Source, name: str, rows: np.ndarray) -> Raw:
    """A column as the kinds want it, with the train rows `rows`."""
    values = source.arrays[name] if name in source.arrays else as_cells(source.frame[name])
    return Raw(name, values, rows, source.base, source.words)
