"""The data card as Markdown, to lie beside data or a project."""

from __future__ import annotations

from pathlib import Path

from trainwell.core.atomic import write_atomic
from trainwell.data.card import Card
from trainwell.report.columns import column_facts


def write_data_card(card: Card, path: Path) -> Path:
    """Write the card as Markdown.

    Args:
        card: what was found in the data.
        path: the file.
    """
    write_atomic(path, data_card(card))
    return path


def data_card(card: Card) -> str:
    """What was found and what was done about it: rows, checks with the worst first, and every column.

    Example:
        >>> print(data_card(Card("people.csv", rows={"train": 80, "test": 20})).splitlines()[0])
        # Data: people.csv
    """
    order = {"FAIL": 0, "WARN": 1, "PASS": 2}
    rows = " · ".join(f"{n:,} {part}" for part, n in card.rows.items())
    checks = [f"- {c.verdict}: {c.text}" for c in sorted(card.checks, key=lambda c: order[c.verdict])]
    total = sum(card.rows.values())
    facts = [column_facts(column, rows=total) for column in card.columns]
    cells = [(f.name, f.kind, f.missing, f.text or f.why) for f in facts]
    table = ["| column | kind | missing | values |", "| --- | --- | --- | --- |"]
    table += [f"| {' | '.join(_cell(text) for text in row)} |" for row in cells]
    name = card.origin or "data in memory"
    parts = [
        f"# Data: {name}",
        f"{card.verdict}. Rows: {rows}.",
        "## Checks",
        "\n".join(checks),
        "## Columns",
        "\n".join(table),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
