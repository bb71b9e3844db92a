"""An ablation: a table for the terminal, and a page with its forest plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import spoken
from trainwell.core.stats import Interval
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.report.figures import figure
from trainwell.report.forest import Mark, intervals
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el, join, say
from trainwell.report.sections import section
from trainwell.report.svg import Axis
from trainwell.report.tables import Cell, table
from trainwell.report.terminal import WIDE, whisker
from trainwell.study.ablate import Ablation, Effect
from trainwell.study.verdict import Verdict

VERDICT_STYLES = {"helps": "bold green", "hurts": "bold red", "cannot tell": "yellow"}
#: Colours of the plot by verdict.
COLOURS = {"helps": "c3", "hurts": "c6", "cannot tell": "c1"}
#: Characters of an interval drawn in a table.
WHISKER = 23


def show_ablation(found: Ablation, *, console: Console | None = None) -> None:
    """Print what each trick does inside the recipe and alone, and the recipe against itself."""
    out = console or Console()
    what = f"{label(found.metric)} on {rows_named(found.part)}, {found.repeats} repeats, {found.runs} networks"
    out.print(Text(spoken(f"{what}: {found.score.text()}"), "bold"), "")
    judged = [e for e in found.effects if e.inside]
    out.print(_table("inside the recipe", [(e, e.inside) for e in judged if e.inside], wide=out.width >= WIDE), "")
    if found.bare:
        out.print(_table("alone", [(e, e.alone) for e in judged if e.alone], wide=out.width >= WIDE), "")
        out.print(Text(spoken(f"without any of them: {found.bare.text()}"), "dim"))
    for line in [*(e.sentence for e in found.effects if e.inside is None), *found.warnings, str(found.false_alarms)]:
        out.print(Text(spoken(line), "dim"))


def _table(question: str, judged: Sequence[tuple[Effect, Verdict]], *, wide: bool) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for heading in (question, "", "difference", "95% CI", "p"):
        justify: JustifyMethod = "right" if heading in ("difference", "p") else "left"
        drawn.add_column(spoken(heading), justify=justify, no_wrap=True)
    if wide:
        drawn.add_column(spoken("worse ← with it → better"), no_wrap=True)
        drawn.add_column(spoken("with against without"), overflow="fold")
    far = _far([verdict for _, verdict in judged])
    for effect, verdict in judged:
        more = (
            [whisker(good(verdict), -far, far, WHISKER), " ".join(map(spoken, (effect.on, "against", effect.off)))]
            if wide
            else []
        )
        name = Text(spoken(effect.name), "" if effect.present else "italic")
        drawn.add_row(name, *_verdict_cells(verdict), *(Text(m, "dim") for m in more))
    return drawn


def _verdict_cells(verdict: Verdict) -> list[Text]:
    d = verdict.difference
    known = math.isfinite(d.value)
    return [
        Text(spoken(verdict.word), VERDICT_STYLES[verdict.word]),
        Text(f"{d.value:+,.{d.decimals}f}" if known else "–"),
        Text(spoken(d.limits(sign=True).removeprefix("95% CI ")) if known else ""),
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
    differences = section("Differences", el("div", _forest(found), class_="grid"))
    verdicts = section("Verdicts", el("div", _page_table(found), class_="card"))
    said = [_subtitle(found)]
    return write_page(path, "ablation", "Ablation", differences, verdicts, heading="Which tricks help", said=said)


def _subtitle(found: Ablation) -> str:
    what = f"{label(found.metric)} on {rows_named(found.part)}: {found.score.text()}"
    how = f"{found.repeats} repeats, {found.runs} networks"
    return ". ".join([f"{what}, {how}", *found.warnings, f"{found.false_alarms}."])


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
    marks = [Mark(r.name, good(r.verdict), r.style, f"{r.name}: {r.verdict.word}, {r.verdict.evidence}") for r in rows]
    return intervals(marks, axis, width=width, zero=True)


def _page_table(found: Ablation) -> Markup:
    heads = ["trick", "with", "without", "inside the recipe", *(["alone"] if found.bare else []), "source"]
    rows = [_page_row(effect, alone=found.bare is not None, brief=bool(found.warnings)) for effect in found.effects]
    return table(heads, rows)


def _page_row(effect: Effect, *, alone: bool, brief: bool) -> list[Cell]:
    if effect.inside is None:
        return [say(effect.name), "–", "–", say(f"not tried: {effect.not_for}"), *(["–"] if alone else []), effect.source]
    asked = [effect.inside, *([effect.alone] if alone else [])]
    # Where too few pairs can tell nothing at all, the head of the page says so once.
    said = [say("–" if v is None else f"{v.word}: {v.evidence}" if brief else v.sentence) for v in asked]
    return [say(effect.name), say(effect.on), say(effect.off), *said, effect.source]
