"""Categories: labels to codes. Code 0 is every label that the train rows showed too seldom, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from trainwell.data.kinds.kind import Cleaned, Form, Guess, Raw, Rule
from trainwell.data.kinds.words import EMPTY, cell_text

INPUT = "category"


@dataclass(frozen=True)
class State:
    """Labels by code, from 1 on, the most frequent first; `missing` is the code of empty cells."""

    labels: list[str] = field(default_factory=list)
    missing: int = 0

    @property
    def cardinality(self) -> int:
        """Number of codes: unseen, the labels, and empty cells where they have a code of their own."""
        return 1 + max(len(self.labels), self.missing)


def recognise(raw: Raw, *, forced: bool = False) -> Guess | None:
    """Any column of scalars; it is asked last."""
    if forced:
        return Guess("the recipe says so")
    if raw.series.dtype.is_numeric():
        return Guess("whole numbers that the column's name calls codes")
    distinct = int((raw.counts > 0).sum())
    digits = raw.words.texts.str.contains(r"^0\d+$").any() if len(raw.words.texts) else False
    return Guess(f"{distinct:,} different texts" + (", some with leading zeros" if digits else ""))


def clean(raw: Raw, form: Form, rule: Rule) -> Cleaned:
    """Each row's place among the column's distinct texts, outer whitespace removed; -1 for an empty cell."""
    cleaned = Cleaned(raw.words.codes, raw.words.codes < 0, labels=raw.words.texts.to_list())
    cleaned.scratch["raw"] = raw
    return cleaned


def fit(cleaned: Cleaned, rows: np.ndarray, rule: Rule) -> State:
    """Codes for labels seen at least `rare` times in the train rows, at most `max_categories` of them."""
    counts = _counts(cleaned, rows)
    frequent = list(np.flatnonzero(counts >= rule.rare))
    frequent.sort(key=lambda place: (-counts[place], cleaned.labels[place]))
    labels = [cleaned.labels[place] for place in frequent[: rule.max_categories]]
    gaps = len(rows) - int(counts.sum())
    if rule.missing == "mode" and labels:
        return State(labels, missing=1)
    if rule.missing == "constant":
        fill = cell_text(rule.fill) if rule.fill is not None else "missing"
        labels = labels if fill in labels else [*labels, str(fill)]
        return State(labels, missing=labels.index(str(fill)) + 1)
    return State(labels, missing=len(labels) + 1 if gaps else 0)


def _counts(cleaned: Cleaned, rows: np.ndarray) -> np.ndarray:
    raw: Raw = cleaned.scratch["raw"]
    return raw.counts if rows is raw.rows else raw.words.counts(rows)


def features(state: State, name: str) -> tuple[str, ...]:
    """The column itself."""
    return (name,)


def encode(state: State, cleaned: Cleaned) -> np.ndarray:
    """(N,) int32 codes in `range(state.cardinality)`."""
    codes: np.ndarray = _codes(state, cleaned).take(cleaned.values)
    return codes


def _codes(state: State, cleaned: Cleaned) -> np.ndarray:
    """The code of each of the column's labels, and of empty cells as the last entry."""
    known = {label: code for code, label in enumerate(state.labels, start=1)}
    plain = _plain(known)
    return np.array([*(_code(known, label, plain) for label in cleaned.labels), state.missing], np.int32)


def _plain(known: dict[str, int]) -> bool:
    """Whether no label begins with a zero, as where training read whole numbers."""
    return not any(len(label) > 1 and label[0] == "0" for label in known)


def _code(known: dict[str, int], label: str, plain: bool) -> int:
    """The code of a label; where labels are `plain`, 08937 is also 8937."""
    code = known.get(label)
    if code is None and plain and label.startswith("0") and label.isdecimal():
        code = known.get(label.lstrip("0") or "0")
    return code or 0


def encode_cell(state: State) -> Callable[[Any], int | None]:
    """One dictionary look-up."""
    known = {label: code for code, label in enumerate(state.labels, start=1)}
    known |= {empty: state.missing for empty in EMPTY if empty not in known}
    missing, plain = state.missing, _plain(known)

    def cell(value: Any) -> int | None:
        if type(value) is str:
            code = known.get(value)
            return code if code is not None else _spelt(known, value, plain)
        if value is None:
            return missing
        return known.get(str(cell_text(value)), 0) if type(value) in (int, bool) else None

    return cell


def _spelt(known: dict[str, int], text: str, plain: bool) -> int | None:
    text = text.strip(" \t\r\n")
    code = known.get(text, known.get(text.lower()) if text.lower() in EMPTY else None)
    return code if code is not None else (_code(known, text, plain) if text.isascii() else None)


def decode(state: State, encoded: np.ndarray) -> pl.Series:
    """(N,) codes back to labels; unseen and empty cells come back empty."""
    table = np.array([None, *state.labels, None], dtype=object)
    return pl.Series(table[encoded.clip(0, len(table) - 1)].tolist(), dtype=pl.String)


def unusual(state: State, cleaned: Cleaned) -> Iterator[tuple[int, str]]:
    """Rows whose label the train rows never showed often enough to have a code."""
    codes = encode(state, cleaned)
    for row in np.flatnonzero((codes == 0) & ~cleaned.missing):
        yield int(row), f"the label {cleaned.labels[cleaned.values[row]]!r} was not seen in training; treated as unseen"


def describe(cleaned: Cleaned, rows: np.ndarray, state: State) -> dict[str, Any]:
    """Number of labels, of cells that hold one, and the most frequent ones with their counts in the train rows."""
    counts = _counts(cleaned, rows)
    top = sorted(np.flatnonzero(counts), key=lambda place: (-counts[place], cleaned.labels[place]))[:20]
    seen = int((counts > 0).sum())
    return {
        "distinct": seen,
        "cells": int(counts.sum()),
        "top": {cleaned.labels[place]: int(counts[place]) for place in top},
        "rare": seen - int((counts[np.flatnonzero(_codes(state, cleaned)[:-1])] > 0).sum()),
        "codes": state.cardinality,
    }
