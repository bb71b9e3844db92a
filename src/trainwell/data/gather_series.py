"""Series that a table has spread over columns or rows, put together: one example each."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import polars as pl

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Series
from trainwell.data.card import Check
from trainwell.data.forecast.grid import Names, regular
from trainwell.data.source import SERIES, Gather, Source


def gathered(source: Source, how: Gather) -> Source:
    """The source with its series as one array; unchanged where they are one already."""
    if how.name in source.arrays:
        return source
    return _from_rows(source, how) if how.id else _from_columns(source, how)


def arrays_as_series(source: Source, recipe: Recipe) -> Source:
    """The source with those arrays called series that the recipe calls so; `(N, L)` are series of one channel."""
    called = [
        n for n, c in recipe.columns.items() if c.kind == "series" and n in source.arrays and source.kinds.get(n) != "series"
    ]
    if not called:
        return source
    arrays = {n: a[:, None] if a.ndim == 2 else a for n, a in source.arrays.items() if n in called}
    for name, array in arrays.items():
        if array.ndim != 3:
            what = f"arrays of shape {array.shape[1:]} are no series"
            raise RecipeError(what, where=f"columns.{name}", remedy="Give (N, L), or (N, channels, L).")
    floats = {name: array.astype(np.float32) for name, array in arrays.items()}
    return replace(source, arrays=source.arrays | floats, kinds=source.kinds | dict.fromkeys(called, "series"))


def gather_of(source: Source, recipe: Recipe) -> Gather | None:
    """What the recipe says about series in a table; None where it says nothing, or they are arrays already.

    Raises:
        RecipeError: a column is called a series and is neither lists of numbers nor the beginning of numbered columns.
        DataError: a long table has no column of numbers.
    """
    if source.gathered is not None:
        return source.gathered
    rule, frame = recipe.series, source.frame
    stems = tuple(
        n for n, c in recipe.columns.items() if c.kind == "series" and n not in frame.columns and n not in source.arrays
    )
    if stems and not (len(stems) > 1 and SERIES in source.arrays):
        for stem in stems:
            if not _steps(source, stem):
                raise RecipeError(
                    f"there are no columns {stem}0, {stem}1, … that could be a series",
                    where=f"columns.{stem}",
                    remedy="Name their stem.",
                )
        return Gather(stems=stems)
    if rule.id is None or rule.horizon or SERIES in source.arrays:
        return None
    if rule.id not in frame.columns:
        raise DataError(f"there is no column {rule.id!r}", where=source.origin, remedy="Give series.id=…")
    target = recipe.target if recipe.target is not None else source.target
    targets = [target] if isinstance(target, str) else target or []
    ignored = {name for name, column in recipe.columns.items() if column.kind == "ignore"}
    apart: set[str | None] = {rule.id, rule.time, recipe.split.by, *targets, *ignored}
    constant = _constant_within(source.table, rule.id)
    channels = tuple(c for c in frame.columns if c not in apart and frame[c].dtype.is_numeric() and c not in constant)
    if not channels:
        raise DataError("no column of numbers changes within a series", where=source.origin, remedy="Check series.id.")
    return Gather(id=rule.id, time=rule.time or "", channels=channels)


def _steps(source: Source, stem: str) -> list[str]:
    """The numbered columns of a stem, in order of their numbers."""
    found = [(int(m[1]), n) for n in source.frame.columns if (m := re.fullmatch(re.escape(stem) + r"(\d+)", n))]
    return [name for _, name in sorted(found)]


def _from_columns(source: Source, how: Gather) -> Source:
    columns = [_steps(source, stem) for stem in how.stems]
    if len({len(names) for names in columns}) != 1 or not columns[0]:
        counts = ", ".join(f"{stem}: {len(names)}" for stem, names in zip(how.stems, columns, strict=True))
        raise DataError(
            f"the channels have different numbers of steps ({counts})", where=source.origin, remedy="Give all of them."
        )
    blocks = [source.table.select(pl.col(names).cast(pl.Float32, strict=False)).to_numpy() for names in columns]
    frame = source.table.drop([name for names in columns for name in names])
    text = f"{sum(len(c) for c in columns):,} columns are the steps of series of {len(columns)} channel(s)."
    return _with(source, how, frame, np.stack(blocks, axis=1).astype(np.float32), text)


def _from_rows(source: Source, how: Gather) -> Source:
    """One row per series: in order of time, the other columns from its first row."""
    absent = [name for name in (how.id, *how.channels) if name not in source.frame.columns]
    if absent:
        raise DataError(f"there is no column {absent[0]!r}", where=source.origin, remedy="Give the columns of the training.")
    if how.time:
        return _in_time(source, how)
    ids = source.frame[how.id].cast(pl.String).fill_null("").to_numpy()
    _, first, place = np.unique(ids, return_index=True, return_inverse=True)
    return _grouped(source, how, source.table.select(pl.col(how.channels).cast(pl.Float64)).to_numpy(), place, first)


def _in_time(source: Source, how: Gather) -> Source:
    """The same with the rows put on a regular grid of times first."""
    grid = regular(replace(source, parts=None), Names(how.time, how.id, how.channels), Series())
    ids = source.frame[how.id].cast(pl.String).fill_null("").to_list()
    known = {name: place for place, name in reversed(list(enumerate(ids)))}
    numbers = np.unique(grid.series)
    first = np.array([known[grid.ids[number]] for number in numbers])
    found = _grouped(source, how, grid.values, np.searchsorted(numbers, grid.series), first)
    # Filling is the kind's own, and it says so itself.
    return replace(found, checks=[*found.checks, *(check for check in grid.checks if check.code != "gaps")])


def _grouped(source: Source, how: Gather, values: np.ndarray, place: np.ndarray, first: np.ndarray) -> Source:
    """Rows `(R, C)` that belong to the series `place` (R,); `first` is the source's row that stands for each."""
    order = np.argsort(place, kind="stable")
    lengths = np.bincount(place, minlength=len(first))
    step = np.arange(len(place)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    array = np.full((len(first), len(how.channels), int(lengths.max())), np.nan, np.float32)
    array[place[order], :, step] = values[order]
    frame = source.frame[first].drop([*how.channels, *([how.time] if how.time else [])])
    text = f"{len(place):,} rows are {len(first):,} series by {how.id!r}, of {len(how.channels)} channel(s)."
    parts = None if source.parts is None else source.parts[first]
    return replace(_with(source, how, frame, array, text), parts=parts)


def _with(source: Source, how: Gather, frame: pl.DataFrame, array: np.ndarray, text: str) -> Source:
    checks = [*source.checks, Check("series", "PASS", text)]
    kinds = source.kinds | {how.name: "series"}
    return replace(source, frame=frame, arrays=source.arrays | {how.name: array}, kinds=kinds, checks=checks, gathered=how)


def _constant_within(frame: pl.DataFrame, name: str) -> set[str]:
    """Columns that have one value within each series: what is said about the series as a whole."""
    others = [c for c in frame.columns if c != name and not frame[c].dtype.is_nested()]
    if not others or not len(frame):
        return set()
    counts = frame.group_by(name).agg(pl.col(others).n_unique()).select(pl.col(others).max())
    return {c for c in others if counts[c][0] == 1 and frame[name].n_unique() < len(frame)}
