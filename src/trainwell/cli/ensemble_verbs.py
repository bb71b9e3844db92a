"""Verbs of networks that answer together: ensemble, distil."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import (
    AsJson,
    Assignments,
    Config,
    Given,
    Seed,
    Source,
    StudyOut,
    parse_assignments,
    spreads_given,
    study_folder,
)
from trainwell.cli.output import emit_json, note

ENSEMBLE_EXAMPLES = r"""
Examples:
  trainwell ensemble people.csv --target income --out runs/team
  trainwell ensemble people.csv -t income --members 8 --how bagging preset=quick
  trainwell ensemble people.csv -t income --how folds --members 5 --blend stacked --config a.yaml --config b.yaml
  trainwell ensemble houses.csv -t price --how boosting --members 20 --rate 0.2 model=mlp model.width=32

Then: trainwell evaluate runs/team · trainwell predict runs/team new.csv · trainwell distil runs/team --out runs/one
"""
Configs = Annotated[
    list[Path] | None,
    typer.Option("--config", "-c", help="A recipe.yaml to start from; several stand side by side.", rich_help_panel="Recipe"),
]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command(epilog=ENSEMBLE_EXAMPLES)(ensemble)
    app.command(epilog="\nExample:\n  trainwell distil runs/team --out runs/one model=mlp model.width=64")(distil)


@spreads_given
def ensemble(
    source: Source,
    assignments: Assignments = None,
    *,
    config: Configs = None,
    given: Given,
    out: StudyOut = None,
    members: Annotated[int, typer.Option("--members", "-n", min=1, help="Networks of each recipe.")] = 16,
    how: Annotated[str, typer.Option(help="seeds, bagging, folds, snapshot or boosting.")] = "seeds",
    blend: Annotated[str, typer.Option(help="average, greedy or stacked.")] = "average",
    rate: Annotated[float, typer.Option(help="Boosting: share of each member's best step that is taken.")] = 0.3,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train several networks that answer together; the same command again continues."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.study_tables import show_lines
    from trainwell.study.ensemble.make import ensemble as make

    starts: list[Path | None] = [*config] if config else [None]
    recipes = [given.recipe(assignments, config=one) for one in starts]
    data, folder = given.data(source, recipes[0]), study_folder(out, source, "team")
    with StudyProgress(f"{how} on {Path(source).name}", members * len(recipes)) as progress:
        team = make(
            recipes,
            data,
            members=members,
            how=how,  # type: ignore[arg-type]  # a wrong word is refused there, with the known ones
            blend=blend,  # type: ignore[arg-type]
            rate=rate,
            seed=seed,
            folder=folder,
            observers=[progress],
        )
    emit_json(team.to_dict()) if as_json else show_lines(repr(team))
    note(f"ensemble folder: {folder}")


def distil(
    team: Annotated[Path, typer.Argument(metavar="TEAM", help="The folder of an ensemble.")],
    assignments: Assignments = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder of the one network.")],
    config: Config = None,
    hard: Annotated[float, typer.Option(help="Share of the truth mixed into the ensemble's answers.")] = 0.0,
    part: Annotated[str, typer.Option(help="Rows on which both are scored: valid or test.")] = "valid",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train one network to say what an ensemble says, and show what is lost."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.core.recipe_file import read_recipe
    from trainwell.report.study_tables import show_lines
    from trainwell.study.ensemble.distil import distil as teach
    from trainwell.study.ensemble.ensemble import Ensemble
    from trainwell.train.resume import load_again

    opened = Ensemble.open(team)
    recipe = (read_recipe(config) if config else opened.recipe).with_keys(parse_assignments(assignments or []))
    with StudyProgress(f"distilling {team.name}", 1) as progress:
        found = teach(
            opened, load_again(team), recipe=recipe, hard=hard, part=part, seed=seed, folder=out, observers=[progress]
        )
    emit_json(found.to_dict()) if as_json else show_lines(str(found))
    note(f"run folder: {out}")
