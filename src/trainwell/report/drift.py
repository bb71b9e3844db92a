"""Drift: a table for the terminal, and a page with every column's index."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import capital, spoken
from trainwell.evaluate.drift import LARGE, SMALL, ColumnDrift, Compared, Drift
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el, say
from trainwell.report.sections import section
from trainwell.report.tables import Cell, Heads, table

#: Columns shown in the terminal, and on the page.
MOST_LINES, MOST_ROWS = 20, 500
HEADS = ("column", "kind", "index", "distance", "p", "what moved")


def show_drift(found: Drift, *, console: Console | None = None) -> None:
    """Print every comparison: its sentence, then the columns, the most moved first."""
    out = console or Console(highlight=False)
    for compared in found.compared:
        out.print(Text(spoken(compared.sentence), "bold yellow" if compared.differ else "bold"))
        for problem in compared.problems:
            out.print(Text(spoken(problem), "yellow"))
        drawn = Table(box=None, pad_edge=False, header_style="dim")
        for head in HEADS:
            numbers = head in ("index", "distance", "p")
            drawn.add_column(spoken(head), justify="right" if numbers else "left", overflow="fold")
        for c in compared.columns[:MOST_LINES]:
            drawn.add_row(*_cells(c)[:-1], spoken(_cells(c)[-1]), style=_style(c))
        out.print(drawn, "")
    scale = f"index: population stability index, under {SMALL} no change, over {LARGE} a large one; p corrected by Holm"
    out.print(Text(spoken(scale), "dim"))


def _cells(c: ColumnDrift) -> list[str]:
    return [c.column, c.kind, f"{c.psi:.3f}", f"{c.distance:.2f}", f"{c.p:.2g}", c.says if c.moved else ""]


def _style(c: ColumnDrift) -> str:
    return "" if not c.moved else "red" if c.psi >= LARGE else "yellow"


def write_drift(found: Drift, path: str | Path) -> Path:
    """Write the page; a folder gets `drift.html`."""
    return write_page(path, "drift", "Drift", *map(_part, found.compared))


def _part(compared: Compared) -> Markup:
    a, b = compared.names
    said = [el("p", say(f"{capital(compared.sentence)}."), class_="big")]
    said += [el("p", say(problem), class_="note") for problem in compared.problems]
    note = (
        f"{compared.rows[0]:,} {a} rows against {compared.rows[1]:,} {b} rows, as the network sees them. Index: population "
        f"stability index, under {SMALL} no change, over {LARGE} a large one. p: Kolmogorov-Smirnov for numbers, chi squared "
        "for categories, corrected for the number of columns (Holm). AUROC: of trees that tell the side of unseen rows."
    )
    rows: list[list[Cell]] = [
        [name, kind, (psi, "num"), (distance, "num"), (p, "num"), (say(says), "soft wide")]
        for name, kind, psi, distance, p, says in map(_cells, compared.columns[:MOST_ROWS])
    ]
    heads: Heads = ["column", "kind", ("index", "num"), ("distance", "num"), ("p", "num"), ("what moved", "wide")]
    return section(f"{a} and {b}", el("div", *said, table(heads, rows), el("p", say(note), class_="note"), class_="card"))
