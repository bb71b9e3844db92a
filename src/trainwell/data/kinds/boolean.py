"""Yes or no: +1, -1, and 0 for an empty cell.

The middle value for a missing answer needs no indicator column. Source: the encoding of binary columns in Holzmüller,
Grinsztajn and Steinwart, "Better by default", NeurIPS 2024.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.kinds.kind import Cleaned, Form, Guess, Raw, Rule
from trainwell.data.kinds.words import NOTHING, cell_text, nothing

INPUT = "number"

_PAIRS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("1", "0"), ("on", "off"),
    ("ja", "nein"), ("oui", "non"), ("sí", "no"), ("si", "no"), ("да", "нет"), ("是", "否"), ("有", "无"),
)  # fmt: skip


def yes_last(labels: list[str]) -> list[str]:
    """Two labels in the order of no and yes where they mean that: the second one is what scores of one class are about.

    Example:
        >>> yes_last(["Ja", "Nein"]), yes_last(["a", "b"])
        (['Nein', 'Ja'], ['a', 'b'])
    """
    return labels[::-1] if tuple(label.lower() for label in labels) in _PAIRS else labels


@dataclass(frozen=True)
class State:
    """The two words, in lower case, and the value of empty cells."""

    yes: str = "true"
    no: str = "false"
    fill: int = 0


def recognise(raw: Raw, *, forced: bool = False) -> Guess | None:
    """True/false columns, numbers that are only 0 and 1, and text in one of the usual pairs (yes/no, true/false, …)."""
    if not forced and not _two_valued(raw):
        return None
    seen = sorted(set(raw.words.texts.gather(raw.telling).str.to_lowercase().to_list()))
    for yes, no in _PAIRS:
        if seen and set(seen) <= {yes, no} and (len(seen) == 2 or forced or raw.series.dtype == pl.Boolean):
            return Guess(f"only {yes} and {no}", {"yes": yes, "no": no})
    if not forced:
        return None
    if len(seen) != 2:
        raise DataError(f"column {raw.name!r} has {len(seen)} different values, not two", remedy="Choose another kind.")
    return Guess(f"the recipe says so; {seen[1]!r} counts as yes", {"yes": seen[1], "no": seen[0]})


def _two_valued(raw: Raw) -> bool:
    """A look that costs little on the many columns that are not."""
    series = raw.series
    if series.dtype.is_numeric():
        if len(raw.rows) and series[int(raw.rows[0])] not in (None, 0, 1):
            return False
        return _zeros_and_ones(series.gather(raw.rows[:100])) and _zeros_and_ones(series.gather(raw.rows), both=True)
    return series.dtype == pl.Boolean or bool((raw.counts > 0).sum() <= 8)


def _zeros_and_ones(series: pl.Series, *, both: bool = False) -> bool:
    values = series.drop_nulls().to_numpy()
    ones, zeros = values == 1, values == 0
    return bool((ones | zeros).all()) and (not both or bool(ones.any() and zeros.any()))


def clean(raw: Raw, form: Form, rule: Rule) -> Cleaned:
    """int8: -1, 0 for missing, +1."""
    texts = raw.words.texts.str.to_lowercase()
    per_text = ((texts == form["yes"]).to_numpy().astype(np.int8)) - (texts == form["no"]).to_numpy().astype(np.int8)
    values = raw.words.spread(per_text, 0)
    lost = raw.words.spread((per_text == 0) & ~nothing(texts), False)
    cleaned = Cleaned(values, values == 0, np.flatnonzero(lost))
    cleaned.scratch["form"] = form
    return cleaned


def fit(cleaned: Cleaned, rows: np.ndarray, rule: Rule) -> State:
    """The words, and what empty cells become: 0, or an answer under `mode` and `constant`."""
    form, train = cleaned.scratch["form"], cleaned.values[rows]
    fill = 0
    if rule.missing == "mode":
        fill = 1 if (train > 0).sum() > (train < 0).sum() else -1
    elif rule.missing == "constant" and rule.fill is not None:
        fill = {form["yes"]: 1, form["no"]: -1}.get(str(cell_text(rule.fill)).lower(), 0)
    return State(form["yes"], form["no"], fill)


def features(state: State, name: str) -> tuple[str, ...]:
    """The column itself."""
    return (name,)


def encode(state: State, cleaned: Cleaned) -> np.ndarray:
    """(N, 1) float32 in {-1, 0, 1}."""
    return np.where(cleaned.missing, np.int8(state.fill), cleaned.values).astype(np.float32)[:, None]


def encode_cell(state: State) -> Callable[[Any], list[float] | None]:
    """One dictionary look-up."""
    known = {state.yes: [1.0], state.no: [-1.0]} | {word: [float(state.fill)] for word in NOTHING}

    def cell(value: Any) -> list[float] | None:
        if value is None:
            return known[""]
        return known.get(str(cell_text(value)).lower())

    return cell


def decode(state: State, encoded: np.ndarray) -> pl.Series:
    """(N, 1) back to true, false and empty."""
    return pl.Series([None if value == 0 else bool(value > 0) for value in encoded[:, 0]], dtype=pl.Boolean)


def unusual(state: State, cleaned: Cleaned) -> Iterator[tuple[int, str]]:
    """Nothing: a third word is unreadable, which is listed elsewhere."""
    return iter(())


def describe(cleaned: Cleaned, rows: np.ndarray, state: State) -> dict[str, Any]:
    """How often each answer stands in the train rows."""
    train = cleaned.values[rows]
    top = {state.yes: int((train > 0).sum()), state.no: int((train < 0).sum())}
    return {"distinct": sum(count > 0 for count in top.values()), "top": top}
