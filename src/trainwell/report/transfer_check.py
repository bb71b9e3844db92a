"""Fine-tuned against from scratch: a table for the terminal, and a page with its plot."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import capital, spoken
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.report.figures import figure
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el
from trainwell.report.sections import section
from trainwell.report.svg import Panel, axis_of
from trainwell.report.tables import table
from trainwell.study.transfer_check import Size, TransferCheck

HEADS = ["rows", "with the weights", "from scratch", "difference", "verdict"]
#: Colours of verdicts in the terminal.
STYLES = {"helps": "bold green", "hurts": "bold red", "cannot tell": "bold yellow"}


def show_transfer(found: TransferCheck, *, console: Console | None = None) -> None:
    """Print the scores of both ways by number of rows, the verdicts, and what the weights are worth."""
    out = console or Console()
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for heading in HEADS:
        drawn.add_column(spoken(heading), justify="left" if heading == "verdict" else "right")
    for size in found.sizes:
        *cells, word = _cells(size, limits=False)
        drawn.add_row(*cells, Text(spoken(word), STYLES[size.verdict.word]))
    about = f"{label(found.metric)} on {rows_named(found.part)}, {found.repeats} pairs, {found.steps:,} updates each"
    out.print(Text(spoken(about), "dim"))
    out.print(drawn)
    out.print(Text(spoken(found.sentence), "bold"))
    if found.worth:
        out.print(Text(spoken(found.worth), "dim"))


def _cells(size: Size, *, limits: bool) -> list[str]:
    verdict = size.verdict
    d, gain = max(size.tuned.decimals, size.scratch.decimals), verdict.difference
    means = [i.text() if limits else f"{i.value:,.{d}f}" for i in (size.tuned, size.scratch)]
    difference = f"{gain.value:+.{gain.decimals}f} ({gain.low:+.{gain.decimals}f} to {gain.high:+.{gain.decimals}f})"
    return [f"{size.rows:,}", *means, difference, f"{verdict.word}, p={verdict.p:.2g}"]


def write_transfer(found: TransferCheck, path: str | Path) -> Path:
    """Write the page; a folder gets `transfer-check.html`."""
    rows = el("div", table(HEADS, [_cells(size, limits=True) for size in found.sizes]), class_="card")
    curve = el("div", el("div", _curve(found), class_="whole"), class_="grid")
    parts = section("Scores over rows", curve), section("Pairs", rows)
    said = [f"{capital(found.sentence)}.", found.worth]
    return write_page(path, "transfer-check", "Transfer", *parts, heading="Did the borrowed weights help?", said=said)


def _curve(found: TransferCheck) -> Markup:
    """Both ways over training rows, with their intervals."""
    rows = [float(size.rows) for size in found.sizes]
    lines = {"c2": [size.tuned for size in found.sizes], "c1": [size.scratch for size in found.sizes]}
    every = [v for line in lines.values() for i in line for v in (i.low, i.high, i.value)]
    axes = axis_of(rows, "training rows", log=len(rows) > 1), axis_of(every, "")
    panel = Panel(*axes, width=720, name=f"{label(found.metric)} over training rows")
    for colour, line in lines.items():
        panel.line(rows, [i.value for i in line], colour)
        panel.whiskers(rows, [i.low for i in line], [i.high for i in line], colour)
        panel.dots(rows, [i.value for i in line], colour, [f"{n:,.0f} rows: {i}" for n, i in zip(rows, line, strict=True)])
    title = capital(label(found.metric))
    note = f"On {rows_named(found.part)}. Whiskers: 95% intervals over {found.repeats} repeats."
    return figure(title, panel.svg(), note=note, keys=[("c2", "with the weights"), ("c1", "from scratch")])
