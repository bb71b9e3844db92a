"""Tables of the report, and the small ranges drawn inside their cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainwell.core.stats import Interval
from trainwell.evaluate.evaluation import ClassScore, Evaluation, Slice, label
from trainwell.report.markup import Markup, el, join, say
from trainwell.report.numbers import short
from trainwell.score.registry import metrics

Cell = str | Markup | tuple[str | Markup, str]
Marks = Sequence[tuple[float, str]]
Heads = Sequence[str | tuple[str, str]]
#: Baselines that learn nothing lie far off; an axis that held them would show nothing else.
FAR = ("most frequent class", "mean of the target", "repeat the last value", "drift")


def table(heads: Heads, rows: Sequence[Sequence[Cell]], styles: Sequence[str] = (), *, stacked: bool = False) -> Markup:
    """A table; a head or cell may be a pair with its class.

    Args:
        heads: of the columns.
        rows: of cells.
        styles: classes of the rows.
        stacked: whether a phone shows the last cell of a row below the others.
    """
    top = el("tr", *(el("th", say(h), class_=c or None) for h, c in map(_pair, heads)))
    body = [
        el("tr", *(el("td", c, class_=s or None) for c, s in map(_pair, row)), class_=(styles[i] or None) if styles else None)
        for i, row in enumerate(rows)
    ]
    return el("div", el("table", el("thead", top), el("tbody", *body)), class_="scroll stack" if stacked else "scroll")


def _pair(cell: Cell) -> tuple[str | Markup, str]:
    return cell if isinstance(cell, tuple) else (cell, "")


def number(value: float, decimals: int) -> str:
    """A number with its digits, an en dash where there is none."""
    return f"{value:,.{decimals}f}" if math.isfinite(value) else "–"


def interval_text(i: Interval) -> str:
    """Limits as text: `0.866 to 0.876`."""
    return f"{number(i.low, i.decimals)} to {number(i.high, i.decimals)}"


def range_cell(
    i: Interval, ends: tuple[float, float], *, marks: Marks = (), line: float | None = None, plain: bool = False
) -> Markup:
    """An interval as a dot on a line.

    Args:
        i: the interval.
        ends: values at the left and the right end.
        marks: values with their names, drawn as ticks.
        line: a value to compare with, drawn as a dashed line.
        plain: drawn in grey.
    """
    low, high = ends

    def place(x: float) -> float:
        return round(100 * min(1.0, max(0.0, (x - low) / (high - low) if high > low else 0.5)), 2)

    parts = [] if line is None else [el("s", style=f"left:{place(line)}%")]
    parts += [el("u", style=f"left:{place(x)}%", data_tip=f"{name}: {short(x)}") for x, name in marks if low <= x <= high]
    if math.isfinite(i.low):
        parts.append(el("i", style=f"left:{place(i.low)}%;width:{round(place(i.high) - place(i.low), 2)}%"))
    if math.isfinite(i.value):
        parts.append(el("b", style=f"left:{place(i.value)}%"))
    return el("div", *parts, class_="range plain" if plain else "range", data_tip=str(i))


def score_table(e: Evaluation) -> Markup:
    """Every score with its interval, the best baseline and the difference."""
    heads: list[str | tuple[str, str]] = ["score", ("network", "num"), ("95% interval", "")]
    if e.gap:
        heads += [("best free baseline", "num wide"), ("better by", "num")]
    rows = [_score_row(e, name) for name in e.scores]
    return table(heads, rows, ["first" if name == e.primary else "" for name in e.scores])


def _score_row(e: Evaluation, name: str) -> list[Cell]:
    i = e.scores[name]
    rivals = [(b.scores[name].value, b.name) for b in e.baselines]
    near = [x for x, rival in rivals if rival not in FAR and math.isfinite(x)]
    low, high = _ends([i.low, i.high, i.value, *near])
    arrow = el("span", " ↑" if e.higher_is_better[name] else " ↓", class_="dir")
    meaning = (metrics[name].__doc__ or "").strip().splitlines()[0]
    row: list[Cell] = [(el("span", say(label(name)), arrow, data_tip=meaning), ""), (number(i.value, i.decimals), "num")]
    row.append((range_cell(i, (low, high), marks=rivals), "range-cell"))
    if e.gap:
        gap = e.gap.difference if name == e.gap.metric else e.gap.others[name]
        tone = "up" if gap.low > 0 else "down" if gap.high < 0 else "soft"
        row.append((number(e.baselines[0].scores[name].value, i.decimals), "num wide"))
        row.append((el("span", _signed(gap), data_tip=gap.limits(sign=True)), f"num {tone}"))
    return row


def _signed(gap: Interval) -> str:
    return f"{gap.value:+,.{gap.decimals}f}" if math.isfinite(gap.value) else "–"


def _ends(values: Sequence[float]) -> tuple[float, float]:
    finite = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    room = (max(finite) - min(finite)) * 0.08 or 0.5
    return min(finite) - room, max(finite) + room


def baseline_table(e: Evaluation) -> Markup:
    """The network among the baselines in the deciding score, the best first."""
    found = [("network", e.scores[e.primary], "", "")]
    found += [(b.name, b.scores[e.primary], f"{b.seconds:.1f} s", b.note) for b in e.baselines]
    found.sort(key=lambda entry: entry[1].value, reverse=e.higher_is_better[e.primary])
    low, high = _ends([x for name, i, _, _ in found if name not in FAR for x in (i.low, i.high, i.value)])
    rows: list[list[Cell]] = []
    for name, i, seconds, note in found:
        mine, outside = name == "network", not low <= i.value <= high
        far = el("span", "◂" if i.value < low else "▸", class_="faint")
        drawn = far if outside else range_cell(i, (low, high), plain=not mine)
        numbers: list[Cell] = [(number(i.value, i.decimals), "num"), (drawn, "range-cell"), (seconds, "num soft wide")]
        rows.append([say(name) if mine else name, *numbers, (note, "soft wide")])
    heads: Heads = ["model", (label(e.primary), "num"), "95% interval", ("time", "num wide"), ("note", "wide")]
    return table(heads, rows, ["first" if name == "network" else "" for name, *_ in found])


def class_table(scores: Sequence[ClassScore], most: int = 60, *, ranges: bool = True, of: str = "rows") -> Markup:
    """Every class on its own, the hardest first; with the interval of its recall. What is counted may be pixels."""
    ordered = sorted(scores, key=lambda c: c.f1 if math.isfinite(c.f1) else 2)[:most]
    heads: list[str | tuple[str, str]] = ["class", (of, "num"), ("precision", "num"), ("recall", "num"), ("F1", "num")]
    rows = [_class_row(c) for c in ordered]
    if ranges:
        heads.insert(4, ("", "wide"))
        for c, row in zip(ordered, rows, strict=True):
            row.insert(4, (range_cell(c.recall, (0.0, 1.0)), "range-cell wide"))
    return table(heads, rows)


def _class_row(c: ClassScore) -> list[Cell]:
    shares = [(number(x, 3), "num") for x in (c.precision, c.recall.value, c.f1)]
    return [(c.name, "words"), (f"{c.n:,}", "num"), *shares]


def slice_table(e: Evaluation, slices: Sequence[Slice]) -> Markup:
    """Groups of rows that are worse than the others; the dashed line is the score of all rows."""
    whole = e.scores[e.slice_metric].value
    low, high = _ends([whole, *(x for s in slices for x in (s.score.low, s.score.high))])
    rows: list[list[Cell]] = [
        [
            (join(el("b", s.column), " ", el("span", s.value, class_="soft")), "words"),
            (f"{s.score.n:,}", "num"),
            (number(s.score.value, s.score.decimals), "num"),
            (range_cell(s.score, (low, high), line=whole), "range-cell wide"),
            (number(s.difference, s.score.decimals), "num down"),
        ]
        for s in slices
    ]
    score = (label(e.slice_metric), "num")
    return table(["group", ("rows", "num"), score, ("95% interval", "wide"), ("difference", "num")], rows)
