"""Intervals one below the other on one axis: differences around zero, or scores side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainwell.core.stats import Interval
from trainwell.report.markup import Markup, el
from trainwell.report.svg import Axis, svg_words

#: Height of a row; width of a letter of a name; room of names at least and at most, in the drawing's own units.
ROW, LETTER, LEAST, MOST = 22, 6.3, 60.0, 230.0


@dataclass(frozen=True)
class Mark:
    """One line of the plot.

    Args:
        name: what stands at its left.
        interval: value and limits; limits that are NaN are not drawn.
        style: its colour.
        tip: what the page says under the pointer; the name and the interval if empty.
    """

    name: str
    interval: Interval
    style: str
    tip: str = ""


def intervals(marks: Sequence[Mark], axis: Axis, *, width: float = 460, zero: bool = False) -> Markup:
    """Values with their intervals as a drawing.

    Args:
        marks: from the top.
        axis: under them all.
        width: of the drawing in its own units.
        zero: whether a dashed line stands at zero.
    """
    names = max((len(mark.name) for mark in marks), default=0)
    left, right, height = min(MOST, max(LEAST, LETTER * names + 16)), 12.0, ROW * len(marks) + 8.0

    def place(value: float) -> float:
        return round(left + axis.place(min(max(value, axis.low), axis.high)) * (width - left - right), 1)

    drawn = [el("line", x1=place(0), x2=place(0), y1=0, y2=height, class_="rule")] if zero else []
    for i, mark in enumerate(marks):
        drawn += _line(mark, place, left, ROW * i + ROW / 2 + 4)
    for value, text in axis.ticks(4):
        drawn.append(el("line", x1=place(value), x2=place(value), y1=height, y2=height + 4, class_="axis"))
        drawn.append(el("text", text, x=place(value), y=height + 17, class_="tick mid"))
    drawn.append(el("line", x1=left, x2=width - right, y1=height, y2=height, class_="axis"))
    drawn.append(el("text", svg_words(axis.label), x=(left + width - right) / 2, y=height + 34, class_="label mid"))
    return el("svg", *drawn, viewBox=f"0 0 {width:g} {height + 40:g}", role="img", aria_label=axis.label)


def _line(mark: Mark, place: Callable[[float], float], left: float, y: float) -> list[Markup]:
    letters, found = int((left - 16) / LETTER), mark.interval
    name = mark.name if len(mark.name) <= letters else mark.name[: letters - 1] + "…"
    drawn = [el("text", svg_words(name), x=left - 10, y=y + 4, class_="tick end")]
    if math.isfinite(found.low) and math.isfinite(found.high):
        drawn.append(el("line", x1=place(found.low), x2=place(found.high), y1=y, y2=y, class_=f"whisker {mark.style}"))
    if math.isfinite(found.value):
        tip = mark.tip or f"{mark.name}: {found}"
        drawn.append(el("circle", cx=place(found.value), cy=y, r=4, class_=f"dot {mark.style}", data_tip=tip))
    return drawn
