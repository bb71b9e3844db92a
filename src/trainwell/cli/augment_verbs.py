"""The verb that looks at augmentations: safe-augment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trainwell.cli.arguments import AsJson, Assignments, Given, parse_assignments, spreads_given
from trainwell.cli.output import emit_json, note

EXAMPLES = r"""
Examples:
  trainwell safe-augment digits model=cnn epochs=10
  trainwell safe-augment flowers/ --try flip --try "rotate degrees=90" --try "erase high=0.6"
"""


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command("safe-augment", epilog=EXAMPLES)(safe_augment)


@spreads_given
def safe_augment(
    source: Annotated[str, typer.Argument(help="Folder of pictures, or a named set (digits, mnist, …).")],
    assignments: Assignments = None,
    *,
    tries: Annotated[list[str] | None, typer.Option("--try", help='A transform, as "NAME OPTION=VALUE".')] = None,
    given: Given,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the reference networks.")] = 3,
    repeats: Annotated[int | None, typer.Option("--repeats", "-n", min=1, help="Pairs of the confirmation.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the study and its runs.")] = Path("runs/augment-safety"),
    as_json: AsJson = False,
) -> None:
    """Say which augmentations keep examples what they are, and refuse those that are proved to hurt."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.safe_augment import show_augment_safety, write_augment_safety
    from trainwell.study.safe_augment import safe_augment as judge

    recipe, data = given.load(source, assignments)
    parts = [_part(text) for text in tries or []]
    with StudyProgress(f"augmentations on {source}", folds) as progress:
        found = judge(recipe, data, parts, folds=folds, repeats=repeats, folder=out, observers=[progress])
    emit_json(found.to_dict()) if as_json else show_augment_safety(found)
    note(f"page: {write_augment_safety(found, out)}")


def _part(text: str) -> dict[str, Any]:
    """`rotate degrees=90` as a recipe writes it."""
    name, *options = text.split()
    return {"name": name, **parse_assignments(options)}
