"""The verb that advises on one choice: guide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, Assignments, Given, Source, StudyOut, spreads_given, study_folder
from trainwell.cli.output import emit_json, note

GUIDE_EXAMPLES = r"""
Examples:
  trainwell guide depth people.csv --target income model=mlp
  trainwell guide width people.csv -t income --values 32,64,128,256 model=mlp
  trainwell guide batch digits --repeats 8 model=cnn epochs=5
  trainwell guide activation people.csv -t income model=mlp

Topics: depth, width, dropout, activation, batch, learning_rate. The same command again trains only what is missing.
"""


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command(epilog=GUIDE_EXAMPLES)(guide)


@spreads_given
def guide(
    topic: Annotated[str, typer.Argument(help="depth, width, dropout, activation, batch or learning_rate.")],
    source: Source,
    assignments: Assignments = None,
    *,
    given: Given,
    out: StudyOut = None,
    values: Annotated[str | None, typer.Option(help="What to try: 32,64,128. A usual sweep if not given.")] = None,
    repeats: Annotated[int, typer.Option(min=2, help="Networks per value.")] = 6,
    metric: Annotated[str | None, typer.Option(help="What to score; the recipe's first metric if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sweep one choice and advise: the cheapest value that cannot be told from the best, with what the networks showed."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.core.recipe_file import parse_value
    from trainwell.report.guide import show_guidance, write_guidance
    from trainwell.study.guide import guide as study
    from trainwell.study.guide import sweep_of

    recipe, data = given.load(source, assignments)
    folder = study_folder(out, source, "guide")
    read = parse_value(values if values.startswith("[") else f"[{values}]") if values else []
    tried = read if isinstance(read, list) else [read]
    whole, _ = recipe.resolved(data.facts)
    runs = repeats * len(sweep_of(topic, whole, data.facts, tried).values)
    with StudyProgress(f"{topic} on {Path(source).name}", runs) as progress:
        found = study(
            topic,  # type: ignore[arg-type]  # a wrong word was refused above
            recipe,
            data,
            values=tried,
            repeats=repeats,
            metric=metric,
            folder=folder,
            observers=[progress],
        )
    emit_json(found.to_dict()) if as_json else show_guidance(found)
    note(f"page: {write_guidance(found, folder)}")
