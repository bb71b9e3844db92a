"""The report: one HTML file that needs no network, for the screen, the phone and the printer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from trainwell.core.atomic import write_atomic
from trainwell.core.i18n import language
from trainwell.report import about, sections
from trainwell.report.findings import findings_section
from trainwell.report.markup import Markup, el, join, masthead, say
from trainwell.report.story import Story

META = Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">')
FOOTER = "Written by trainwell. Intervals hold the truth in 95 of 100 cases; scores are of rows the network was not trained on."


def write_report(story: Story, path: str | Path) -> Path:
    """Write the page; the file is the old one or the new one, never half of it.

    Args:
        story: what it shows.
        path: the file, or a folder for `report.html` in it.

    Example:
        >>> import tempfile
        >>> from trainwell.data.card import Card
        >>> story = Story(title="income", subtitle="adult", evaluation=None, card=Card("adult.csv"))
        >>> write_report(story, tempfile.mkdtemp()).name
        'report.html'
    """
    path = Path(path)
    path = path / "report.html" if path.is_dir() else path
    write_atomic(path, page(story))
    return path


def write_page(
    path: str | Path, name: str, title: str, *parts: str | Markup, heading: str = "", said: Sequence[str] = ()
) -> Path:
    """Write sections as a page of their own, whole or not at all.

    Args:
        path: the file, or a folder for `NAME.html` in it.
        name: of the file in a folder.
        title: of the page.
        parts: its sections.
        heading: what stands at its head; the title if empty.
        said: sentences below the heading; empty ones are left out.
    """
    path = Path(path)
    path = path / f"{name}.html" if path.is_dir() else path
    head = masthead(heading or title, *(el("p", say(sentence), class_="soft") for sentence in said if sentence))
    write_atomic(path, document(title, join(head, *parts)))
    return path


def page(story: Story) -> str:
    """The whole page as text."""
    parts = _sections(story)
    links = about.navigation([title for title, _ in parts])
    return document(story.title, join(sections.header(story), links, *(part for _, part in parts)))


def document(title: str, content: Markup) -> str:
    """Any content as a page of its own, with the style and the script of the report in it."""
    body = el("main", content, el("footer", say(FOOTER)))
    style, script = (Markup(files("trainwell.report").joinpath(f).read_text(encoding="utf-8")) for f in ("page.css", "page.js"))
    head = join(META, el("title", f"{title} · trainwell"), el("style", style))
    whole = join(el("head", head), el("body", body, el("div", id="tip", role="tooltip"), el("script", script)))
    return "<!doctype html>\n" + el("html", whole, lang=language(), data_theme="light")


def _sections(story: Story) -> list[tuple[str, Markup]]:
    """The sections that have something to show, in reading order."""
    e, found = story.evaluation, []
    if e:
        found.append(("Scores", sections.scores(e)))
    if any(r.get("split") in ("train", "valid") for r in story.history):
        found.append(("Training", sections.training(story)))
    if story.findings is not None:
        listed = findings_section(story.findings, [*story.history, *story.signs])
        found.append(("Findings", sections.section("Findings", el("div", listed, class_="card"))))
    if e:
        found.append(("Pictures" if e.making else "Errors", sections.errors(story, e)))
        if e.slices_seen:
            found.append(("Weak spots", sections.weak_spots(e)))
    found.append(("Data", about.data(story.card)))
    if story.layers:
        found.append(("Network", about.network(story)))
    if story.recipe:
        found.append(("Recipe", about.recipe(story)))
    if story.environment or story.commands:
        found.append(("Reproduce", about.reproduce(story)))
    return found
