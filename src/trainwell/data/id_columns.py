"""Whether a column is worth giving to a network: names of rows and constants are not."""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from trainwell.data.kinds.kind import Raw

_ID_WORD = re.compile(r"(^|[_\W])(id|ids|idx|index|key|uuid|guid|rowid|rownames)$|^unnamed|^$", re.I)
_ID_CAMEL = re.compile(r"[a-z](ID|Id|Idx)$|^(ID|Id|id)[_A-Z]")
#: Below this many values, all being different says nothing.
_ENOUGH = 20


def called_id(name: str) -> bool:
    """Whether the name says that the column numbers the rows.

    Example:
        >>> [called_id(name) for name in ("customerID", "row_id", "Unnamed: 0", "humid", "grid")]
        [True, True, True, False, False]
    """
    return bool(_ID_WORD.search(name) or _ID_CAMEL.search(name))


def names_rows(raw: Raw) -> str:
    """Why the train values look like names of rows, or "" if they do not: different text everywhere, or running numbers."""
    if raw.series.dtype == pl.String:
        return _unique_text(raw)
    if not raw.series.dtype.is_integer() or not (
        called_id(raw.name) or _runs(raw.series.gather(raw.rows[:100]), raw.rows[:100])
    ):
        return ""
    seen = raw.series.gather(raw.rows)
    present = len(seen) - seen.null_count()
    if present < _ENOUGH:
        return ""
    if called_id(raw.name) and seen.drop_nulls().n_unique() == present:
        return "different whole numbers in every row, and the name says so"
    if _runs(seen, raw.rows):
        return "the number of the row"
    return ""


def _unique_text(raw: Raw) -> str:
    counts = raw.counts
    distinct, present = int((counts > 0).sum()), int(counts.sum())
    if present < _ENOUGH or distinct < 0.95 * present:
        return ""
    return f"{distinct:,} different texts in {present:,} train rows"


def _runs(seen: pl.Series, rows: np.ndarray) -> bool:
    """Whether the values count the rows of the source up by one."""
    if seen.null_count() or not len(seen):
        return False
    apart = seen.to_numpy().astype(np.int64) - rows
    return bool((apart == apart[0]).all())


def may_be_unique(name: str, dtype: pl.DataType) -> bool:
    """Whether a column of this name and type could be one that `looks_unique`."""
    return dtype == pl.String or (dtype.is_integer() and called_id(name))


def looks_unique(series: pl.Series) -> bool:
    """Whether all rows differ in this column and its kind of value makes that a name rather than a measurement."""
    if series.dtype == pl.String:
        head = series.head(1_000)
        return head.n_unique() > 0.95 * len(head) and series.n_unique() > 0.95 * len(series)
    return series.dtype.is_integer() and called_id(series.name) and series.n_unique() == len(series)
