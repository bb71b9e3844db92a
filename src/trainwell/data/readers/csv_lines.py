"""Where the records of a delimited text begin and end and how many fields each has, found with array operations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

QUOTE, NEWLINE = 34, 10
CHUNK = 8 << 20
"""Bytes looked at together; bounds the memory of the scan."""

Quotes = Literal["span", "line", "none"]
"""Quoted fields may span lines; quotes count within one line only; quotes are ordinary characters."""


@dataclass(frozen=True)
class Records:
    """Byte ranges of records, each array `(N,)`.

    Args:
        start: first byte.
        end: byte after the last one, without the line's end.
        fields: number of fields; 0 for a blank line.
        line: 1-based line of the file on which the record begins.
        closed: whether every quote that opens in the record closes in it.
    """

    start: np.ndarray
    end: np.ndarray
    fields: np.ndarray
    line: np.ndarray
    closed: np.ndarray

    def __len__(self) -> int:
        return len(self.start)


def scan(data: bytes, delimiter: str, quotes: Quotes = "span") -> Records:
    """The records of `data` (lines end in a line feed; a carriage return before it counts as blank).

    Example:
        >>> scan(b'a,b\\n"x,\\ny",2\\n\\n3\\n', ",").fields.tolist()
        [2, 2, 0, 1]
    """
    text = np.frombuffer(data, np.uint8)
    ends, counts, lines, odd = _breaks(text, ord(delimiter), quotes)
    if not len(ends) or ends[-1] != len(text) - 1:  # a last line without a line feed
        ends = np.append(ends, len(text))
    start = np.concatenate([[0], ends[:-1] + 1])
    delimiters = np.diff(counts.before(ends), prepend=0)
    blank = _is_blank(text, start, ends)
    fields = np.where(blank, 0, delimiters + 1)
    line = 1 + np.concatenate([[0], lines.before(ends)[:-1] + 1]) if quotes == "span" else np.arange(1, len(ends) + 1)
    return Records(start, ends, fields, line, ~odd.between(start, ends))


def _is_blank(text: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    length = end - start
    return (length == 0) | ((length == 1) & (text[np.minimum(start, len(text) - 1)] == 13))


class _Positions:
    """Sorted byte positions of something, to be counted before a point or between two."""

    def __init__(self, positions: np.ndarray) -> None:
        self.positions = positions

    def before(self, points: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.positions, points)

    def between(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return (self.before(end) - self.before(start)) % 2 == 1


def _breaks(text: np.ndarray, delimiter: int, quotes: Quotes) -> tuple[np.ndarray, _Positions, _Positions, _Positions]:
    """Record ends, delimiters outside quotes, all line feeds and all quotes, as byte positions."""
    ends, delimiters, lines, marks = [], [], [], []
    inside = 0
    for offset in range(0, len(text), CHUNK):
        chunk = text[offset : offset + CHUNK]
        where = np.flatnonzero((chunk == QUOTE) | (chunk == NEWLINE) | (chunk == delimiter))
        kind = chunk[where]
        is_quote = kind == QUOTE
        parity, inside = _parity(kind, is_quote, inside, quotes)
        where = where + offset
        ends.append(where[(kind == NEWLINE) & (parity == 0)])
        delimiters.append(where[(kind == delimiter) & (parity == 0)])
        lines.append(where[kind == NEWLINE])
        marks.append(where[is_quote] if quotes != "none" else where[:0])
    join = [np.concatenate(p) if p else np.zeros(0, np.int64) for p in (ends, delimiters, lines, marks)]
    return join[0], _Positions(join[1]), _Positions(join[2]), _Positions(join[3])


def _parity(kind: np.ndarray, is_quote: np.ndarray, inside: int, quotes: Quotes) -> tuple[np.ndarray, int]:
    """1 at positions inside quotes; and whether the next chunk starts inside."""
    if quotes == "none":
        return np.zeros(len(kind), np.int8), 0
    total = np.cumsum(is_quote) + inside
    if quotes == "line":  # start again at every line feed
        newline = kind == NEWLINE
        at_line = np.where(newline, total, 0)
        total = np.where(newline, 0, total - np.maximum.accumulate(at_line))
        inside = 0 if not len(kind) else int(total[-1] % 2)
        return total % 2, inside
    return total % 2, int(total[-1] % 2) if len(total) else inside


def opens_with_quote(data: bytes, delimiter: str) -> bool:
    """Whether some cell begins with a quote.

    Example:
        >>> opens_with_quote(b'a, "b"', ","), opens_with_quote(b'a,5" b', ",")
        (True, False)
    """
    return b'"' in data and re.search(rb'(?:^|[\n%s]) *"' % re.escape(delimiter).encode(), data) is not None


def _has_quoted_cell(data: bytes, delimiter: str) -> bool:
    """Whether a cell on one of the first lines both opens and closes with a quote."""
    sign = re.escape(delimiter).encode()
    return re.search(rb'(?:^|[\n%s]) *"[^"\n]*" *(?:[\r\n%s]|$)' % (sign, sign), data[:CHUNK]) is not None


def best_scan(data: bytes, delimiter: str, width: int) -> tuple[Records, Quotes]:
    """The reading of quotes that leaves most records with `width` fields; ties go to the standard one.

    Quotes are ordinary characters only where no cell is properly quoted, as in a column of inches.
    """
    modes: tuple[Quotes, ...] = ("span",)
    if b'"' in data:
        modes = ("span", "line") if _has_quoted_cell(data, delimiter) else ("span", "line", "none")
    best: tuple[Records, Quotes] | None = None
    most = -1
    for mode in modes:
        records = scan(data, delimiter, mode)
        good = int(((records.fields == width) & records.closed).sum())
        if good > most:
            best, most = (records, mode), good
        if good == int((records.fields > 0).sum()):
            break
    assert best is not None
    return best
