"""Text cells made clean: missing markers become nulls, and columns of numbers written as text become numbers."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from trainwell.data.card import Check
from trainwell.data.kinds.words import Words, dictionary, few_distinct, words_from
from trainwell.data.readers.dialect import MISSING
from trainwell.data.readers.wording import counted

LONGEST = max(map(len, MISSING))
SHOWN = 8
"""Columns named in one sentence."""

Cells = TypeVar("Cells", pl.Expr, pl.Series)


@dataclass(frozen=True)
class Clean:
    """Cells as `clean_cells` leaves them.

    Args:
        frame: the table.
        words: the distinct texts of text columns where they were counted on the way.
        checks: for the card.
    """

    frame: pl.DataFrame
    words: dict[str, Words]
    checks: list[Check]


def clean_cells(frame: pl.DataFrame, *, all_text: bool = False, decimal_comma: bool = False) -> Clean:
    """`frame` with missing markers and blank cells as nulls, and text columns of numbers as numbers.

    Args:
        frame: as read.
        all_text: every column was read as text, so every column may hold numbers.
        decimal_comma: numbers are written 3,14 and 1.234,5.

    Example:
        >>> clean = clean_cells(pl.DataFrame({"a": ["1", "?", " "], "b": ["x", "y", "z"]}))
        >>> clean.frame["a"].to_list(), clean.checks[0].count
        ([1, None, None], 2)
    """
    empty = {name: int(n) for name, n in zip(frame.columns, frame.null_count().row(0), strict=True) if n}
    if all_text or decimal_comma:
        frame = frame.with_columns(pl.col(pl.String).str.strip_chars())
        frame = as_numbers(frame, frame.columns, decimal_comma)  # first, so that markers are sought in what is left only
    frame, not_numbers = _drop_not_a_number(frame)
    found: dict[str, Counter[str]] = {}
    words: dict[str, Words] = {}
    texts = [column for column in frame.get_columns() if column.dtype == pl.String]
    with ThreadPoolExecutor(2) as pool:
        for column, (markers, known) in zip(texts, pool.map(_markers_of, texts), strict=True):
            found |= {column.name: markers} if markers else {}
            words |= {column.name: known} if known else {}
    if found:
        stripped = pl.col(list(found)).str.strip_chars()
        frame = frame.with_columns(pl.when(~_is_marker(stripped)).then(stripped))
        frame = as_numbers(frame, list(found), decimal_comma)
    for word, counts in (("NaN", not_numbers), ("", empty)):
        for name, count in counts.items():
            found.setdefault(name, Counter())[word] += count
    return Clean(frame, {n: known for n, known in words.items() if frame.schema[n] == pl.String}, _marker_checks(found))


def _is_marker(stripped: Cells) -> Cells:
    return stripped.is_in(["", *MISSING])


def _markers_of(column: pl.Series) -> tuple[Counter[str], Words | None]:
    """How often each missing marker (or blank, as "") stands in a text column; and what is left as words, if they are few."""
    if not few_distinct(column):  # long cells cannot be markers and are passed over unread
        suspects = column.filter((column.str.len_bytes() <= LONGEST) | column.str.starts_with(" ")).value_counts()
        stripped = suspects.to_series(0).str.strip_chars()
        gone = _is_marker(stripped)
        return _tally(stripped.filter(gone), suspects["count"].filter(gone)), None
    codes, distinct = dictionary(column)
    stripped = distinct.str.strip_chars()
    gone = _is_marker(stripped)
    if not gone.any():
        return Counter(), words_from(codes, distinct)
    counts = pl.Series(np.bincount(codes[codes >= 0], minlength=len(distinct)))
    return _tally(stripped.filter(gone), counts.filter(gone)), words_from(codes, distinct.set(gone, None))


def _tally(words: pl.Series, counts: pl.Series) -> Counter[str]:
    tally: Counter[str] = Counter()
    for word, count in zip(words, counts, strict=True):
        tally[word] += count
    return tally


def _drop_not_a_number(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """NaN in number columns as null, with counts."""
    floats = [n for n, t in frame.schema.items() if t.is_float()]
    if not floats:
        return frame, {}
    sums = frame.select(pl.col(floats).is_nan().sum()).row(0)
    counts = {name: int(n) for name, n in zip(floats, sums, strict=True) if n}
    return (frame.with_columns(pl.col(list(counts)).fill_nan(None)) if counts else frame), counts


def _marker_checks(found: dict[str, Counter[str]]) -> list[Check]:
    total = Counter[str]()
    for tally in found.values():
        total.update(tally)
    cells = sum(total.values())
    if not cells:
        return []
    words = ", ".join(f'"{word}"' if word else "blanks" for word, _ in total.most_common())
    columns = sorted(found.items(), key=lambda item: -sum(item[1].values()))
    named = ", ".join(f"{name} {sum(tally.values()):,}" for name, tally in columns[:SHOWN])
    more = f" and {len(columns) - SHOWN:,} more columns" if len(columns) > SHOWN else ""
    text = f"Read {counted(cells, 'cell')} written as {words} as missing: {named}{more}."
    if not total.keys() - {""}:
        text = f"Read {counted(cells, 'blank cell')} as missing: {named}{more}."
    examples = tuple(f"{name}: {sum(tally.values()):,}" for name, tally in columns[:5])
    return [Check("missing_markers", "WARN" if total.keys() - {""} else "PASS", text, count=cells, examples=examples)]


def as_numbers(frame: pl.DataFrame, names: list[str], decimal_comma: bool) -> pl.DataFrame:
    """The text columns among `names` whose every cell is a number (or true/false) as numbers (or booleans)."""
    names = [n for n in names if frame.schema[n] == pl.String and frame[n].null_count() < len(frame)]
    plain = {n: _plain_number(n, decimal_comma) for n in names}
    for dtype in (pl.Int64, pl.Float64):
        casts = {n: e.cast(dtype, strict=False) for n, e in plain.items() if _sample_casts(frame[n], e, dtype)}
        if not casts:
            continue
        cast = frame.lazy().select(**casts).collect()
        done = {n: cast[n] for n in casts if cast[n].null_count() == frame[n].null_count()}
        frame = frame.with_columns(**done)
        plain = {n: e for n, e in plain.items() if n not in done}
    truths = [n for n in plain if frame[n].drop_nulls().head(100).is_in(["true", "false"]).all()]
    truths = [n for n in truths if frame[n].drop_nulls().is_in(["true", "false"]).all()]
    return frame.with_columns((pl.col(n) == "true").alias(n) for n in truths)


def _plain_number(name: str, decimal_comma: bool) -> pl.Expr:
    """The column's text as it would be written in English; 1.234 is a thousand only where commas are decimal."""
    text = pl.col(name)
    if not decimal_comma:
        return text
    grouped = text.str.contains(r"^[+-]?\d{1,3}(\.\d{3})+(,\d+)?$")
    english = text.str.replace_all(".", "", literal=True)
    return pl.when(grouped).then(english).otherwise(text).str.replace(",", ".", literal=True)


def _sample_casts(column: pl.Series, expression: pl.Expr, dtype: pl.DataType | type[pl.DataType]) -> bool:
    """Whether the first hundred cells cast, so that text columns are not tried in full."""
    head = column.drop_nulls().head(100).to_frame()
    if dtype == pl.Int64 and head.to_series().str.contains(r"^\d{19,}$").any():
        return False  # long digits are names, not quantities
    return head.select(expression.cast(dtype, strict=False)).to_series().null_count() == 0
