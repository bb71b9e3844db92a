"""Figures of a forecast: the past, what was said and what came; the error with every step ahead."""

from __future__ import annotations

from collections.abc import Sequence

from trainwell.evaluate.details import Continued, Future
from trainwell.report.figures import CLASS_STYLES, figure
from trainwell.report.markup import Markup
from trainwell.report.svg import Axis, Panel, axis_of

#: Baselines whose errors are drawn beside the network's.
MOST_LINES = 4


def future_figures(future: Future) -> list[Markup]:
    """Forecasts to look at, then the error by step and how often the interval held what came."""
    drawn = [_continued(one) for one in future.examples]
    drawn.append(_by_step(future))
    if future.covered:
        drawn.append(_covered(future.covered))
    return drawn


def _continued(one: Continued) -> Markup:
    past, ahead = len(one.past), len(one.truth)
    lines = [one.past, one.truth, one.forecast, one.low, one.high]
    panel = Panel(Axis(-past, ahead, "step"), axis_of([v for line in lines for v in line], ""), name=f"forecast of {one.name}")
    steps = list(range(ahead))
    if one.low:
        panel.whiskers(steps, one.low, one.high, "c2")
    # The last known step joins what follows it.
    last = one.past[-1:]
    panel.line(range(-past, 0), one.past, "c1", "past")
    panel.line([-1, *steps], [*last, *one.truth], "c1", "true")
    panel.line([-1, *steps], [*last, *one.forecast], "c0", "forecast")
    keys = [("c1", "true"), ("c0", "forecast")]
    panel.rule(0, panel.y.low, 0, panel.y.high)
    return figure(
        one.name,
        panel.svg(),
        note=f"Forecast at the dashed line, {one.time}." + (" Vertical lines: its 80% interval." if one.low else ""),
        keys=keys,
    )


def _by_step(future: Future) -> Markup:
    names = sorted(future.by_step, key=lambda name: (name != "network", sum(future.by_step[name])))[:MOST_LINES]
    # A rival that is far worse would flatten all others.
    least = min(max(future.by_step[name]) for name in names)
    names = [name for name in names if name == "network" or max(future.by_step[name]) <= 4 * least]
    ends = [v for name in names for v in future.by_step[name]]
    panel = Panel(
        Axis(1, max(2, len(future.by_step["network"])), "steps ahead"), axis_of([0.0, *ends], ""), name="error by step"
    )
    for style, name in zip(CLASS_STYLES, names, strict=False):
        panel.line(range(1, len(future.by_step[name]) + 1), future.by_step[name], style, name)
    keys = list(zip(CLASS_STYLES, names, strict=False))
    return figure("Error by step ahead", panel.svg(), note="Mean squared error of scaled values.", keys=keys)


def _covered(shares: Sequence[float]) -> Markup:
    panel = Panel(Axis(1, max(2, len(shares)), "steps ahead"), Axis(0, 1, percent=True), name="coverage by step")
    panel.line(range(1, len(shares) + 1), shares, "c0", "covered")
    panel.rule(1, 0.8, max(2, len(shares)), 0.8)
    return figure("Coverage of the interval", panel.svg(), note="It promises 80%, the dashed line.")
