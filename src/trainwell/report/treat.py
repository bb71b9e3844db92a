"""Treatments and improvements: a table for the terminal, and a page with every remedy's difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import capital, spoken
from trainwell.evaluate.evaluation import label
from trainwell.report.ablate import COLOURS, VERDICT_STYLES, Row, forest, good
from trainwell.report.figures import figure
from trainwell.report.findings import show_findings
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el, join, say
from trainwell.report.sections import section
from trainwell.report.tables import Cell, table
from trainwell.report.terminal import WIDE, whisker
from trainwell.study.improve import Improvement
from trainwell.study.treat import Treatment, Trial, said

#: Characters of an interval drawn in a table.
WHISKER = 23


def show_treatment(found: Treatment, *, console: Console | None = None) -> None:
    """Print what was found, every remedy with its verdict, and the outcome."""
    out = console or Console(highlight=False)
    show_findings([f for f in found.findings if not f.because_of], console=out)
    if found.trials:
        pairs = f"{label(found.metric)} on valid rows, {found.repeats} pairs, {found.runs} networks"
        out.print(Text.assemble((spoken(f"{pairs}; untouched "), "dim"), (spoken(said(found.untouched)), "bold")))
        out.print(_table(found.trials, wide=out.width >= WIDE), "")
        for line in _remarks(found):
            out.print(Text(spoken(line), "dim"))
    out.print(Text(spoken(capital(found.sentence)), "bold"))


def _table(trials: Sequence[Trial], *, wide: bool) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "for", "remedy", "verdict"):
        drawn.add_column(spoken(heading), no_wrap=heading != "remedy", overflow="fold")
    for heading in ("difference", "p"):
        drawn.add_column(spoken(heading), justify="right", no_wrap=True)
    if wide:
        drawn.add_column(spoken("worse ← with it → better"), no_wrap=True)
    far = _far(trials)
    for trial in trials:
        d = trial.verdict.difference
        cells = [
            Text("✓" if trial.kept else "", "bold green"),
            Text(trial.code or spoken("chance"), "dim"),
            Text(spoken(trial.sentence)),
            Text(spoken(trial.verdict.word), VERDICT_STYLES[trial.verdict.word]),
            Text(f"{d.value:+,.{d.decimals}f}" if d.n else "–"),
            Text(f"{trial.verdict.p:.2g}", "dim"),
        ]
        drawn.add_row(*cells, *([whisker(good(trial.verdict), -far, far, WHISKER) if d.n else ""] if wide else []))
    return drawn


def _far(trials: Sequence[Trial]) -> float:
    limits = [abs(v) for t in trials for v in (good(t.verdict).low, good(t.verdict).high) if math.isfinite(v)]
    return 1.05 * max(limits, default=0.0) or 1.0


def _remarks(found: Treatment) -> list[str]:
    """What the table cannot say: failed runs, other budgets, scores that were inflated."""
    told = []
    for trial in found.trials:
        if not trial.verdict.difference.n or any(trial.verdict.failed) or trial.inflated or abs(trial.cost - 1) > 0.05:
            told.append(str(trial))
    return told


def show_improvement(found: Improvement, *, console: Console | None = None) -> None:
    """Print every round and the outcome on rows that chose nothing."""
    out = console or Console(highlight=False)
    for number, treatment in enumerate(found.rounds, 1):
        out.print(Text(spoken(f"round {number}"), "bold cyan"))
        show_treatment(treatment, console=out)
        out.print()
    for key, (before, after) in found.changes.items():
        out.print(Padding(Text(f"{key}: {before} → {after}"), (0, 0, 0, 2)))
    out.print(Text(spoken(capital(found.sentence)), "bold"))


def write_treatment(found: Treatment, path: str | Path) -> Path:
    """Write the page of a treatment; a folder gets `treatment.html`."""
    return write_page(path, "treatment", "Treatment", _round(found, "Remedies"), said=[found.sentence])


def write_improvement(found: Improvement, path: str | Path) -> Path:
    """Write the page of an improvement, one section per round; a folder gets `improvement.html`."""
    rounds = [_round(treatment, f"Round {i}") for i, treatment in enumerate(found.rounds, 1)]
    rows: list[list[Cell]] = [[key, str(before), str(after)] for key, (before, after) in found.changes.items()]
    changes = section("What was changed", el("div", table(["key", "before", "after"], rows), class_="card")) if rows else ""
    return write_page(path, "improvement", "Improvement", *rounds, changes, said=[found.sentence])


def _round(found: Treatment, title: str) -> Markup:
    """A plot of the differences, and the evidence in words."""
    if not found.trials:
        return section(title, el("p", say(found.sentence), class_="soft"))
    rows = [Row(_name(i, t), t.verdict, COLOURS[t.verdict.word]) for i, t in enumerate(found.trials, 1)]
    note = f"Right of the line, {label(found.metric)} is better with the remedy. 95% intervals of {found.repeats} pairs."
    keys = [(style, word) for word, style in COLOURS.items()]
    drawn = figure("With the remedy against without", forest(rows, label(found.metric)), note=note, keys=keys)
    cells: list[list[Cell]] = [
        [_name(i, t), say(t.sentence), _changes(t), say(t.outcome), say("kept" if t.kept else "")]
        for i, t in enumerate(found.trials, 1)
    ]
    seen = [el("p", f"{f.code} {f.name}: ", say(f"{f.sentence}.")) for f in found.findings if not f.because_of]
    content = join(*seen, el("div", drawn, class_="half"), table(["", "remedy", "change", "verdict", ""], cells))
    return section(title, el("div", content, class_="card"))


def _name(number: int, trial: Trial) -> str:
    return f"{number} {trial.code or 'chance'}"


def _changes(trial: Trial) -> str:
    return ", ".join(f"{key}: {before} → {after}" for key, (before, after) in trial.changes.items())
