"""Which column tells series apart that stand under each other, where nobody says so."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

#: From this share of rows with a time of their own on, there is one series.
ONE_SERIES = 0.9
#: Share of rows that are alone with their time and series where a column tells series apart.
ALONE = 0.99
#: Rows that a series has at least, on average.
ROWS_EACH = 10


def told_apart_by(frame: pl.DataFrame, time: str, texts: Sequence[str]) -> str | None:
    """The only column of texts within whose values each time stands once, while rows of the table share times; else None.

    Args:
        frame: the raw rows.
        time: the column of times; empty where there is none.
        texts: columns that hold no numbers.

    Example:
        >>> frame = pl.DataFrame({"t": [*range(20)] * 2, "sensor": ["a"] * 20 + ["b"] * 20, "note": ["ok"] * 40})
        >>> told_apart_by(frame, "t", ["sensor", "note"])
        'sensor'
    """
    if not time or frame[time].n_unique() > ONE_SERIES * len(frame):
        return None
    found = [name for name in texts if not frame[name].dtype.is_nested() and _tells(frame, time, name)]
    return found[0] if len(found) == 1 else None


def _tells(frame: pl.DataFrame, time: str, name: str) -> bool:
    few = 1 < frame[name].n_unique() <= len(frame) / ROWS_EACH
    return few and frame.select(pl.struct(time, name).n_unique()).item() >= ALONE * len(frame)
