"""The distinct cells of a column as text.

Reading a cell (is it a number, a date, a label?) is done once per distinct text instead of once per row: a million rows of
ten labels cost ten decisions and one gather.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

#: Cells that say "nothing here" in every kind of column, in lower case.
EMPTY = frozenset({"", "?", "nan", "null", "n/a", "#n/a", "<na>", "nat"})
#: What else says so where a number, a date or a yes/no is expected; in a category these are words like others.
NOTHING = EMPTY | {"na", "none", "nil", "-", "--", "---", ".", "missing", "unknown", "not available", "#value!", "#div/0!"}

#: The whole numbers that numpy has too.
_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
_LARGEST = 2**63 - 1
#: Above this many distinct texts a join is faster than an enumeration.
_MANY = 50_000
#: Rows in which the distinct texts are looked for first.
_HEAD = 10_000


@dataclass(frozen=True)
class Words:
    """Distinct texts of a column and where they stand.

    Args:
        codes: (N,) int32, each row's place in `texts`, -1 for an empty cell.
        texts: the distinct texts, outer whitespace removed, in the order of their first row.
    """

    codes: np.ndarray
    texts: pl.Series

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """How often each text stands in `rows`, int64."""
        return np.bincount(self.codes[rows] + 1, minlength=len(self.texts) + 1)[1:]

    def spread(self, per_text: np.ndarray, empty: Any) -> np.ndarray:
        """One value per row from one value per text; empty cells get `empty`."""
        return np.append(per_text, np.asarray([empty], per_text.dtype)).take(self.codes)  # code -1 is the last entry


def words_of(series: pl.Series) -> Words:
    """The distinct texts of any column of scalars."""
    return words_from(*dictionary(series))


def words_from(codes: np.ndarray, distinct: pl.Series) -> Words:
    """Words from what `dictionary` says; cells that differ only by outer whitespace become one."""
    texts = texts_of(distinct).str.strip_chars()
    filled = ~texts.str.to_lowercase().is_in([*EMPTY, None], nulls_equal=True)
    if filled.all() and texts.equals(distinct):
        return Words(codes.astype(np.int32, copy=False), texts)
    kept = texts.filter(filled).unique(maintain_order=True)
    place = np.full(len(texts) + 1, -1, np.int32)  # the last entry serves code -1
    place[:-1][filled.to_numpy()] = _places(texts.filter(filled), kept)
    return Words(place.take(codes), kept.rename(distinct.name))


def nothing(texts: pl.Series) -> np.ndarray:
    """Which texts say "no value" in words or signs, bool."""
    return texts.str.to_lowercase().is_in(list(NOTHING)).to_numpy()


def few_distinct(series: pl.Series) -> bool:
    """Whether the first rows of a text column repeat each other, as labels do and sentences do not."""
    return series.head(_HEAD).n_unique() <= _HEAD // 4


def dictionary(series: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """Each cell's place among the distinct cells, -1 for null, and the distinct cells in the order of their first row.

    In a text column most of them stand in the first rows; one pass numbers those, and only what is left is looked at again.
    """
    if series.dtype in _INTEGERS and (counted := _counted(series)) is not None:
        return counted
    head = series.head(_HEAD).unique(maintain_order=True).drop_nulls()
    if series.dtype != pl.String or len(series) <= 4 * _HEAD or len(head) > _HEAD // 4:
        distinct = series.unique(maintain_order=True).drop_nulls()
        return _places(series, distinct), distinct
    places = series.cast(pl.Enum(head), strict=False).to_physical()
    if places.null_count() == series.null_count():
        return _numbers(places), head
    codes = _numbers(places).astype(np.int32)
    left = (codes < 0) & series.is_not_null().to_numpy()
    rest, more = dictionary(series.filter(pl.Series(left)))
    codes[left] = rest + np.int32(len(head))
    return codes, pl.concat([head, more])


def _places(series: pl.Series, distinct: pl.Series) -> np.ndarray:
    """Each cell's place in `distinct`, -1 for null."""
    if series.dtype == pl.String and len(distinct) <= _MANY:
        return _numbers(series.cast(pl.Enum(distinct)).to_physical())
    left, right = series.alias("cell").to_frame(), distinct.alias("cell").to_frame().with_row_index("place")
    return _numbers(left.join(right, on="cell", how="left", maintain_order="left")["place"])


def _counted(series: pl.Series) -> tuple[np.ndarray, pl.Series] | None:
    """What `dictionary` says of whole numbers, by a table of their range; None where it is too wide, or beyond int64."""
    if series.null_count() == len(series):
        return None
    low, high = int(series.min()), int(series.max())  # type: ignore[arg-type]
    if high - low > len(series) or high > _LARGEST:
        return None
    offsets = series.drop_nulls().to_numpy().astype(np.int64) - low
    first = np.full(high - low + 1, len(offsets))
    first[offsets[::-1]] = np.arange(len(offsets))[::-1]  # the last to be written is the first row
    order = np.argsort(first, kind="stable")[: int((first < len(offsets)).sum())]
    place = np.empty(len(first), np.int32)
    place[order] = np.arange(len(order))
    codes = np.full(len(series), -1, np.int32)
    codes[series.is_not_null().to_numpy()] = place.take(offsets)
    return codes, pl.Series(series.name, order + low, dtype=series.dtype)


def _numbers(places: pl.Series) -> np.ndarray:
    """Unsigned places as whole numbers, as small as they came where none is null, else int32 with -1 for null."""
    return places.cast(pl.Int32).fill_null(-1).to_numpy() if places.null_count() else places.to_numpy()


def texts_of(cells: pl.Series) -> pl.Series:
    """Cells of any scalar type as text, written as `cell_text` writes them."""
    if cells.dtype == pl.String:
        return cells
    return pl.Series(cells.name, [cell_text(cell) for cell in cells.to_list()], dtype=pl.String)


def as_cells(series: pl.Series) -> pl.Series:
    """Python objects of several types as text, and whole numbers of 128 bits as floats; any other column as it is."""
    if series.dtype == pl.Object:
        return texts_of(series)
    return series.cast(pl.Float64) if series.dtype.is_integer() and series.dtype not in _INTEGERS else series


def cell_text(cell: Any) -> str | None:
    """One plain Python cell as text: whole floats lose their `.0`, so that a column reads the same with and without gaps.

    Example:
        >>> cell_text(3.0), cell_text(True), cell_text(" a "), cell_text(float("nan"))
        ('3', 'true', ' a ', 'nan')
    """
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)
