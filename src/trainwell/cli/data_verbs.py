"""Verbs about data: look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, Assignments, Config, Target, Test, Valid, recipe_from
from trainwell.cli.output import emit_json, note

EXAMPLES = """
Examples:
  trainwell look people.csv --target income
  trainwell look people.csv -t income --to DATA_CARD.md
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs about data."""
    app.command(epilog=EXAMPLES)(look)


def look(
    source: Annotated[str, typer.Argument(help="File, folder, or named set (digits, mnist, …).")],
    assignments: Assignments = None,
    *,
    target: Target = None,
    test: Test = None,
    valid: Valid = None,
    config: Config = None,
    to: Annotated[Path | None, typer.Option(help="Also write the card as Markdown into this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the data card: columns, missing cells, outliers, duplicates, suspected leaks, and what is done about each."""
    from trainwell.data.load import load
    from trainwell.report.terminal import show_card

    data = load(source, recipe=recipe_from(assignments, config=config, target=target), test=test, valid=valid)
    if to is not None:
        from trainwell.report.data_card import write_data_card

        note(f"wrote {write_data_card(data.card, to)}")
    emit_json(data.card.to_dict()) if as_json else show_card(data.card)
