"""Small drawing functions. A panel is a plot with two axes; marks are added in data units and come out as SVG text.

Colours are classes (`c0` to `c9`, `soft`, `faint`), so that the page's style sheet decides them, in light and in dark.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from trainwell.report.markup import Markup, el, join, say
from trainwell.report.numbers import short

#: Points drawn of one line: more than the panel has pixels is waste.
MOST_POINTS = 240


@dataclass(frozen=True)
class Axis:
    """One axis.

    Args:
        low: value at its start.
        high: value at its end.
        label: what it shows.
        log: whether equal steps are equal factors.
        percent: whether values are written as percentages.
    """

    low: float
    high: float
    label: str = ""
    log: bool = False
    percent: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, 0 at the start and 1 at the end."""
        low, high, value = (math.log10(max(v, 1e-300)) if self.log else v for v in (self.low, self.high, value))
        return (value - low) / (high - low) if high > low else 0.5

    def ticks(self, wanted: int = 5) -> list[tuple[float, str]]:
        """Round values on the axis, with their text."""
        values = _powers(self.low, self.high, wanted) if self.log else _round_steps(self.low, self.high, wanted)
        return list(zip(values, tick_texts(values, percent=self.percent), strict=True))


def axis_of(values: Sequence[float], label: str, *, log: bool = False, margin: float = 0.05) -> Axis:
    """An axis that holds all finite values with some room on both sides."""
    finite = [v for v in values if math.isfinite(v) and (v > 0 or not log)] or [0.5, 1.0]
    low, high = min(finite), max(finite)
    if log:
        room = (high / low) ** margin if high > low else 2.0
        return Axis(low / room, high * room, label, log=True)
    room = (high - low) * margin or abs(high) * margin or 0.5
    return Axis(low - room, high + room, label)


def _round_steps(low: float, high: float, wanted: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, about `wanted` of them.

    Source: Heckbert, "Nice numbers for graph labels", Graphics Gems 1990.
    """
    if not high > low:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _powers(low: float, high: float, wanted: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    powers = [10.0**e for e in range(first, last + 1)]
    if len(powers) >= 2:
        return powers[:: max(1, math.ceil(len(powers) / wanted))]
    return [m * 10.0**e for e in range(first - 1, last + 1) for m in (1, 2, 3, 5) if low <= m * 10.0**e <= high]


def tick_texts(values: Sequence[float], *, percent: bool = False) -> list[str]:
    """Values with as many digits as tell them apart.

    Example:
        >>> tick_texts([0.0, 0.25, 0.5]), tick_texts([0, 100000, 200000]), tick_texts([0.0, 0.5], percent=True)
        (['0', '0.25', '0.5'], ['0', '100k', '200k'], ['0%', '50%'])
    """
    if percent:
        return [f"{v * 100:.4g}%" for v in values]
    largest = max((abs(v) for v in values), default=0)
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if largest >= 10 * unit:
            return [f"{v / unit:.6g}{letter}" if v else "0" for v in values]
    return [f"{v:.0e}".replace("e-0", "e-") if 0 < abs(v) < 1e-4 else f"{round(v, 10):.6g}" for v in values]


@dataclass
class Panel:
    """A plot with axes, grid and marks.

    Args:
        x: horizontal axis.
        y: vertical axis.
        width: of the drawing in its own units; the page scales it.
        height: likewise.
        square: whether both axes take the same room.
        name: what it shows, for readers that cannot see it.
    """

    x: Axis
    y: Axis
    width: float = 360
    height: float = 236
    square: bool = False
    name: str = ""
    marks: list[Markup] = field(default_factory=list)
    lines: list[dict[str, object]] = field(default_factory=list)

    LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 40

    def __post_init__(self) -> None:
        if self.square:
            self.height = self.width - self.LEFT - self.RIGHT + self.TOP + self.BOTTOM

    def at_x(self, value: float) -> float:
        return round(self.LEFT + self.x.place(value) * (self.width - self.LEFT - self.RIGHT), 1)

    def at_y(self, value: float) -> float:
        return round(self.height - self.BOTTOM - self.y.place(value) * (self.height - self.TOP - self.BOTTOM), 1)

    def line(self, xs: Sequence[float], ys: Sequence[float], style: str, name: str = "", *, hover: bool = True) -> None:
        """A line through points; with `hover`, the page shows its values under the pointer."""
        points = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
        points = thinned(points)
        path = "M" + "L".join(f"{self.at_x(x)},{self.at_y(y)}" for x, y in points)
        series = len(self.lines) if hover and name else None
        if points:
            self.marks.append(el("path", d=path, class_=f"line {style}", data_series=series))
        if series is not None:
            shown = [(self.at_x(x), self.at_y(y), short(x), short(y)) for x, y in points]
            self.lines.append({"name": name, "style": style, "points": shown})

    def dots(
        self, xs: Sequence[float], ys: Sequence[float], style: str, tips: Sequence[str] = (), *, radius: float = 3
    ) -> None:
        """A dot per point, with a text each where given."""
        for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
            tip = tips[i] if tips else None
            self.marks.append(el("circle", cx=self.at_x(x), cy=self.at_y(y), r=radius, class_=f"dot {style}", data_tip=tip))

    def whiskers(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], style: str) -> None:
        """A vertical interval at each x; what lies outside the axis is cut."""
        for x, low, high in zip(xs, lows, highs, strict=True):
            if math.isfinite(low) and math.isfinite(high):
                y1, y2 = (self.at_y(min(max(v, self.y.low), self.y.high)) for v in (low, high))
                self.marks.append(el("line", x1=self.at_x(x), x2=self.at_x(x), y1=y1, y2=y2, class_=f"whisker {style}"))

    def bars(self, edges: Sequence[float], heights: Sequence[float], style: str, tips: Sequence[str]) -> None:
        """A histogram standing on the axis."""
        for low, high, value, tip in zip(edges, edges[1:], heights, tips, strict=False):
            x1, x2, top, base = self.at_x(low), self.at_x(high), self.at_y(value), self.at_y(self.y.low)
            shape = {"x": x1 + 0.5, "y": top, "width": max(0.5, round(x2 - x1 - 1, 1)), "height": round(base - top, 1)}
            self.marks.append(el("rect", **shape, class_=f"bar {style}", data_tip=tip))

    def rule(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """A dashed line that says what would be perfect, or nothing."""
        ends = {"x1": self.at_x(x1), "y1": self.at_y(y1), "x2": self.at_x(x2), "y2": self.at_y(y2)}
        self.marks.append(el("line", **ends, class_="rule"))

    def svg(self) -> Markup:
        """The finished drawing."""
        extra: dict[str, str] = {}
        if self.lines:
            frame = [self.LEFT, self.width - self.RIGHT, self.TOP, self.height - self.BOTTOM]
            extra["data_lines"] = json.dumps({"frame": frame, "x": self.x.label, "lines": self.lines}, separators=(",", ":"))
        inside = join(self._grid(), el("g", *self.marks), el("g", class_="cursor"))
        return el(
            "svg", inside, viewBox=f"0 0 {self.width:g} {self.height:g}", role="img", aria_label=self.name or None, **extra
        )

    def _grid(self) -> Markup:
        left, right, bottom = self.LEFT, self.width - self.RIGHT, self.height - self.BOTTOM
        parts = []
        for value, text in self.y.ticks():
            y = self.at_y(value)
            parts.append(el("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
            parts.append(el("text", text, x=left - 7, y=y + 4, class_="tick end"))
        for value, text in self.x.ticks():
            x = self.at_x(value)
            parts.append(el("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"))
            parts.append(el("text", text, x=x, y=bottom + 17, class_="tick mid"))
        parts.append(el("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
        middle = (left + right) / 2
        parts.append(el("text", svg_words(self.x.label), x=middle, y=self.height - 5, class_="label mid"))
        if self.y.label:
            turn = f"translate(12 {(self.TOP + bottom) / 2:g}) rotate(-90)"
            parts.append(el("text", svg_words(self.y.label), transform=turn, class_="label mid"))
        return el("g", *parts)


def svg_words(text: str) -> Markup:
    """The page's own words inside a drawing, where a `span` is a `tspan`."""
    return Markup(say(text).replace("<span", "<tspan").replace("</span>", "</tspan>"))


def thinned(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most so many points: of each stretch the lowest and the highest, so that no spike is lost."""
    if len(points) <= most:
        return list(points)
    stretches = most // 2
    kept: list[tuple[float, float]] = []
    for i in range(stretches):
        part = points[i * len(points) // stretches : (i + 1) * len(points) // stretches]
        kept += sorted({min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])})
    return kept


def smoothed(values: Sequence[float], share: float = 0.02) -> list[float]:
    """An exponential average that forgets over `share` of the values, unbiased at its start."""
    keep = 1 - 1 / max(1.0, share * len(values))
    found, total, weight = [], 0.0, 0.0
    for value in values:
        if math.isfinite(value):
            total, weight = keep * total + (1 - keep) * value, keep * weight + (1 - keep)
        found.append(total / weight if weight else value)
    return found


def histogram(counts: Sequence[float], tips: Sequence[str], *, width: float = 120, height: float = 26) -> Markup:
    """A small histogram without axes, for a table cell."""
    top, n = max(counts, default=0) or 1.0, max(1, len(counts))
    step = width / n
    bars = []
    for i, (count, tip) in enumerate(zip(counts, tips, strict=True)):
        tall = max(1.0 if count else 0.0, count / top * (height - 2))
        shape = {
            "x": round(i * step, 2),
            "y": round(height - tall, 2),
            "width": round(max(0.8, step - 0.8), 2),
            "height": round(tall, 2),
        }
        bars.append(el("rect", **shape, class_="bar c0", data_tip=tip))
    return el("svg", *bars, viewBox=f"0 0 {width:g} {height:g}", class_="spark", preserveAspectRatio="none")
