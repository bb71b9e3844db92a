"""The sections of the report that describe: data card, network, recipe, how to get the same again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainwell.data.card import Card, Check
from trainwell.report.columns import ColumnFacts, column_facts
from trainwell.report.markup import Markup, el, join, say
from trainwell.report.numbers import short
from trainwell.report.sections import section
from trainwell.report.story import Story
from trainwell.report.svg import histogram
from trainwell.report.tables import Cell, Heads, table
from trainwell.train.summary import Layer

#: Columns of the card shown before the rest is folded away.
MOST_COLUMNS = 40


def data(card: Card) -> Markup:
    """The data card: checks first, then every column."""
    loud = [c for v in ("FAIL", "WARN") for c in card.checks if c.verdict == v]
    calm = [c for c in card.checks if c.verdict == "PASS"]
    counts = ", ".join(f"{n:,} {part}" for part, n in card.rows.items())
    head = el("p", f"{card.origin}: ", say(f"{counts} rows"), class_="soft")
    checks = el("ul", *map(_check, loud), class_="checks") if loud else ""
    folded = el("summary", say("Everything that passed"), f" ({len(calm)})")
    passed = el("details", folded, el("ul", *map(_check, calm), class_="checks")) if calm else ""
    return section("Data", el("div", head, checks, passed, class_="card"), el("div", _columns(card), class_="card"))


def _check(check: Check) -> Markup:
    """One line of the card; examples that the sentence already names are not said twice."""
    new = [x for x in check.examples if x not in check.text] if check.verdict != "PASS" else []
    known = any(x.split(":")[0] in check.text for x in new)
    shown = el("code", " · ".join(new)) if new and not known else ""
    return el("li", el("span", say(check.verdict), class_=f"pill {check.verdict}"), el("div", say(check.text), shown))


def _columns(card: Card) -> Markup:
    rows = [_column(c, sum(card.rows.values())) for c in card.columns]
    styles = ["first" if c.get("role") == "target" else "" for c in card.columns]
    heads: Heads = ["column", "kind", ("missing", "num"), "spread", ("values", "wide")]
    first = table(heads, rows[:MOST_COLUMNS], styles[:MOST_COLUMNS])
    if len(rows) <= MOST_COLUMNS:
        return first
    rest = table(heads, rows[MOST_COLUMNS:400], styles[MOST_COLUMNS:400])
    return join(first, el("details", el("summary", say(f"{len(rows) - MOST_COLUMNS} more columns")), rest))


def _column(column: dict[str, Any], total: int) -> list[Cell]:
    facts = column_facts(column, rows=total)
    name = el("span", facts.name, data_tip=facts.why or None)
    drawn = histogram(facts.counts, _bin_texts(facts)) if facts.counts else Markup("")
    left_out = column.get("role") not in ("feature", "target")
    kind = say(facts.kind) if not left_out else el("span", say("left out"), data_tip=facts.why or None, class_="faint")
    return [(name, "words"), (kind, "soft"), (facts.missing, "num"), drawn, (facts.text, "soft wide words")]


def _bin_texts(facts: ColumnFacts) -> list[str]:
    if facts.edges:
        ends = zip(facts.edges, facts.edges[1:], facts.counts, strict=False)
        return [f"{short(low)} to {short(high)}: {n:,.0f} rows" for low, high, n in ends]
    return [f"{name}: {n:,.0f} rows" for name, n in zip(facts.labels, facts.counts, strict=True)]


def network(story: Story) -> Markup:
    """The network layer by layer."""
    parameters, work = sum(x.parameters for x in story.layers), sum(x.multiplications for x in story.layers)
    heads: Heads = ["layer", "kind", ("output", "wide"), ("parameters", "num"), ("multiply-adds", "num wide")]
    total = f"{len(story.layers)} layers, {parameters:,} parameters, {work:,} multiply-adds for one row"
    body = el("details", el("summary", say(total)), table(heads, [_layer(x) for x in story.layers]))
    return section("Network", el("div", body, class_="card"))


def _layer(x: Layer) -> list[Cell]:
    work = f"{x.multiplications:,}"
    return [(x.name, "words"), (x.kind, "soft"), (x.output, "soft wide"), (f"{x.parameters:,}", "num"), (work, "num wide")]


def recipe(story: Story) -> Markup:
    """What was chosen, and why."""
    rows: list[list[Cell]] = [[el("code", x.key), (el("code", x.value), "words"), (say(x.why), "why")] for x in story.recipe]
    whole = el("details", el("summary", say("The whole recipe")), code(story.recipe_text))
    return section("Recipe", el("div", table(["key", "value", "why"], rows, stacked=True), whole, class_="card"))


def reproduce(story: Story) -> Markup:
    """Commands and versions."""
    rows: list[list[Cell]] = [[(name, "soft"), (text, "words")] for name, text in story.environment.items()]
    body = [el("div", code("\n".join(story.commands)), class_="card")] if story.commands else []
    return section("Reproduce", *body, el("div", el("h3", say("Environment")), table([], rows), class_="card"))


def code(text: str) -> Markup:
    """Lines to copy."""
    return el("div", el("pre", text), el("button", say("copy"), type="button", class_="copy"), class_="code")


def navigation(titles: Sequence[str]) -> Markup:
    """Links to the sections."""
    return el("nav", *(el("a", say(t), href=f"#{t.lower().replace(' ', '-')}") for t in titles))
