"""The forms of a simplified network: a table for the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import capital, spoken
from trainwell.core.stats import Interval
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.report.terminal import WIDE
from trainwell.study.simplify import ROWS, Simplified


def show_simplified(found: Simplified, *, console: Console | None = None) -> None:
    """Print size, time and score of every form, and the smallest that holds its score."""
    out = console or Console()
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    wide = out.width >= WIDE
    heads = [
        "",
        *(["weights"] if wide else []),
        "kB",
        "1 row",
        f"{ROWS} rows" if wide else str(ROWS),
        "score",
        "difference (95% CI)",
    ]
    for heading in heads:
        drawn.add_column(spoken(heading), justify="left" if heading == "" else "right", no_wrap=True)
    for form in found.forms:
        cells = [spoken(form.name), *([f"{form.weights:,}"] if wide else []), f"{form.bytes / 1000:,.1f}"]
        score = _limits(form.score) if wide else f"{form.score.value:.{form.score.decimals}f}"
        against = "" if form.difference is None else _limits(form.difference, sign="+")
        drawn.add_row(*cells, f"{form.one_row:.2f}", f"{form.many_rows:.1f}", score, against)
    what = f"{label(found.metric)} on {rows_named(found.part)}; files zipped; milliseconds on one thread"
    out.print(Text(spoken(what), "dim"))
    out.print(drawn)
    for told in found.notes:
        out.print(Text(spoken(f"not made: {told}"), "yellow"))
    out.print(Text(spoken(f"{capital(found.sentence)}."), "bold"))


def _limits(interval: Interval, sign: str = "") -> str:
    form = f"{sign}.{interval.decimals}f"
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}})"
