"""Tables that bring their own types: Parquet, Arrow and Feather, JSON and JSON Lines, Excel."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from trainwell.core.errors import DataError, MissingExtra
from trainwell.data.card import Check
from trainwell.data.readers import frames
from trainwell.data.readers.cells import clean_cells
from trainwell.data.readers.encodings import decode, guess_encoding
from trainwell.data.readers.idx import cannot_open, read_bytes
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source


def _polars(read: Callable[[Any], pl.DataFrame], path: Path, what: str) -> Source:
    """A frame from one of Polars's readers; its many ways to fail become one sentence."""
    try:
        frame = read(path)
    except PermissionError as error:
        raise cannot_open(path, error) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"the {what} file is damaged ({reason})", where=str(path), remedy="Copy or write it again.") from None
    return frames.read_frame(frame, str(path))


def read_parquet(path: Path) -> Source:
    """A Parquet file."""
    return _polars(pl.read_parquet, path, "Parquet")


def read_arrow(path: Path) -> Source:
    """An Arrow IPC (Feather 2) file."""
    return _polars(pl.read_ipc, path, "Arrow")


def read_arrow_stream(path: Path) -> Source:
    """An Arrow IPC stream."""
    return _polars(pl.read_ipc_stream, path, "Arrow")


def _text(path: Path) -> str:
    data = read_bytes(path)
    return decode(data, guess_encoding(data)).lstrip("\ufeff")


def read_ndjson(path: Path) -> Source:
    """JSON Lines: one object per line; lines that are none are set aside with their numbers.

    Raises:
        DataError: no line holds an object.
    """
    rows, bad, others = [], [], 0
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            others += 1
            continue
        row = _object(line)
        if row is None:
            bad.append(f"line {number}: {line.strip()[:60]}")
        else:
            rows.append(row)
    if not rows:
        raise DataError("no line holds a JSON object", where=str(path), remedy='Give one object per line: {"a": 1, "b": "x"}.')
    source = frames.read_rows(rows, str(path))
    if bad:
        text = f"Set aside {counted(len(bad), 'line')} without a JSON object."
        source.checks.append(Check("ragged", "WARN", text, count=len(bad), examples=tuple(bad[:5])))
    return source


def _object(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def read_json(path: Path) -> Source:
    """A JSON array of objects, or one object of equally long columns.

    Raises:
        DataError: the text is no JSON, or no table.
    """
    try:
        held = json.loads(_text(path))
    except RecursionError:
        raise DataError("the JSON is nested too deeply", where=str(path), remedy="Give an array of flat objects.") from None
    except ValueError as error:
        what = f"the text is no JSON ({str(error).rstrip('.')})"
        raise DataError(what, where=str(path), remedy="Mend the place, or write JSON Lines.") from None
    if isinstance(held, dict) and held and all(isinstance(v, list) for v in held.values()):
        return frames.read_columns(held, str(path))
    rows = held if isinstance(held, list) else [held]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError("the JSON holds no objects in an array", where=str(path), remedy='Give [{"a": 1}, {"a": 2}].')
    return frames.read_rows(rows, str(path))


def read_excel(path: Path) -> Source:
    """The first sheet of a workbook that holds rows; other sheets are named on the card.

    Raises:
        MissingExtra: the extra `excel` is not installed.
        DataError: the workbook is damaged or has no rows.
    """
    if importlib.util.find_spec("fastexcel") is None:
        raise MissingExtra("Excel files need the extra excel", where=str(path), remedy='Run pip install "trainwell[excel]".')
    import fastexcel

    try:
        names = fastexcel.read_excel(path).sheet_names
        sheets = {name: pl.read_excel(path, sheet_name=name, raise_if_empty=False) for name in names}
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"the workbook cannot be read ({reason})", where=str(path), remedy="Save it again as .xlsx.") from None
    full = [name for name, frame in sheets.items() if len(frame)]
    if not full:
        raise DataError("no sheet of the workbook has rows below a header", where=str(path), remedy="Give a sheet with rows.")
    clean = clean_cells(sheets[full[0]])
    source = frames.read_frame(clean.frame, str(path))
    source.checks += clean.checks
    if len(full) > 1:
        text = f"Read the sheet {full[0]!r}; left out {counted(len(full) - 1, 'more sheet')} with rows."
        source.checks.append(Check("sheets", "WARN", text, count=len(full) - 1, examples=tuple(full[1:6])))
    return source


READERS: dict[str, Callable[[Path], Source]] = {
    "parquet": read_parquet,
    "arrow": read_arrow,
    "arrow_stream": read_arrow_stream,
    "ndjson": read_ndjson,
    "json": read_json,
    "excel": read_excel,
}
