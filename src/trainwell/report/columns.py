"""A column of the card in the words that the terminal and the page both show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainwell.report.numbers import short

#: Values named of a category column.
NAMED_VALUES = 3


@dataclass(frozen=True)
class ColumnFacts:
    """What is shown of a column.

    Args:
        name: its name.
        kind: number, category, …; "target" or "ignored" where that says more.
        missing: share of empty cells, empty text when there are none.
        text: range, frequent values or sizes.
        counts: histogram or frequencies, for a small picture.
        edges: edges of the histogram's bins, empty for categories.
        labels: names of the counts, empty for numbers.
        why: why it is of that kind.
    """

    name: str
    kind: str
    missing: str
    text: str
    counts: list[float] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    why: str = ""


def column_facts(column: Mapping[str, Any], *, rows: int = 0) -> ColumnFacts:
    """The facts of one entry of `card.columns`.

    Args:
        column: the entry.
        rows: rows the counts were taken of; 0 takes them from the counts themselves.

    Example:
        >>> column_facts({"name": "sex", "kind": "category", "role": "feature", "top": {"m": 3, "f": 1}, "distinct": 2}).text
        'm 75%, f 25%'
    """
    histogram, top = column.get("histogram") or {}, column.get("top") or {}
    counts = [float(c) for c in (histogram.get("counts") or top.values())]
    return ColumnFacts(
        name=str(column["name"]),
        kind=_kind(column),
        missing=_missing(column, counts, rows),
        text=_text(column, top),
        counts=counts,
        edges=[float(e) for e in histogram.get("edges", [])],
        labels=[str(k) for k in top],
        why=str(column.get("why", "")),
    )


def _kind(column: Mapping[str, Any]) -> str:
    role, kind = column.get("role", "feature"), str(column.get("kind", ""))
    return "target" if role == "target" else kind if role == "feature" else str(role)


def _missing(column: Mapping[str, Any], counts: list[float], rows: int) -> str:
    missing = int(column.get("missing") or 0)
    total = rows or int(sum(counts)) + missing
    return f"{missing / max(total, missing):.1%}" if missing else ""


def _text(column: Mapping[str, Any], top: Mapping[str, Any]) -> str:
    quantiles = column.get("quantiles")
    if quantiles:
        low, middle, high = (_written(quantiles[q]) for q in ("0", "0.5", "1"))
        return f"{low} … {middle} … {high}"
    if "first" in column:
        return " … ".join(_moment(column[place]) for place in ("first", "middle", "last"))
    if top:
        return _frequent(column, top)
    if "shape" in column:
        return " × ".join(map(str, column["shape"]))
    return str(column.get("why", ""))


def _frequent(column: Mapping[str, Any], top: Mapping[str, Any]) -> str:
    total = int(column.get("cells") or sum(top.values()))  # beyond those that are listed there may be many more
    shares = {k: "<1%" if 0 < n < 0.005 * total else f"{n / total:.0%}" for k, n in list(top.items())[:NAMED_VALUES]}
    named = ", ".join(f"{k} {share}" for k, share in shares.items())
    more = int(column.get("distinct", len(top))) - NAMED_VALUES
    return f"{named}, {more} more" if more > 0 else named


def _moment(text: str) -> str:
    """A date, with hours and minutes where the day does not begin."""
    day, _, time = text.partition("T")
    return day if time.startswith("00:00:00") else f"{day} {time[:5]}"


def _written(value: Any) -> str:
    return short(value) if isinstance(value, int | float) else str(value)
