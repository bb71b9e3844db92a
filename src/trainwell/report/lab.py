"""Lessons of the lab: for the terminal, and as a page with every pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import Language
from trainwell.report.figures import figure, grid
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el, join
from trainwell.report.numbers import short
from trainwell.report.sections import section
from trainwell.report.svg import Panel, axis_of
from trainwell.report.tables import Cell, table
from trainwell.study.lab.claim import Lesson, Tried
from trainwell.study.lab.claims import CLAIMS
from trainwell.study.lab.words import told, word

OUTCOME_STYLES = {"holds": "bold green", "fails": "bold red", "cannot tell": "bold yellow"}


def show_claims(language: Language = "en", *, console: Console | None = None) -> None:
    """Print every claim with its name."""
    out = console or Console(highlight=False)
    listed = Table(box=None, pad_edge=False, header_style="dim")
    listed.add_column("", no_wrap=True)
    listed.add_column(word("words", "claim", language))
    for name in CLAIMS:
        listed.add_row(name, told(name, "title", language))
    out.print(listed)


def show_lesson(found: Lesson, language: Language = "en", *, console: Console | None = None) -> None:
    """Print the claim, its experiment, the verdict, and where it fails."""
    out = console or Console(highlight=False)
    out.print(Text(told(found.claim, "title", language), "bold cyan"))
    out.print(Padding(told(found.claim, "claim", language), (0, 0, 0, 2)))
    for name, value in found.lines.items():
        out.print(Padding(f"{word('numbers', name, language)} = {value:.7g}", (0, 0, 0, 4)))
    for scene in found.scenes:
        out.print(Text.assemble((f"{word('words', scene.name, language)}: ", "dim"), told(found.claim, scene.name, language)))
        verdict = Text(word("words", scene.outcome, language), OUTCOME_STYLES[scene.outcome])
        out.print(Padding(Text.assemble(verdict, f": {evidence(scene, language)}"), (0, 0, 0, 2)))
    out.print(Text(f"{word('words', 'source', language)}: {found.origin} · {found.data}", "dim"), "")


def evidence(scene: Tried, language: Language) -> str:
    """What was measured, with and without, and the difference with its interval."""
    one, other = (short(sum(values) / len(values)) for values in (scene.one, scene.other))
    with_it, without = (word("words", name, language) for name in scene.verdict.names)
    sides = f"{with_it} {one}, {without} {other}"
    named = word("words", "difference", language)
    return f"{word('measures', scene.measure, language)}: {sides}; {named} {scene.verdict.evidence}"


def write_lessons(found: Sequence[Lesson], path: str | Path, language: Language = "en") -> Path:
    """Write the page of some lessons; a folder gets `lab.html`."""
    parts = [_section(lesson, language) for lesson in found]
    return write_page(path, "lab", "Lab", *parts, heading="Lab" if language == "en" else "实验室")


def _section(found: Lesson, language: Language) -> Markup:
    rows: list[list[Cell]] = [
        [
            word("words", scene.name, language),
            told(found.claim, scene.name, language),
            word("words", scene.outcome, language),
            evidence(scene, language),
            _changes(scene),
        ]
        for scene in found.scenes
    ]
    drawn = grid([_pairs(scene, language) for scene in found.scenes])
    lines: list[list[Cell]] = [[word("numbers", name, language), f"{value:.7g}"] for name, value in found.lines.items()]
    parts = [el("p", told(found.claim, "claim", language)), table(["", "", word("words", "verdict", language), "", ""], rows)]
    parts += [table(["", ""], lines)] if lines else []
    parts += [el("p", f"{word('words', 'source', language)}: {found.origin}", class_="soft")]
    return section(told(found.claim, "title", language), join(el("div", *parts, class_="card"), drawn))


def _changes(scene: Tried) -> str:
    return ", ".join(f"{key}: {one} | {other}" for key, (one, other) in scene.changes.items())


def _pairs(scene: Tried, language: Language) -> Markup:
    """A dot per seed for each of the two, one beside the other."""
    xs = [float(i + 1) for i in range(len(scene.one))]
    x, y = axis_of(xs, word("words", "pair", language)), axis_of([*scene.one, *scene.other], "")
    panel = Panel(x, y, name=word("measures", scene.measure, language))
    panel.dots(xs, scene.other, "c1")
    panel.dots(xs, scene.one, "c0")
    keys = [(style, word("words", name, language)) for style, name in zip(("c0", "c1"), scene.verdict.names, strict=True)]
    return figure(word("words", scene.name, language), panel.svg(), note=word("measures", scene.measure, language), keys=keys)
