"""Columns of numbers, yes/no and moments as ONNX nodes: the arithmetic of `data.kinds`, in float64 and int64, step for step.

B rows, F columns of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainwell.data.inputs import Fitted
from trainwell.data.kinds import boolean, datetime, number
from trainwell.data.kinds.words import NOTHING
from trainwell.ship.onnx_graph import Graph

#: How an empty moment is said.
NO_MOMENT = np.iinfo(np.int64).min


def number_columns(graph: Graph, columns: Sequence[Fitted]) -> dict[str, str]:
    """All columns of numbers at once: `(B, 1)` float64 each, NaN and infinity for an empty cell.

    Returns:
        The encoded features by name, `(B, 1)` float32 each.
    """
    states: list[number.State] = [column.state for column in columns]
    raw = graph.beside(*(column.name for column in columns))  # (B, F)
    gone = graph("Or", graph("IsNaN", raw), graph("IsInf", raw))
    values = _held(graph, graph("Where", gone, graph.constant(np.float64(0)), raw), states)
    bent = [i for i, state in enumerate(states) if state.scale == "quantile"]
    straight = [i for i, state in enumerate(states) if state.scale != "quantile"]
    parts = [
        make(graph, graph.columns(values, chosen), [states[i] for i in chosen])
        for make, chosen in ((_through_knots, bent), (_straight, straight))
        if chosen
    ]
    order = np.argsort([*bent, *straight])
    scaled = graph.columns(graph.beside(*parts), order)
    fills = np.array([float(number._scaled(state, np.array([state.fill]))[0]) for state in states])
    filled = graph.cast(graph("Where", gone, graph.constant(fills), scaled), np.float32)
    flags = graph.cast(gone, np.float32)
    found: dict[str, str] = {}
    for place, column in enumerate(columns):
        names = number.features(column.state, column.name)
        for name, source in zip(names, (filled, flags), strict=False):
            found[name] = graph.columns(source, [place])
    return found


def _held(graph: Graph, x: str, states: Sequence[number.State]) -> str:
    """Values within ±1e38, clipped to the fence or replaced beyond it where the recipe said so."""
    x = graph("Min", graph("Max", x, graph.constant(np.float64(-number.LARGEST))), graph.constant(np.float64(number.LARGEST)))
    for way in ("clip", "replace"):
        fenced = [state.outliers == way for state in states]
        if not any(fenced):
            continue
        low = graph.constant(np.array([s.low if f else -np.inf for s, f in zip(states, fenced, strict=True)]))
        high = graph.constant(np.array([s.high if f else np.inf for s, f in zip(states, fenced, strict=True)]))
        if way == "clip":
            x = graph("Min", graph("Max", x, low), high)
        else:
            beyond = graph("Or", graph("Less", x, low), graph("Greater", x, high))
            x = graph("Where", beyond, graph.constant(np.array([s.fill for s in states])), x)
    return x


def _straight(graph: Graph, x: str, states: Sequence[number.State]) -> str:
    """`(x - centre) / spread`, after a logarithm of both signs where the scale says so."""
    logged = np.array([state.scale == "log" for state in states])
    if logged.any():
        grown = graph("Log", graph("Add", graph("Abs", x), graph.constant(np.float64(1))))
        x = graph("Where", graph.constant(logged), graph("Mul", graph("Sign", x), grown), x)
    x = graph("Sub", x, graph.constant(np.array([state.centre for state in states])))
    x = graph("Div", x, graph.constant(np.array([state.spread for state in states])))
    bound = number._BOUND
    return graph("Min", graph("Max", x, graph.constant(np.float64(-bound))), graph.constant(np.float64(bound)))


def _through_knots(graph: Graph, x: str, states: Sequence[number.State]) -> str:
    """Piecewise linear through `knots` and `levels`: a binary search over all columns at once, then one line each."""
    steps = max(len(state.knots) for state in states).bit_length()
    size = 1 << steps
    knots, levels, slopes = (np.full((len(states), size), fill) for fill in (np.inf, 0.0, 0.0))
    for f, state in enumerate(states):
        n = len(state.knots)
        knots[f, :n], levels[f, :n] = state.knots, state.levels
        slopes[f, : n - 1] = np.diff(state.levels) / np.diff(state.knots)
    first, last = graph.constant(knots[:, 0]), graph.constant(np.array([s.knots[-1] for s in states]))
    x = graph("Min", graph("Max", x, first), last)
    table, base = graph.constant(knots.ravel()), graph.constant(np.arange(len(states), dtype=np.int64) * size)
    place = graph("Add", graph.cast(graph("Mul", x, graph.constant(np.float64(0))), np.int64), base)  # (B, F)
    for step in reversed(range(steps)):
        further = graph.whole("Add", place, 1 << step)
        fits = graph("LessOrEqual", graph("Gather", table, further), x)
        place = graph("Where", fits, further, place)
    knot, level, slope = (graph("Gather", graph.constant(array.ravel()), place) for array in (knots, levels, slopes))
    return graph("Add", graph("Mul", slope, graph("Sub", x, knot)), level)


def boolean_column(graph: Graph, column: Fitted) -> dict[str, str]:
    """One column of yes and no, as text `(B, 1)`; every word is known in lower, upper and title case."""
    state: boolean.State = column.state
    known = {word: float(state.fill) for word in NOTHING} | {state.yes: 1.0, state.no: -1.0}
    spelt = {form: value for word, value in known.items() for form in spellings(word)}
    encoded = graph(
        "LabelEncoder",
        column.name,
        domain="ai.onnx.ml",
        keys_strings=list(spelt),
        values_floats=list(spelt.values()),
        default_float=float(state.fill),
    )
    return {column.name: encoded}


def spellings(word: str) -> set[str]:
    """A word in the cases in which people write it.

    Example:
        >>> sorted(spellings("n/a"))
        ['N/A', 'N/a', 'n/a']
    """
    return {word, word.lower(), word.upper(), word.capitalize(), word.title()}


def datetime_column(graph: Graph, column: Fitted) -> dict[str, str]:
    """One column of moments `(B, 1)`: microseconds since 1970 in UTC, int64, `NO_MOMENT` for an empty cell."""
    state: datetime.State = column.state
    gone = graph("Equal", column.name, graph.constant(np.int64(NO_MOMENT)))
    fill = 0 if state.fill is None else round(state.fill * datetime._DAY)
    micros = graph("Where", gone, graph.constant(np.int64(fill)), column.name)
    days = graph("Div", graph.cast(micros, np.float64), graph.constant(np.float64(datetime._DAY)))
    trend = graph("Sub", days, graph.constant(np.float64(state.centre)))
    trend = graph("Div", trend, graph.constant(np.float64(state.spread)))
    trend = graph("Min", graph("Max", trend, graph.constant(np.float64(-1e18))), graph.constant(np.float64(1e18)))
    parts = {column.name: graph.cast(trend, np.float32)}
    for wheel in state.wheels:
        table = datetime._circle(datetime._WHEELS[wheel])
        tooth = _tooth(graph, wheel, micros)  # (B, 1)
        for part, side in (("sin", 0), ("cos", 1)):
            parts[f"{column.name}.{wheel}.{part}"] = graph("Gather", graph.constant(table[:, side]), tooth)
    if state.fill is None:
        zero = graph.constant(np.float32(0))
        parts = {name: graph("Where", gone, zero, part) for name, part in parts.items()}
    if state.indicator:
        parts[f"{column.name}.missing"] = graph.cast(gone, np.float32)
    return parts


def _tooth(graph: Graph, wheel: str, micros: str) -> str:
    """The tooth of a wheel on which each moment stands, int64."""
    if wheel == "hour":
        return graph.whole("Mod", graph.floor_div(micros, 60_000_000), 1440)
    days = graph.floor_div(micros, datetime._DAY)
    return graph.whole("Mod", graph.whole("Add", days, 3), 7) if wheel == "weekday" else _month(graph, days)


def _month(graph: Graph, days: str) -> str:
    """Month 0-11 of days since 1970, by the arithmetic of the proleptic calendar.

    Source: Hinnant, "chrono-compatible low-level date algorithms".
    """
    day = graph.whole("Mod", graph.whole("Add", days, 719_468), 146_097)  # of an era of 400 years that begins in March
    less = graph("Sub", graph.whole("Div", day, 36_524), graph.whole("Div", day, 146_096))
    less = graph("Sub", less, graph.whole("Div", day, 1_460))
    year = graph.whole("Div", graph("Add", day, less), 365)
    before = graph("Add", graph.whole("Mul", year, 365), graph.whole("Div", year, 4))
    before = graph("Sub", before, graph.whole("Div", year, 100))
    of_year = graph("Sub", day, before)
    march_first = graph.whole("Div", graph.whole("Add", graph.whole("Mul", of_year, 5), 2), 153)
    return graph.whole("Mod", graph.whole("Add", march_first, 2), 12)
