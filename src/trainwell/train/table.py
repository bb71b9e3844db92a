"""Rows as Python programs have them, lists of mappings, as a table."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from trainwell.data.kinds.words import cell_text

#: Cells that hold more than one value; a column of them has no text beside them.
_WHOLE = (bytes, list, tuple, dict, np.ndarray)
#: Types that one column may mix.
_ALIKE: tuple[set[type], ...] = ({int, float, bool}, {dt.date, dt.datetime})


def as_table(rows: Any) -> Any:
    """A list of row dicts as a frame, in which a key that some rows lack is empty there; anything else as it is."""
    if isinstance(rows, Mapping) and not any(isinstance(v, (list, tuple, np.ndarray)) for v in rows.values()):
        rows = [rows]
    if isinstance(rows, list) and rows and all(isinstance(r, Mapping) for r in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        return pl.DataFrame({name: column_of(name, [row.get(name) for row in rows]) for name in names})
    return rows


def column_of(name: str, cells: list[Any]) -> pl.Series:
    """Python cells as a column, in which an odd one does not change what the others are.

    Numbers among words are words; where most cells are lists or bytes, what is neither is empty.

    Example:
        >>> column_of("x", [1.5, "two", dt.date(2020, 1, 1)]).to_list(), column_of("x", [b"a", "b", b"c"]).to_list()
        (['1.5', 'two', '2020-01-01'], [b'a', None, b'c'])
    """
    kinds = Counter(type(cell) for cell in cells if cell is not None)
    if len(kinds) > 1 and not any(kinds.keys() <= alike for alike in _ALIKE):
        main = kinds.most_common(1)[0][0]
        cells = [cell if type(cell) is main else None for cell in cells] if main in _WHOLE else [cell_text(c) for c in cells]
    try:
        return pl.Series(name, cells, strict=False)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, [cell_text(cell) for cell in cells], dtype=pl.String)
