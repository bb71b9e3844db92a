"""An ablation: a table for the terminal, and a page with its forest plot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainwell.core.atomic import write_atomic
from trainwell.core.stats import Interval
from trainwell.evaluate.evaluation import label
from trainwell.report.figures import figure
from trainwell.report.html import document
from trainwell.report.markup import Markup, el, join
from trainwell.report.sections import section
from trainwell.report.svg import Axis
from trainwell.report.tables import Cell, table
from trainwell.report.terminal import WIDE, whisker
from trainwell.study.ablate import Ablation, Effect
from trainwell.study.verdict import Verdict

VERDICT_STYLES = {"helps": "bold green", "hurts": "bold red", "cannot tell": "yellow"}
#: Colours of the plot by verdict.
COLOURS = {"helps": "c3", "hurts": "c6", "cannot tell": "c1"}
#: Characters of an interval drawn in a table; room of names and height of a row in the plot.
WHISKER, NAMES, ROW = 23, 128, 22


def show_ablation(found: Ablation, *, console: Console | None = None) -> None:
    """Print what each trick does inside the recipe and alone, and the recipe against itself."""
    out = console or Console()
    what = f"{label(found.metric)} on {found.part} rows, {found.repeats} repeats, {found.runs} networks"
    out.print(Text.assemble((f"{what}: ", "dim"), (found.score.text(), "bold")))
    out.print(_table(found, wide=out.width >= WIDE))
    for effect in found.effects:
        if effect.inside is None:
            out.print(Text(effect.sentence, "dim"))
    if found.bare:
        out.print(Text(f"without any of them: {found.bare.text()}", "dim"))
    out.print(Text(str(found.false_alarms), "dim"))


def _table(found: Ablation, *, wide: bool) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    drawn.add_column("trick", no_wrap=True)
    for heading in ("inside the recipe", *(["alone"] if found.bare else [])):
        drawn.add_column(heading, no_wrap=True)
        drawn.add_column("difference", justify="right", no_wrap=True)
        drawn.add_column("p", justify="right")
    if wide:
        drawn.add_column("worse ← with it → better", no_wrap=True)
        drawn.add_column("with against without", overflow="fold")
    far = _far([e.inside for e in found.effects if e.inside])
    for effect in found.effects:
        if effect.inside is None:
            continue
        verdicts = [effect.inside, *([effect.alone] if effect.alone else [])]
        cells = [cell for verdict in verdicts for cell in _verdict_cells(verdict)]
        more = [whisker(good(effect.inside), -far, far, WHISKER), f"{effect.on} against {effect.off}"] if wide else []
        drawn.add_row(Text(effect.name, "" if effect.present else "italic"), *cells, *(Text(m, "dim") for m in more))
    return drawn


def _verdict_cells(verdict: Verdict) -> list[Text]:
    d = verdict.difference
    return [
        Text(verdict.word, VERDICT_STYLES[verdict.word]),
        Text(f"{d.value:+,.{d.decimals}f}" if math.isfinite(d.value) else "–"),
        Text(f"{verdict.p:.2g}", "dim"),
    ]


def good(verdict: Verdict) -> Interval:
    """The difference turned so that right of zero is better."""
    d = verdict.difference
    return d if verdict.higher_is_better else Interval(-d.value, -d.high, -d.low, d.n, d.level)


def _far(verdicts: Sequence[Verdict]) -> float:
    """Half the width of an axis that holds all finite limits, zero in its middle."""
    limits = [abs(v) for verdict in verdicts for v in (good(verdict).low, good(verdict).high) if math.isfinite(v)]
    return 1.05 * max(limits, default=0.0) or 1.0


def write_ablation(found: Ablation, path: str | Path) -> Path:
    """Write the page of an ablation: forest plot and table; a folder gets `ablation.html`."""
    path = Path(path)
    path = path / "ablation.html" if path.is_dir() else path
    head = el("header", el("div", el("b", "trainwell"), class_="brand"), el("h1", "Which tricks help"), _subtitle(found))
    content = section("Differences", el("div", _forest(found), class_="grid"))
    write_atomic(
        path, document("Ablation", join(head, content, section("Verdicts", el("div", _page_table(found), class_="card"))))
    )
    return path


def _subtitle(found: Ablation) -> Markup:
    what = f"{label(found.metric)} on {found.part} rows: {found.score.text()}, {found.repeats} repeats, {found.runs} networks."
    return el("p", f"{what} {found.false_alarms}.", class_="soft")


def _forest(found: Ablation) -> Markup:
    judged = [e for e in found.effects if e.inside]
    aa = found.false_alarms.verdict
    inside = [Row(e.name, e.inside, COLOURS[e.inside.word]) for e in judged if e.inside] + [Row("itself (A/A)", aa, "c0")]
    alone = [Row(e.name, e.alone, COLOURS[e.alone.word]) for e in judged if e.alone]
    note = f"Right of the line, {label(found.metric)} is better with the trick. Whiskers are 95% intervals."
    keys = [(style, word) for word, style in COLOURS.items()]
    drawn = [figure("Inside the recipe", forest(inside, label(found.metric)), note=note, keys=keys)]
    drawn += [figure("Alone", forest(alone, label(found.metric)), note=note, keys=keys)] if alone else []
    return join(*(el("div", one, class_="half") for one in drawn))


@dataclass(frozen=True)
class Row:
    """One line of a forest plot."""

    name: str
    verdict: Verdict
    style: str


def forest(rows: Sequence[Row], what: str, *, width: float = 460) -> Markup:
    """Differences with their intervals, one below the other, on an axis with zero in its middle.

    Args:
        rows: from the top.
        what: the score.
        width: of the drawing in its own units.
    """
    far = _far([row.verdict for row in rows])
    axis = Axis(-far, far, f"worse ← difference in {what} → better")
    left, right, height = NAMES, 12.0, ROW * len(rows) + 8.0

    def place(value: float) -> float:
        return round(left + axis.place(min(max(value, axis.low), axis.high)) * (width - left - right), 1)

    marks = [el("line", x1=place(0), x2=place(0), y1=0, y2=height, class_="rule")]
    for i, row in enumerate(rows):
        marks += _forest_row(row, place, ROW * i + ROW / 2 + 4)
    for value, text in axis.ticks(4):
        marks.append(el("line", x1=place(value), x2=place(value), y1=height, y2=height + 4, class_="axis"))
        marks.append(el("text", text, x=place(value), y=height + 17, class_="tick mid"))
    marks.append(el("line", x1=left, x2=width - right, y1=height, y2=height, class_="axis"))
    marks.append(el("text", axis.label, x=(left + width - right) / 2, y=height + 34, class_="label mid"))
    return el("svg", *marks, viewBox=f"0 0 {width:g} {height + 40:g}", role="img", aria_label=f"differences in {what}")


def _forest_row(row: Row, place: Callable[[float], float], y: float) -> list[Markup]:
    found = good(row.verdict)
    marks = [el("text", row.name, x=NAMES - 10, y=y + 4, class_="tick end")]
    if math.isfinite(found.low) and math.isfinite(found.high):
        marks.append(el("line", x1=place(found.low), x2=place(found.high), y1=y, y2=y, class_=f"whisker {row.style}"))
    if math.isfinite(found.value):
        tip = f"{row.name}: {row.verdict.word}, {row.verdict.evidence}"
        marks.append(el("circle", cx=place(found.value), cy=y, r=4, class_=f"dot {row.style}", data_tip=tip))
    return marks


def _page_table(found: Ablation) -> Markup:
    heads = ["trick", "with", "without", "inside the recipe", *(["alone"] if found.bare else []), "source"]
    rows = [_page_row(effect, alone=found.bare is not None) for effect in found.effects]
    return table(heads, rows)


def _page_row(effect: Effect, *, alone: bool) -> list[Cell]:
    if effect.inside is None:
        return [effect.name, "–", "–", f"not tried: {effect.not_for}", *(["–"] if alone else []), effect.source]
    lonely = [effect.alone.sentence if effect.alone else "–"] if alone else []
    return [effect.name, effect.on, effect.off, effect.inside.sentence, *lonely, effect.source]
