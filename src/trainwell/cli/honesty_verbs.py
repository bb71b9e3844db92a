"""The verb that doubts: honesty."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, Assignments, Given, Metric, Source, StudyOut, spreads_given, study_folder
from trainwell.cli.compare_verbs import Repeats
from trainwell.cli.output import emit_json

HONESTY_EXAMPLES = r"""
Examples:
  trainwell honesty people.csv --target income
  trainwell honesty houses.csv -t price model=mlp epochs=10 --shuffles 5
"""


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command(epilog=HONESTY_EXAMPLES)(honesty)


@spreads_given
def honesty(
    source: Source,
    assignments: Assignments = None,
    *,
    given: Given,
    repeats: Repeats = 6,
    shuffles: Annotated[int, typer.Option(min=1, help="Trainings on shuffled targets.")] = 3,
    metric: Metric = None,
    out: StudyOut = None,
    as_json: AsJson = False,
) -> None:
    """Check that scores can be believed: shuffled targets, rows that must not matter, a recipe against itself, looks."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.study_tables import show_honesty
    from trainwell.study.honesty import honesty as check

    recipe, data = given.load(source, assignments)
    folder = study_folder(out, source, "honesty")
    with StudyProgress(f"checking {Path(source).name}", 2 * repeats + shuffles) as progress:
        found = check(recipe, data, repeats=repeats, shuffles=shuffles, metric=metric, folder=folder, observers=[progress])
    emit_json(found.to_dict()) if as_json else show_honesty(found)
    raise typer.Exit(0 if found.passed else 1)
