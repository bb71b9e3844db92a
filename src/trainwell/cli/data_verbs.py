"""Verbs about data: look."""

from __future__ import annotations

from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, Assignments, Target, Test, Valid, recipe_from
from trainwell.cli.output import emit_json


def add_to(app: typer.Typer) -> None:
    """Register the verbs about data."""
    app.command(epilog="\nExample:\n  trainwell look people.csv --target income")(look)


def look(
    source: Annotated[str, typer.Argument(help="File, folder, or named set (digits, mnist, …).")],
    assignments: Assignments = None,
    *,
    target: Target = None,
    test: Test = None,
    valid: Valid = None,
    as_json: AsJson = False,
) -> None:
    """Print the data card: columns, missing cells, outliers, duplicates, suspected leaks, and what is done about each."""
    from trainwell.data.load import load
    from trainwell.report.terminal import show_card

    data = load(source, recipe=recipe_from(assignments, target=target), test=test, valid=valid)
    emit_json(data.card.to_dict()) if as_json else show_card(data.card)
