"""A replayed update: tables for the terminal, and a page with the losses of every what-if."""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import capital, spoken
from trainwell.report.figures import figure
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el, say
from trainwell.report.sections import section
from trainwell.report.svg import Panel, axis_of
from trainwell.report.tables import Cell, table
from trainwell.train.dissect import LayerAt
from trainwell.train.replay import Replay, WhatIf, outcome

#: Colours of what is drawn, as it was first.
STYLES = ("c6", "c0", "c2", "c3", "c4")
HEADS = ("layer", "kind", "largest in", "largest out", "out / in", "weights", "gradient")


def show_replay(found: Replay, *, console: Console | None = None) -> None:
    """Print where it began, every layer, the rows with the largest loss, and what would have helped."""
    out = console or Console(highlight=False)
    head = f"update {found.step}: loss {found.loss:.4g}, rate {found.rate:.3g}, gradient norm {found.gradient_norm:.3g}"
    out.print(Text(spoken(head), "bold"))
    out.print(Text(spoken(capital(found.sentence)), "bold yellow" if found.began else ""), "")
    out.print(_layers(found), "")
    rows = ", ".join(f"{row} ({loss:.3g})" for row, loss in found.rows)
    out.print(spoken(f"rows of the batch with the largest loss: {rows}"), "")
    out.print(_what_ifs(found), "")
    out.print(Text(spoken(_origin(found)), "dim"))


def _origin(found: Replay) -> str:
    """What was executed to get there, and how it is known to be the same."""
    start = f"the checkpoint before update {found.start}" if found.start else "the beginning"
    proof = f"; {found.agreed} of {found.met} logged losses met again to the bit" if found.met else ""
    return f"replayed from {start}{proof}"


def _layers(found: Replay) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for place, heading in enumerate(HEADS):
        drawn.add_column(spoken(heading), justify="left" if place < 2 else "right", overflow="fold")
    for layer in found.layers:
        sick = not math.isfinite(layer.leaving) or not math.isfinite(layer.gradient)
        drawn.add_row(*_cells(layer), style="bold red" if sick else "")
    return drawn


def _cells(layer: LayerAt) -> list[str]:
    numbers = (layer.entering, layer.leaving, layer.growth, layer.weight, layer.gradient)
    return [layer.name, layer.kind, *(f"{n:.3g}" for n in numbers)]


def _what_ifs(found: Replay) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    drawn.add_column(spoken("what if"), no_wrap=True)
    drawn.add_column("")
    for what_if in found.what_ifs:
        drawn.add_row(spoken(what_if.name), Text(spoken(outcome(what_if)), "" if what_if.finite else "red"))
    return drawn


def write_replay(found: Replay, path: str | Path) -> Path:
    """Write the page of a replay; a folder gets `replay-STEP.html`."""
    layers: list[list[Cell]] = [list(_cells(layer)) for layer in found.layers]
    rows: list[list[Cell]] = [[str(row), f"{loss:.4g}"] for row, loss in found.rows]
    content = [
        section("What if", el("div", el("div", _curves(found), class_="half"), class_="grid")),
        section("Layers", el("div", table(list(HEADS), layers), class_="card")),
        section("Rows", el("div", table(["row", "loss"], rows), el("p", say(_origin(found)), class_="soft"), class_="card")),
    ]
    return write_page(path, f"replay-{found.step}", f"Update {found.step}", *content, said=[f"{capital(found.sentence)}."])


def _curves(found: Replay) -> Markup:
    """Training loss of every way over the updates around the step."""
    every = [loss for what_if in found.what_ifs for loss in what_if.losses]
    steps = [float(step) for what_if in found.what_ifs for step in _steps(what_if)]
    panel = Panel(axis_of(steps, "update"), axis_of(every, "", log=True), name="loss around the update")
    for what_if, style in zip(found.what_ifs, STYLES, strict=True):
        xs = [float(step) for step in _steps(what_if)]
        panel.line(xs, what_if.losses, style, what_if.name)
    note = f"Update {found.step} is the one that was asked for. A line that ends early was not finite from there."
    return figure(
        "Training loss", panel.svg(), note=note, keys=list(zip(STYLES, (w.name for w in found.what_ifs), strict=True))
    )


def _steps(what_if: WhatIf) -> range:
    return range(what_if.first, what_if.first + len(what_if.losses))
