"""Verbs that sweep one thing at a time: ablate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, Assignments, Given, Source, StudyOut, spreads_given, study_folder
from trainwell.cli.output import emit_json, note

ABLATE_EXAMPLES = r"""
Examples:
  trainwell ablate people.csv --target income --out runs/tricks
  trainwell ablate people.csv -t income --trick dropout --trick "weight decay" --repeats 8 model=mlp
  trainwell ablate digits --no-alone model=cnn epochs=5

The same command with the same --out again trains only what is missing.
"""


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command(epilog=ABLATE_EXAMPLES)(ablate)


@spreads_given
def ablate(
    source: Source,
    assignments: Assignments = None,
    *,
    given: Given,
    out: StudyOut = None,
    trick: Annotated[list[str] | None, typer.Option(help="Only this trick; can be given more than once.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Pairs per comparison; as many as it takes if not given.")] = None,
    alone: Annotated[bool, typer.Option(help="Also ask what each trick does alone.")] = True,
    metric: Annotated[str | None, typer.Option(help="What to score; the recipe's first metric if not given.")] = None,
    part: Annotated[str, typer.Option(help="Rows that are scored: valid, or test for the final word.")] = "valid",
    as_json: AsJson = False,
) -> None:
    """Take each known trick out of a recipe, or put it in, and say which of them help on these data."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.ablate import show_ablation, write_ablation
    from trainwell.study.ablate import ablate as study
    from trainwell.study.ablate import size_of

    recipe, data = given.load(source, assignments)
    folder = study_folder(out, source, "ablation")
    runs = size_of(recipe, data, tricks=trick or (), repeats=repeats, alone=alone)
    with StudyProgress(f"ablation on {Path(source).name}", runs) as progress:
        found = study(
            recipe,
            data,
            tricks=trick or (),
            repeats=repeats,
            alone=alone,
            metric=metric,
            part=part,  # type: ignore[arg-type]  # a wrong word is refused there
            folder=folder,
            observers=[progress],
        )
    emit_json(found.to_dict()) if as_json else show_ablation(found)
    note(f"page: {write_ablation(found, folder)}")
