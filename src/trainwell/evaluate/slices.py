"""Where the network is worse than elsewhere: groups of rows that share a raw value, with the many looks paid for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import polars as pl

from trainwell.core.stats import Floats, Interval, holm, wilson_interval
from trainwell.data.leaks import LEAK
from trainwell.evaluate.evaluation import Slice
from trainwell.score.predictions import Array

#: A slice of fewer rows says nothing that its interval does not swallow.
FEWEST_ROWS = 30
#: Values of a category column looked at, the most frequent first.
MOST_VALUES = 30
#: Ranges a number column is cut into.
RANGES = 4
#: Slices kept, the worst first.
MOST_SLICES = 20
#: Columns looked at; pictures and identifiers have nothing to slice by.
MOST_COLUMNS = 200


def find_slices(
    frame: pl.DataFrame, scores: Floats, *, share: bool, higher_is_better: bool, columns: list[str] | None = None
) -> tuple[list[Slice], int]:
    """Groups of rows by their raw values, the worst first, and how many groups were looked at.

    Args:
        frame: raw rows, in the order of `scores`.
        scores: one number per row, `(N,)`: 1 for a hit, or the absolute error.
        share: whether scores are 0 or 1.
        higher_is_better: direction of the scores.
        columns: raw columns to look at; None takes all.

    Example:
        >>> frame = pl.DataFrame({"sex": ["f"] * 50 + ["m"] * 50})
        >>> found, looked = find_slices(frame, np.repeat([1.0, 0.5], 50), share=False, higher_is_better=True)
        >>> found[0].value, looked
        ('m', 2)
    """
    chosen = [c for c in columns or frame.columns if c in frame.columns][:MOST_COLUMNS]
    groups = [(c, value, rows) for c in chosen for value, rows in _groups(frame[c])]
    groups = [(c, v, rows) for c, v, rows in groups if FEWEST_ROWS <= rows.sum() <= len(frame) - FEWEST_ROWS]
    if not groups:
        return [], 0
    sign = 1.0 if higher_is_better else -1.0
    tests = [_against_rest(scores, rows, share) for _, _, rows in groups]
    corrected = holm([p for _, p in tests])
    found = [
        Slice(column, value, _interval(scores[rows], share), sign * difference, float(p))
        for (column, value, rows), (difference, _), p in zip(groups, tests, corrected, strict=True)
    ]
    found.sort(key=lambda s: (not (s.stands_out and s.difference < 0), s.difference))
    return found[:MOST_SLICES], len(groups)


def tells_class(column: pl.Series, target: Array) -> bool:
    """Whether the values of a raw column are the classes under other names: a group of one class has no rate of its own.

    Args:
        column: raw values.
        target: class codes, `(N,)`.

    Example:
        >>> target = np.array([0, 1, 0])
        >>> tells_class(pl.Series(["in", "out", "in"]), target), tells_class(pl.Series(["in"] * 3), target)
        (True, False)
    """
    if target.ndim != 1 or column.dtype.is_nested() or column.dtype == pl.Object or column.n_unique() > MOST_VALUES:
        return False
    pairs = pl.DataFrame({"value": column, "class": target}).group_by("value", "class").len()
    known, guessed = pairs.group_by("value").agg(pl.col("len").max())["len"].sum(), np.bincount(target).max()
    return bool(guessed < len(target) and known - guessed >= LEAK * (len(target) - guessed))


def _groups(column: pl.Series) -> Iterator[tuple[str, Array]]:
    """Values or ranges of a raw column with the rows that have them."""
    if column.null_count():
        yield "(missing)", column.is_null().to_numpy()
    if column.dtype.is_numeric() and column.n_unique() > 12:
        yield from _ranges(column)
    elif column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
        yield from _values(column)


def _values(column: pl.Series) -> Iterator[tuple[str, Array]]:
    counts = column.drop_nulls().value_counts(sort=True, name="rows")
    frequent = counts.filter(pl.col("rows") >= FEWEST_ROWS).head(MOST_VALUES)[column.name]
    for value in frequent:
        yield str(value), (column == value).fill_null(False).to_numpy()


def _ranges(column: pl.Series) -> Iterator[tuple[str, Array]]:
    values = column.cast(pl.Float64).to_numpy()
    finite = values[np.isfinite(values)]
    if not len(finite):
        return
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, RANGES + 1)))
    for i, (low, high) in enumerate(pairwise(edges)):
        last = i == len(edges) - 2
        inside = (values >= low) & ((values <= high) if last else (values < high))
        yield f"{low:.6g} to {high:.6g}", inside


def _against_rest(scores: Floats, rows: Array, share: bool) -> tuple[float, float]:
    """Mean difference of a group to the other rows and its two-sided p-value.

    Shares are compared with their pooled spread (a group of hits only has none of its own), other scores by Welch's test with
    normal limits: both sides have 30 rows or more.
    """
    inside, outside = scores[rows], scores[~rows]
    difference = float(inside.mean() - outside.mean())
    sides = (inside, outside)
    variance = sum((float(scores.var()) if share else float(side.var(ddof=1))) / len(side) for side in sides)
    return difference, math.erfc(abs(difference) / math.sqrt(2 * variance)) if variance else 1.0


def _interval(scores: Floats, share: bool) -> Interval:
    n, mean = len(scores), float(scores.mean())
    if share:
        return wilson_interval(float(scores.sum()), n)
    half = 1.96 * float(scores.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, max(0.0, mean - half) if mean >= 0 else mean - half, mean + half, n)
