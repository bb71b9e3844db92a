"""Numbers written as text: thousands separators, decimal commas, currency signs, per cent, accountants' brackets."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from trainwell.data.kinds.kind import Form, Raw

_SIGNS = r"(?:[$€£¥₹₽₩]|USD|EUR|GBP|CHF|JPY|CNY|RMB|INR)"
#: (thousands separator, decimal mark, what to call it), likeliest first; a tie goes to the earlier one.
_STYLES = (
    ("", ".", "numbers with a currency or per cent sign"),
    (",", ".", "numbers with thousands separators"),
    ("", ",", "numbers with a decimal comma"),
    (".", ",", "numbers with dots between thousands and a decimal comma"),
    (" ", ",", "numbers with spaces between thousands"),
    ("'", ".", "numbers with apostrophes between thousands"),
)
#: No letters but those of a currency and an exponent: what no style reads is passed over early.
_CODE = "(?:USD|EUR|GBP|CHF|JPY|CNY|RMB|INR)?"
_MAY_BE = rf"^[^\p{{L}}]*{_CODE}[^\p{{L}}]*(?:[eE][^\p{{L}}]*)?{_CODE}[^\p{{L}}]*$"
#: Distinct texts looked at when a style is chosen.
_LOOKED_AT = 5_000


@dataclass(frozen=True)
class Style:
    """How a column writes its numbers, and the share of its cells that reads this way."""

    form: Form
    share: float
    why: str


def parse(texts: pl.Series, form: Form) -> np.ndarray:
    """Texts as float64, NaN for what is not a number in this form; an empty form is the plain one: `-1.5e3`."""
    if not form:
        plain = texts.cast(pl.Float64, strict=False)
    else:
        plain = _plain(_bare(texts), form["thousands"], form["decimal"]).cast(pl.Float64, strict=False)
    return plain.fill_null(np.nan).to_numpy()


def _bare(texts: pl.Series) -> pl.Series:
    """Without currency signs and per cent, and with `(5)` as `-5`."""
    return (
        texts.str.replace_all("[−–]", "-")
        .str.replace(r"^\((.*)\)$", "-$1")
        .str.replace(rf"^([+-]?)\s*{_SIGNS}\s*", "$1")
        .str.replace(rf"\s*(?:{_SIGNS}|%)$", "")
        .str.replace_all("[\u00a0\u202f\u2009]", " ")
    )


def _plain(texts: pl.Series, thousands: str, decimal: str) -> pl.Series:
    """Texts in one style as `1234.5`; null where the groups are not groups of three."""
    mark = re.escape(decimal)
    if thousands:
        gap = re.escape(thousands)
        fits = texts.str.contains(rf"^[+-]?(?:\d+|\d{{1,3}}(?:{gap}\d{{3}})+)(?:{mark}\d*)?$")
    else:
        fits = texts.str.contains(rf"^[+-]?\d*{mark}?\d*(?:[eE][+-]?\d+)?$")
    digits = texts.str.replace_all(thousands, "", literal=True) if thousands else texts
    return digits.str.replace(decimal, ".", literal=True).set(~fits, None)


def style_of(raw: Raw) -> Style | None:
    """The way in which most train cells read as numbers, or None for a column without digits."""
    seen = raw.telling[:: max(1, len(raw.telling) // _LOOKED_AT)]
    texts, weights = raw.words.texts.gather(seen), raw.counts[seen]
    if not len(texts) or weights @ texts.str.contains(r"\d").to_numpy() < 0.5 * weights.sum():
        return None
    total, likely = weights.sum(), texts.str.contains(_MAY_BE)
    if not likely.any():
        return Style({}, 0.0, "numbers")
    texts, weights = texts.filter(likely), weights[likely.to_numpy()]
    best = _judge(texts, weights, total, Style({}, 0.0, "numbers"))
    for thousands, decimal, why in _STYLES:
        if best.share < 1:
            style = _judge(texts, weights, total, Style({"thousands": thousands, "decimal": decimal}, 0.0, why))
            best = style if style.share > best.share else best
    return best


def _judge(texts: pl.Series, weights: np.ndarray, total: int, style: Style) -> Style:
    """The style with the share of `total` cells that reads in it."""
    return replace(style, share=float(weights @ np.isfinite(parse(texts, style.form)) / total))
