"""Labels that somebody corrected, from a file: each names the row, what it was called, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.kinds.words import EMPTY, texts_of
from trainwell.data.source import Source

#: Columns of a file of corrections.
ROW, GIVEN, CORRECTED = "row", "given", "corrected"


def corrected(source: Source, path: str | Path, names: Sequence[str]) -> Source:
    """The source with the labels of a file in place of its own, and a line on the card.

    The file is a CSV with the columns `row`, `given` and `corrected`, as `trainwell mislabelled` writes it. Rows without a
    correction stay as they are; `?` says that nobody can tell, and the row is set aside.

    Args:
        source: the raw rows.
        path: the file.
        names: the target columns; there must be one.

    Raises:
        DataError: the file cannot be read, was made for other rows, or there are several targets.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "fixes.csv"
        >>> _ = path.write_text("row,given,corrected\\n1,cat,dog\\n")
        >>> corrected(Source(pl.DataFrame({"y": ["cat", "cat"]}), ""), path, ["y"]).frame["y"].to_list()
        ['cat', 'dog']
    """
    where = str(path)
    if len(names) != 1:
        raise DataError("corrections are for one target column", where=where, remedy="Name one target.")
    if not isinstance(source.frame, pl.DataFrame):
        raise DataError(
            "corrections are for tables in memory, this one stays in its files", where=where, remedy="Mend the files."
        )
    fixes = _read(Path(path))
    labels = texts_of(source.frame[names[0]]).to_list()
    changed = 0
    for row, given, new in fixes.iter_rows():
        if not 0 <= row < len(labels):
            raise DataError(f"row {row} is not there, the source has {len(labels):,} rows", where=where, remedy=_OTHER)
        if _bare(labels[row]) != _bare(given):
            what = f"row {row} is called {labels[row]!r}, and the corrections say that it was {given!r}"
            raise DataError(what, where=where, remedy=_OTHER)
        changed += labels[row] != new
        labels[row] = None if new.lower() in EMPTY else new
    text = f"{changed:,} labels were corrected by {Path(path).name}."
    frame = source.frame.with_columns(pl.Series(names[0], labels, dtype=pl.String))
    check = Check("corrections", "WARN", text, names[0], changed)
    return replace(source, frame=frame, given=source.frame[names[0]], checks=[*source.checks, check])


_OTHER = "These corrections are for other data, or the rows have moved."


def _bare(label: str | None) -> str:
    return (label or "").strip()


def _read(path: Path) -> pl.DataFrame:
    try:
        found = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"the corrections cannot be read: {error}", where=str(path), remedy="Give a CSV file.") from None
    if lacking := [name for name in (ROW, GIVEN, CORRECTED) if name not in found.columns]:
        raise DataError(
            f"the corrections lack the column {lacking[0]!r}", where=str(path), remedy="Needed: row, given, corrected."
        )
    found = found.select(ROW, GIVEN, pl.col(CORRECTED).str.strip_chars()).filter(pl.col(CORRECTED).fill_null("") != "")
    rows = found[ROW].cast(pl.Int64, strict=False)
    if rows.null_count():
        raise DataError("a row number is no whole number", where=str(path), remedy="Keep the column `row` as it was.")
    return found.with_columns(rows)
