"""The picture beside a finding: the measurement that it was read from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainwell.doctor.chart import Chart
from trainwell.doctor.rules.start import update_ratios
from trainwell.report.figures import figure
from trainwell.report.markup import Markup
from trainwell.report.svg import Axis, Panel, axis_of

Rows = Sequence[Mapping[str, Any]]
#: Activations drawn at most, the worst ones.
MOST_UNITS = 3


def picture_of(code: str, rows: Rows) -> Markup | None:
    """The figure that shows what a finding was read from; None where nothing was measured.

    Args:
        code: of the finding.
        rows: the history of the run and what the doctor measured.

    Example:
        >>> picture_of("TW301", []) is None
        True
    """
    draw = PICTURES.get(code)
    return draw(Chart(rows)) if draw is not None else None


def gradient_by_depth(chart: Chart) -> Markup | None:
    """Norm of the gradient of each weight matrix, at the first and at the latest measured update."""
    probes = [r for r in chart.probes if len(r.get("gradient", ())) > 1]
    if not probes:
        return None
    shown = [(f"update {r['step']}", [float(g) for g in r["gradient"]]) for r in (probes[0], probes[-1])]
    values = [g for _, gradient in shown for g in gradient if g > 0 and math.isfinite(g)]
    if not values:
        return None
    depth = len(shown[0][1])
    panel = Panel(Axis(1, max(2, depth), "layer"), axis_of(values, "", log=True), name="gradient by depth")
    for style, (name, gradient) in zip(("c1", "c0"), shown, strict=True):
        places = [(i + 1, g) for i, g in enumerate(gradient) if g > 0]
        panel.line([x for x, _ in places], [g for _, g in places], style, name)
    keys = [("c1", shown[0][0]), ("c0", shown[1][0])]
    return figure("Gradient by depth", panel.svg(), keys=keys, note="Norms, from the first layer to the last.")


def update_sizes(chart: Chart) -> Markup | None:
    """The largest update of a layer as a share of its weights, over the run."""
    rows = [r for r in chart.probes if r.get("update")]
    points = [(float(r["step"]), s) for r, s in zip(rows, update_ratios(rows), strict=True) if 0 < s < math.inf]
    if len(points) < 2:
        return None
    panel = Panel(_steps(points), axis_of([*(y for _, y in points), 1e-4, 0.3], "", log=True), name="size of updates")
    panel.line([x for x, _ in points], [y for _, y in points], "c0", "largest update / weights")
    for limit in (1e-5, 0.3):
        if panel.y.low <= limit <= panel.y.high:
            panel.rule(panel.x.low, limit, panel.x.high, limit)
    note = "Shares of a layer's weights; healthy ones lie below the upper dashed line."
    return figure("Size of updates", panel.svg(), note=note)


def silent_units(chart: Chart) -> Markup | None:
    """Share of units that are silent, or of values on a flat end, in the worst layers over the run."""
    names = list(chart.fact("activations", ()))
    rows = [r for r in chart.probes if len(r.get("silent", ())) == len(names)]
    if not names or len(rows) < 2:
        return None
    worst = [[max(a, b) for a, b in zip(r["silent"], r["saturated"], strict=True)] for r in rows]
    order = sorted(range(len(names)), key=lambda i: -max(w[i] for w in worst))[:MOST_UNITS]
    steps = [float(r["step"]) for r in rows]
    panel = Panel(_steps([(s, 0.0) for s in steps]), Axis(0, 1, percent=True), name="silent or saturated units")
    for style, place in zip(("c0", "c2", "c3"), order, strict=False):
        panel.line(steps, [w[place] for w in worst], style, names[place])
    keys = [(style, names[place]) for style, place in zip(("c0", "c2", "c3"), order, strict=False)]
    return figure("Silent or saturated units", panel.svg(), keys=keys, note="On fixed rows, in the layers that are worst off.")


def gap(chart: Chart) -> Markup | None:
    """Loss on fixed training and validation rows with two standard errors."""
    rows = [r for r in chart.checks if r.get("train_loss") is not None and r.get("valid_loss") is not None]
    values = [float(r[k]) for r in rows for k in ("train_loss", "valid_loss") if math.isfinite(r[k])]
    if len(rows) < 3 or not values:
        return None
    far = min(values) > 0 and max(values) > 30 * min(values)
    steps = [float(r["step"]) for r in rows]
    panel = Panel(_steps([(s, 0.0) for s in steps]), axis_of(values, "", log=far), name="loss on training and validation rows")
    keys = (("c1", "training", "train"), ("c0", "validation", "valid"))
    for style, name, part in keys:
        losses, errors = ([float(r.get(f"{part}_{what}") or 0.0) for r in rows] for what in ("loss", "se"))
        bands = [(x - 2 * e, x + 2 * e) for x, e in zip(losses, errors, strict=True)]
        panel.whiskers(steps, [low for low, _ in bands], [high for _, high in bands], style)
        panel.line(steps, losses, style, name)
    note = "On fixed rows, without dropout; bars are two standard errors."
    return figure("The gap", panel.svg(), keys=[(s, n) for s, n, _ in keys], note=note)


def against_reference(chart: Chart) -> Markup | None:
    """Score on fixed rows beside guessing and the simple reference model."""
    name = "valid_score" if chart.best("valid_score") is not None else "train_score"
    points = [(float(r["step"]), float(r[name])) for r in chart.checks if r.get(name) is not None]
    reference, chance = chart.fact("reference"), chart.fact("chance")
    if len(points) < 2 or reference is None:
        return None
    panel = Panel(_steps(points), axis_of([*(y for _, y in points), reference, chance], ""), name="score beside a reference")
    panel.line([x for x, _ in points], [y for _, y in points], "c0", "the network")
    for level in (reference, chance):
        panel.rule(panel.x.low, level, panel.x.high, level)
    note = f"Dashed: {chart.fact('reference_name')} {reference:.2f} and guessing {chance:.2f}, on the same rows."
    return figure("Score and reference", panel.svg(), note=note)


def time_split(chart: Chart) -> Markup | None:
    """Share of a step that is spent waiting for its batch."""
    points = [(float(r["step"]), r["wait"] / max(1e-12, r["wait"] + r["work"])) for r in chart.probes if "wait" in r]
    if len(points) < 2:
        return None
    panel = Panel(_steps(points), Axis(0, 1, percent=True), name="time spent waiting for data")
    panel.line([x for x, _ in points], [y for _, y in points], "c0", "waiting")
    return figure("Waiting for data", panel.svg(), note="As a share of a step.")


def _steps(points: Sequence[tuple[float, float]]) -> Axis:
    return Axis(0.0, max(1.0, *(x for x, _ in points)), "update")


#: code → what draws its picture.
PICTURES: dict[str, Callable[[Chart], Markup | None]] = {
    **dict.fromkeys(("TW101", "TW102", "TW106", "TW109"), gradient_by_depth),
    **dict.fromkeys(("TW301", "TW302", "TW303", "TW305", "TW306"), update_sizes),
    **dict.fromkeys(("TW103", "TW104"), silent_units),
    **dict.fromkeys(("TW401", "TW402", "TW307", "TW311"), gap),
    **dict.fromkeys(("TW008", "TW009", "TW010", "TW110", "TW309", "TW310", "TW403", "TW404"), against_reference),
    "TW507": time_split,
}
