"""Measurements of a run as columns in memory and CRC-guarded JSON lines on disk."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from zlib import crc32

Row = dict[str, Any]


def encode_line(row: Mapping[str, Any]) -> str:
    """One row as a JSON line that carries the CRC-32 of its own content."""
    body = json.dumps(row, separators=(",", ":"), ensure_ascii=False)
    return f'{{"crc":"{crc32(body.encode()):08x}","row":{body}}}\n'


def decode_line(line: bytes) -> Row | None:
    """The row of a line, or None when the line is torn or damaged."""
    if not line.endswith(b"}\n") or not line.startswith(b'{"crc":"'):
        return None
    body = line[24:-2]
    if line[16:24] != b'","row":' or f"{crc32(body):08x}".encode() != line[8:16]:
        return None
    row: Row = json.loads(body)
    return row


class History:
    """A table of measurements: each row says where it was taken (`step`, `epoch`, `split`) and what was measured.

    Args:
        path: the JSONL file to append to; None keeps the table in memory only.

    Reading stops at the first damaged line, and the first writing cuts it away: what was written before it stays. A reader
    changes nothing, so a run may be looked at while it trains.

    Example:
        >>> history = History()
        >>> history.add(step=0, split="train", loss=2.3)
        >>> history.column("loss", split="train")
        [2.3]
        >>> history
        History(1 rows of step, split, loss)
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.rows: list[Row] = []
        self._file: IO[str] | None = None
        self._good = 0
        if path is not None and path.exists():
            self.rows, self._good = read_rows(path)

    def add(self, **row: Any) -> None:
        """Append one row, in memory and on disk; NaN and infinity become text, for JSON has none."""
        self.rows.append(row)
        if self.path is not None:
            self._open().write(encode_line({k: _plain(v) for k, v in row.items()}))

    def column(self, name: str, **where: Any) -> list[Any]:
        """The values of `name` in the rows that have it and match `where`, in order."""
        return [r[name] for r in self.matching(**where) if name in r]

    def matching(self, **where: Any) -> Iterator[Row]:
        """The rows whose columns equal `where`."""
        return (r for r in self.rows if all(r.get(k) == v for k, v in where.items()))

    def flush(self) -> int:
        """Push everything to the disk; returns the length in bytes that a checkpoint refers to."""
        if self.path is None:
            return 0
        file = self._open()
        file.flush()
        os.fsync(file.fileno())
        return self.path.stat().st_size

    def cut(self, length: int) -> None:
        """Forget everything after the first `length` bytes: what a resumed run will measure again."""
        if self.path is None:
            return
        self.close()
        if self.path.exists():
            os.truncate(self.path, min(length, self.path.stat().st_size))
            self.rows, self._good = read_rows(self.path)

    def close(self) -> None:
        if self._file is not None and self.path is not None:
            self._file.close()
            self._file, self._good = None, self.path.stat().st_size

    def _open(self) -> IO[str]:
        assert self.path is not None
        if self._file is None:
            if self.path.exists():
                os.truncate(self.path, self._good)
            self._file = open(self.path, "a", encoding="utf-8", newline="\n")  # noqa: SIM115  one handle for the run
        return self._file

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        columns = dict.fromkeys(name for row in self.rows for name in row)
        return f"History({len(self)} rows of {', '.join(columns)})"


def read_rows(path: Path) -> tuple[list[Row], int]:
    """The undamaged rows at the head of a history file, and their length in bytes."""
    rows: list[Row] = []
    good = 0
    with open(path, "rb") as file:
        for line in file:
            row = decode_line(line)
            if row is None:
                break
            rows.append({k: _number(v) for k, v in row.items()})
            good += len(line)
    return rows, good


_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _number(value: Any) -> Any:
    if isinstance(value, list):
        return [_number(v) for v in value]
    if isinstance(value, dict):
        return {k: _number(v) for k, v in value.items()}
    return _SPECIAL.get(value, value) if isinstance(value, str) else value
