"""The column kinds by name, in the order in which they are asked."""

from __future__ import annotations

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.kinds import boolean, category, datetime, number, picture, series, text
from trainwell.data.kinds.kind import Guess, Kind, Raw

KINDS: dict[str, Kind] = {
    "boolean": boolean,
    "datetime": datetime,
    "number": number,
    "picture": picture,
    "series": series,
    "text": text,
    "category": category,
}


def kind_of(raw: Raw, asked: str = "auto") -> tuple[str, Guess]:
    """The kind of a column and the reason, from its train rows.

    Args:
        raw: the column.
        asked: what the recipe or the source says it is; "auto" to find out.
    """
    if asked != "auto":
        guess = KINDS[asked].recognise(raw, forced=True)
        if guess is None:
            raise DataError(f"column {raw.name!r} cannot be read as {asked}", remedy="Choose another kind for it.")
        return asked, guess
    asking: dict[str, Kind] = KINDS if is_scalar(raw) else {"picture": picture, "series": series}
    for name, kind in asking.items():
        guess = kind.recognise(raw)
        if guess is not None:
            return name, guess
    return "ignore", Guess(f"the column holds {_what(raw)}, which no kind reads")


def is_scalar(raw: Raw) -> bool:
    """Whether the cells are single values that can be written as text."""
    return isinstance(raw.values, pl.Series) and not raw.values.dtype.is_nested() and raw.values.dtype != pl.Binary


def _what(raw: Raw) -> str:
    return f"arrays of shape {raw.values.shape[1:]}" if isinstance(raw.values, np.ndarray) else str(raw.values.dtype)
