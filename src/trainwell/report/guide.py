"""A sweep and its advice: a table for the terminal, and a page with its plots."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import capital, spoken
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.report.figures import figure, grid
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el
from trainwell.report.numbers import short
from trainwell.report.sections import section
from trainwell.report.svg import Axis, Panel, axis_of
from trainwell.report.tables import table
from trainwell.report.terminal import WIDE
from trainwell.study.guide import Guidance
from trainwell.study.sweep import Point, reach

#: Colours of those tied with the best, of the advised one, and of the others.
TIED, ADVISED, OTHER = "c0", "c2", "c1"


def show_guidance(found: Guidance, *, console: Console | None = None) -> None:
    """Print the sweep, what its networks showed, and the advice."""
    out = console or Console()
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    hidden = set[str]() if out.width >= WIDE else {"seconds", "gradient reach", "after training"}
    shown = [i for i, heading in enumerate(_heads(found)) if heading not in hidden]
    for heading in (_heads(found)[i] for i in shown):
        left = heading == ""
        drawn.add_column(spoken(heading), justify="left" if left else "right", no_wrap=heading.startswith("95"))
    for point in found.points:
        style = "bold" if point.value == found.chosen else "" if point.group == 0 else "dim"
        cells = _cells(found, point)
        drawn.add_row(*(spoken(cells[i]) for i in shown), style=style)
    what = f"{found.key}: {label(found.metric)} on {rows_named(found.part)}, {found.repeats} repeats"
    out.print(Text(spoken(what), "dim"))
    out.print(drawn)
    out.print(Text(spoken(found.sentence), "bold green"))


def _heads(found: Guidance) -> list[str]:
    heads = [found.key, label(found.metric), "95% CI", "", "parameters", "seconds"]
    heads += ["dead"] if _known(found, "dead") else []
    heads += ["saturated"] if _known(found, "saturated") else []
    return [*heads, "gradient reach", "after training"]


def _cells(found: Guidance, p: Point) -> list[str]:
    d = p.score.decimals
    finite = math.isfinite(p.score.value)
    cells = [str(p.value), f"{p.score.value:,.{d}f}" if finite else "–"]
    cells += [f"{p.score.low:,.{d}f} to {p.score.high:,.{d}f}" if math.isfinite(p.score.low) else "–"]
    cells += ["advised" if p.value == found.chosen else "tied" if p.group == 0 and finite else ""]
    cells += [f"{p.parameters:,}", f"{p.seconds:.2g}"]
    cells += [_share(p.dead)] if _known(found, "dead") else []
    cells += [_share(p.saturated)] if _known(found, "saturated") else []
    return [*cells, *(_ratio(reach(g)) for g in (p.gradient_start, p.gradient_end))]


def _ratio(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) else "–"


def _known(found: Guidance, share: str) -> bool:
    return any(math.isfinite(getattr(p, share)) for p in found.points)


def _share(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "–"


def write_guidance(found: Guidance, path: str | Path) -> Path:
    """Write the page of a sweep; a folder gets `guide-TOPIC.html`."""
    about = f"{found.key}, {label(found.metric)} on {rows_named(found.part)}, {found.repeats} networks per value"
    advice, _, why = found.sentence.partition("; ")
    drawn = [_scores(found), *_costs(found), *_idle(found), *_gradients(found)]
    rows = table(_heads(found), [_cells(found, p) for p in found.points])
    parts = section("Sweep", grid(drawn)), section("Values", el("div", rows, class_="card"), *_noise(found))
    said = [capital(why), f"{about}."]
    return write_page(path, f"guide-{found.topic}", f"Guide to {found.topic}", *parts, heading=advice, said=said)


def _style(found: Guidance, p: Point) -> str:
    return ADVISED if p.value == found.chosen else TIED if p.group == 0 else OTHER


def _finite(found: Guidance) -> list[Point]:
    return [p for p in found.points if math.isfinite(p.score.value)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _axis(found: Guidance) -> tuple[Axis, dict[int, float]]:
    """The axis of what was swept, and the place of each point on it; words are numbered."""
    points = _finite(found)
    if all(_is_number(p.value) for p in points):
        values = [float(p.value) for p in points]
        log = min(values) > 0 and max(values) / min(values) > 8
        return axis_of(values, found.key, log=log), {id(p): v for p, v in zip(points, values, strict=True)}
    places = {id(p): float(i) for i, p in enumerate(points)}
    names = ", ".join(f"{i} {p.value}" for i, p in enumerate(points))
    return Axis(-0.5, len(points) - 0.5, names), places


def _scores(found: Guidance) -> Markup:
    x, places = _axis(found)
    points = _finite(found)
    limits = [v for p in points for v in (p.score.low, p.score.high, p.score.value) if math.isfinite(v)]
    panel = Panel(x, axis_of(limits, ""), name=f"{label(found.metric)} over {found.key}")
    if all(_is_number(p.value) for p in points):  # between words there is nothing
        panel.line([places[id(p)] for p in points], [p.score.value for p in points], "c1", label(found.metric), hover=False)
    for p in points:
        at = places[id(p)]
        panel.whiskers([at], [p.score.low], [p.score.high], _style(found, p))
        panel.dots([at], [p.score.value], _style(found, p), [f"{p.value}: {p.score.text()}"], radius=4.5)
    keys = [(ADVISED, "advised"), (TIED, "tied with the best"), (OTHER, "worse")]
    title = capital(label(found.metric))
    return figure(title, panel.svg(), note="Mean over the repeats; whiskers are 95% intervals.", keys=keys)


def _costs(found: Guidance) -> list[Markup]:
    """Score against cost, where the values differ in cost."""
    points = _finite(found)
    count = "parameters" if len({p.parameters for p in points}) > 1 else "seconds"
    if found.topic not in ("depth", "width", "batch"):
        return []
    costs = [float(p.parameters) if count == "parameters" else p.seconds for p in points]
    panel = Panel(axis_of(costs, count, log=True), axis_of([p.score.value for p in points], ""), name=f"score over {count}")
    for p, cost in zip(points, costs, strict=True):
        tip = f"{p.value}: {p.score.text()}, {short(cost)} {count}"
        panel.dots([cost], [p.score.value], _style(found, p), [tip], radius=4.5)
    return [figure("Score against cost", panel.svg(), note=f"Each dot is a value of {found.key}.")]


def _idle(found: Guidance) -> list[Markup]:
    x, places = _axis(found)
    drawn, keys = Panel(x, Axis(0, 1, percent=True), name="idle units"), []
    for share, style, name in (("dead", "c6", "dead units"), ("saturated", "c5", "saturated outputs")):
        known = [p for p in _finite(found) if math.isfinite(getattr(p, share))]
        if known:
            at, values = [places[id(p)] for p in known], [getattr(p, share) for p in known]
            if all(_is_number(p.value) for p in known):
                drawn.line(at, values, style, name)
            drawn.dots(at, values, style, [f"{p.value}: {v:.1%}" for p, v in zip(known, values, strict=True)])
            keys.append((style, name))
    note = "After training, on a fixed set of rows: rectified units that are never above zero, outputs on a flat end."
    return [figure("Idle units", drawn.svg(), note=note, keys=keys)] if keys else []


def _gradients(found: Guidance) -> list[Markup]:
    """Gradient by layer, from the inputs to the output, before and after training."""
    points = [p for p in _finite(found) if len(p.gradient_start) > 1]
    drawn = []
    for title, key in (("Gradient before training", "gradient_start"), ("Gradient after training", "gradient_end")):
        norms = [v for p in points for v in getattr(p, key).values() if v > 0]
        if not norms:
            continue
        panel = Panel(Axis(0, 1, "from the inputs to the output"), axis_of(norms, "", log=True), name=title)
        for i, p in enumerate(points):
            values = list(getattr(p, key).values())
            panel.line([k / (len(values) - 1) for k in range(len(values))], values, f"c{i % 10}", str(p.value))
        keys = [(f"c{i % 10}", str(p.value)) for i, p in enumerate(points)]
        drawn.append(figure(title, panel.svg(), note="Norm of the gradient of each weight matrix.", keys=keys))
    return drawn


def _noise(found: Guidance) -> list[Markup]:
    if not found.noise:
        return []
    said = "; ".join(f"{when} of training: {scale}" for when, scale in found.noise.items())
    why = "Batches far below it waste updates, batches far above it waste rows."
    return [el("p", f"Gradient noise scale at the {said}. {why}", class_="soft")]
