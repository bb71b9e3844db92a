"""Labels that look wrong: a page with the rows, their pictures or texts, and what the networks say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainwell.core.i18n import capital
from trainwell.data.data import Data
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el, join, say
from trainwell.report.run import data_uri
from trainwell.report.sections import section
from trainwell.report.tables import Cell, Heads, table
from trainwell.study.mislabelled import Mislabelled, Suspect

#: Rows shown, and pictures, which are heavier.
MOST_ROWS, MOST_PICTURES = 200, 60
#: Pictures up to this side are shown with their pixels.
TINY = 64


def write_mislabelled(found: Mislabelled, data: Data, path: str | Path) -> Path:
    """Write the page; a folder gets `mislabelled.html`."""
    sentence = f"{capital(found.sentence)}."
    how = (
        "Each row was judged by networks that were trained on other rows. To mend labels, fill in the column `corrected` of "
        "corrections.csv (`?` where nobody can tell), and train with --corrections corrections.csv."
    )
    summary = el("div", el("p", say(sentence), class_="big"), el("p", say(how), class_="note"), class_="card")
    parts = [section("What was found", summary, _noise(found))]
    picture = data.shape.of_kind("picture")
    if picture is not None:
        stored = data.arrays[picture.name]
        tiny = "tiny" if max(picture.shape[1:]) <= TINY else None
        shown = [_picture(s, np.asarray(stored[s.row]), tiny) for s in found.suspects[:MOST_PICTURES]]
        parts.append(section("Pictures", el("div", *shown, class_="examples")))
    if found.suspects:
        parts.append(section("Rows", el("div", _rows(found), class_="card")))
    heading = f"Labels of {found.target} that look wrong"
    return write_page(path, "mislabelled", "Labels that look wrong", *parts, heading=heading)


def _noise(found: Mislabelled) -> Markup:
    rows: list[list[Cell]] = [[given, true, (f"{share:.1%}", "num")] for given, true, share in found.noise[:10]]
    body = table(["called", "in truth", ("of that class", "num")], rows)
    return el("div", el("h3", say("Estimated noise")), body, class_="card") if rows else Markup("")


def _picture(s: Suspect, pixels: np.ndarray, tiny: str | None) -> Markup:
    image = el("img", src=data_uri(pixels), alt=f"row {s.row}", loading="lazy", class_=tiny)
    text = join(el("b", s.suggested), f", called {s.given}", el("small", f"{s.p_suggested:.0%} sure, row {s.row:,}"))
    return el("div", image, el("div", text), class_="example", data_tip="\n".join(s.cells.values()) or None)


def _rows(found: Mislabelled) -> Markup:
    columns = list(found.suspects[0].cells)
    heads: Heads = [("row", "num"), "called", "looks like", ("sure", "num"), *((name, "wide") for name in columns)]
    rows: list[list[Cell]] = []
    for s in found.suspects[:MOST_ROWS]:
        cells: list[Cell] = [(f"{s.row:,}", "num faint"), s.given, s.suggested, (f"{s.p_suggested:.1%}", "num")]
        rows.append([*cells, *((s.cells.get(name, ""), "soft wide") for name in columns)])
    return table(heads, rows)
