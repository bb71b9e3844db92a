"""Which augmentations are safe: a table for the terminal, and a page with the shares that are still recognised."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import spoken
from trainwell.evaluate.evaluation import label
from trainwell.report.figures import figure
from trainwell.report.forest import Mark, intervals
from trainwell.report.html import write_page
from trainwell.report.markup import el, say
from trainwell.report.sections import section
from trainwell.report.svg import Axis
from trainwell.report.tables import Cell, table
from trainwell.study.safe_augment import AugmentSafety, Safety

STYLES = {"safe": "bold green", "doubtful": "bold yellow", "refused": "bold red"}
COLOURS = {"safe": "c3", "doubtful": "c1", "refused": "c6"}
#: Room for whiskers beyond 0 and 1.
ROOM = 0.02


def show_augment_safety(found: AugmentSafety, *, console: Console | None = None) -> None:
    """Print how often each transform is recognised, and what training with it does."""
    out = console or Console(highlight=False)
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("transform", "", "recognised", "least", "trained with it"):
        drawn.add_column(spoken(heading), overflow="fold", no_wrap=heading in ("transform", ""))
    for one in found.transforms:
        judged = Text(spoken(one.judgement), STYLES[one.judgement])
        drawn.add_row(one.transform, judged, f"{one.recognised.value:.0%}", _least(one), spoken(_trained(one)))
    out.print(drawn, "")
    words = f"share of the examples that networks trained without augmentation answer rightly ({found.reference:.0%} of all)"
    out.print(Text(spoken(f"recognised: {words} and still do when transformed; {found.runs} networks"), "dim"))


def _least(one: Safety) -> str:
    instead = f" as {one.taken_for!r}" if one.taken_for else ""
    return f"{one.worst!r} {one.worst_share:.0%}{instead}"


def _trained(one: Safety) -> str:
    return f"{one.verdict.word}, {one.verdict.evidence}" if one.verdict else "not suspected"


def write_augment_safety(found: AugmentSafety, path: str | Path) -> Path:
    """Write the page; a folder gets `augment-safety.html`."""
    marks = [Mark(one.transform, one.recognised, COLOURS[one.judgement], str(one)) for one in found.transforms]
    drawing = intervals(marks, Axis(-ROOM, 1 + ROOM, "share that is still recognised", percent=True))
    keys = [(style, word) for word, style in COLOURS.items()]
    note = (
        f"By networks trained without augmentation on other rows. Refused: {label(found.metric)} is told to be worse with it."
    )
    plot = el("div", el("div", figure("Still recognised", drawing, note=note, keys=keys), class_="half"), class_="grid")
    rows: list[list[Cell]] = [
        [one.transform, say(one.judgement), say(str(one.recognised)), _least(one), say(_trained(one))]
        for one in found.transforms
    ]
    told = el("div", table(["transform", "", "recognised", "least", "trained with it"], rows), class_="card")
    parts = section("Recognised", plot), section("Judgements", told)
    return write_page(path, "augment-safety", "Augmentation safety", *parts, heading="Which augmentations are safe")
