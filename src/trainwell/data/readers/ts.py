"""The `.ts` format of the UCR and UEA archives: a header of `@` lines, then one series a line, channels divided by colons.

Source: Löning et al., "sktime: a unified interface for machine learning with time series", 2019, whose format this is.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.source import Source

_STAMPED = re.compile(r"\(\s*[^(),]*,\s*([^()]*)\)")


def read_ts(path: Path) -> Source:
    """A `.ts` file: the array "series" `(N, C, L)`, NaN for holes and behind the end, and the column "label" or "target".

    Raises:
        DataError: no `@data`, a line that is no series, or lines of different channels.
    """
    text = read_text(path)
    head, found, body = (
        re.split(r"(?im)^(@data)\s*$", text, maxsplit=1) if re.search(r"(?im)^@data\s*$", text) else (text, "", "")
    )
    if not found:
        raise DataError("there is no line @data", where=str(path), remedy="Give a whole .ts file.")
    said = dict(re.findall(r"(?im)^@(\w+)[ \t]*(.*)$", head.lower()))
    name = (
        "label" if said.get("classlabel", "").startswith("true") else "target" if said.get("targetlabel", "") == "true" else ""
    )
    first = text[: len(text) - len(body)].count("\n") + 1
    lines = [(first + n, line.strip()) for n, line in enumerate(body.splitlines()) if line.strip() and line[0] not in "#%"]
    rows, labels = [], []
    for number, line in lines:
        *channels, label = line.split(":") if name else [*line.split(":"), ""]
        rows.append([_numbers(channel, path, number) for channel in channels])
        labels.append(label.strip())
        if len(rows[-1]) != len(rows[0]) or not channels:
            what = f"line {number} has {len(channels)} channels, the first series {len(rows[0])}"
            raise DataError(
                what, where=str(path), remedy="Give every series the same channels, and a label if the header says so."
            )
    return as_source(rows, labels, name, path)


def read_text(path: Path) -> str:
    """A text file, unpacked if gzipped."""
    data = path.read_bytes()
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", errors="replace")


def _numbers(channel: str, path: Path, line: int) -> np.ndarray:
    """The numbers of one channel, NaN for `?`."""
    if "(" in channel:
        channel = ",".join(_STAMPED.findall(channel))
    cells = channel.replace("?", "nan").split(",") if channel.strip() else []
    try:
        return np.array(cells, np.float64)
    except ValueError:
        odd = next(cell for cell in cells if not _is_number(cell))
        raise DataError(
            f"line {line} holds {odd.strip()!r:.40}, which is no number", where=str(path), remedy="Correct it."
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def as_source(rows: list[list[np.ndarray]], labels: list[str], name: str, path: Path) -> Source:
    """Series with their labels, the shorter ones filled up with NaN.

    Args:
        rows: channels of each series.
        labels: of each series.
        name: "label" for classes, "target" for numbers, "" for none.
        path: of the file.
    """
    if not rows:
        raise DataError("the file holds no series", where=str(path), remedy="Give a file with series.")
    length = max(len(channel) for row in rows for channel in row)
    if not length:
        raise DataError("every series of the file is empty", where=str(path), remedy="Give a file with numbers.")
    array = np.full((len(rows), len(rows[0]), length), np.nan, np.float32)
    for place, row in enumerate(rows):
        for channel, values in enumerate(row):
            array[place, channel, : len(values)] = values
    kinds = {"series": "series"} | ({"label": "category"} if name == "label" else {"target": "number"} if name else {})
    frame = pl.DataFrame({name: labels} if name else {})
    text = f"Read {len(rows):,} series of {len(rows[0])} channel{'s' if len(rows[0]) > 1 else ''} and at most {length:,} steps."
    checks = [Check("format", "PASS", text)]
    return Source(frame, str(path), {"series": array}, name or None, kinds, checks=checks, base=str(path.parent))
