"""Verbs that compare: compare, cross-validate (cv), leaderboard, learning-curve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainwell.cli.arguments import (
    AsJson,
    Assignments,
    Given,
    Metric,
    ScoredPart,
    Source,
    StudyOut,
    parse_assignments,
    spreads_given,
    study_folder,
)
from trainwell.cli.output import emit_json, note
from trainwell.core.errors import UsageError

if TYPE_CHECKING:
    from trainwell.core.recipe import Recipe

COMPARE_EXAMPLES = r"""
Examples:
  trainwell compare people.csv --target income --try "model.dropout=0.3"
  trainwell compare people.csv -t income model=mlp epochs=20 --try "label_smoothing=0.1 ema=0.99" --repeats 12
  trainwell compare runs/a runs/b             runs or folders of runs that exist; trains nothing
"""
CV_EXAMPLES = r"""
Examples:
  trainwell cross-validate people.csv --target income
  trainwell cross-validate people.csv -t income --folds 10 --repeats 3 model=mlp
  trainwell cv houses.csv -t price split.how=time split.by=sold
"""
BOARD_EXAMPLES = r"""
Examples:
  trainwell leaderboard people.csv --target income --try "model=mlp" --try "model=mlp model.width=32" --try "model=tabm"
  trainwell leaderboard people.csv -t income epochs=20 --config a.yaml --config b.yaml
  trainwell leaderboard runs/people-leaderboard         runs that exist; trains nothing
"""
CURVE_EXAMPLES = r"""
Examples:
  trainwell learning-curve people.csv --target income
  trainwell learning-curve people.csv -t income model=mlp --metric auroc --repeats 10
"""

SourceOrRuns = Annotated[str, typer.Argument(help="File, folder or named set (digits, …); or a folder of runs.")]
Repeats = Annotated[int, typer.Option("--repeats", "-n", min=1, help="Trainings of each recipe, each with its own split.")]
NoAA = Annotated[bool, typer.Option("--no-aa", help="Skip training a recipe against itself.")]


def add_to(app: typer.Typer) -> None:
    """Register the verbs that compare."""
    app.command(epilog=COMPARE_EXAMPLES)(compare)
    app.command("cross-validate", epilog=CV_EXAMPLES)(cross_validate)
    app.command("cv", hidden=True, epilog=CV_EXAMPLES)(cross_validate)
    app.command(epilog=BOARD_EXAMPLES)(leaderboard)
    app.command("learning-curve", epilog=CURVE_EXAMPLES)(learning_curve)


@spreads_given
def compare(
    source: SourceOrRuns,
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Recipe keys of both; or the other folder of runs.")
    ] = None,
    *,
    change: Annotated[
        str | None, typer.Option("--try", help='The change in question, as "KEY=VALUE KEY=VALUE".', rich_help_panel="Recipe")
    ] = None,
    given: Given,
    repeats: Repeats = 8,
    metric: Metric = None,
    part: ScoredPart = "valid",
    no_aa: NoAA = False,
    out: StudyOut = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a change helps, hurts or cannot be told: pairs of trainings with the same seeds and splits, and p."""
    from trainwell.report.study_tables import show_comparison

    _known(part)
    if change is None:
        from trainwell.study.compare_runs import compare_runs

        if not _holds_runs(source) or len(assignments or []) != 1:
            raise UsageError("there is nothing to compare with", remedy='Give --try "KEY=VALUE", or two folders of runs.')
        found = compare_runs(source, (assignments or [""])[0], metric=metric, part=part)  # type: ignore[arg-type]
    else:
        from trainwell.cli.study_progress import StudyProgress
        from trainwell.report.study_pages import write_comparison
        from trainwell.study.compare import compare as judge

        folder = study_folder(out, source, "compared")
        base = given.recipe(assignments)
        changed = base.with_keys(parse_assignments(change.split()))
        data = given.data(source, base)
        with StudyProgress(f"comparing on {Path(source).name}", repeats * (2 if no_aa else 3)) as progress:
            found = judge(
                changed,
                base,
                data,
                repeats=repeats,
                metric=metric,
                part=part,  # type: ignore[arg-type]  # checked above
                aa=not no_aa,
                folder=folder,
                names=(change, "the recipe"),
                observers=[progress],
            )
        note(f"page: {write_comparison(found, folder)}")
    emit_json(found.to_dict()) if as_json else show_comparison(found)


@spreads_given
def cross_validate(
    source: Source,
    assignments: Assignments = None,
    *,
    folds: Annotated[int, typer.Option("--folds", "-k", min=2, help="Parts of the rows; each is the test part once.")] = 5,
    repeats: Annotated[int, typer.Option("--repeats", "-n", min=1, help="Partitions of the rows.")] = 1,
    given: Given,
    metric: Metric = None,
    out: StudyOut = None,
    as_json: AsJson = False,
) -> None:
    """Judge a recipe on every row by k-fold cross-validation; split.how says how: stratified, group, time."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.study_pages import write_cross_validation
    from trainwell.report.study_tables import show_cross_validation
    from trainwell.study.cross_validate import cross_validate as validate

    recipe, data = given.load(source, assignments)
    folder = study_folder(out, source, "folds")
    with StudyProgress(f"cross-validating on {Path(source).name}", folds * repeats) as progress:
        found = validate(recipe, data, folds=folds, repeats=repeats, metric=metric, folder=folder, observers=[progress])
    emit_json(found.to_dict()) if as_json else show_cross_validation(found)
    note(f"page: {write_cross_validation(found, folder)}\nout-of-fold predictions: {folder / 'out-of-fold.parquet'}")


@spreads_given
def leaderboard(
    source: SourceOrRuns,
    assignments: Assignments = None,
    *,
    tries: Annotated[
        list[str] | None,
        typer.Option("--try", help='A candidate, as "KEY=VALUE KEY=VALUE" on top of the rest.', rich_help_panel="Recipe"),
    ] = None,
    config: Annotated[
        list[Path] | None, typer.Option("--config", "-c", help="A candidate's recipe.yaml.", rich_help_panel="Recipe")
    ] = None,
    given: Given,
    repeats: Repeats = 8,
    metric: Metric = None,
    no_aa: NoAA = False,
    out: StudyOut = None,
    as_json: AsJson = False,
) -> None:
    """Rank recipes with intervals and ties: which cannot be told from the best, what they cost, and how good the best is."""
    from trainwell.report.study_tables import show_leaderboard

    if not tries and not config:
        from trainwell.study.compare_runs import runs_in
        from trainwell.study.leaderboard import leaderboard_of_runs
        from trainwell.train.resume import load_again

        if not _holds_runs(source):
            raise UsageError("there is nothing to rank", remedy='Give --try "KEY=VALUE" twice or more, or a folder of runs.')
        runs = runs_in(source)
        found = leaderboard_of_runs(runs, load_again(str(runs[0].folder)), metric=metric)
    else:
        from trainwell.cli.study_progress import StudyProgress
        from trainwell.report.study_pages import write_leaderboard
        from trainwell.study.leaderboard import leaderboard as rank

        folder = study_folder(out, source, "leaderboard")
        recipes = _candidates(given, assignments, tries or [], config or [])
        data = given.data(source, next(iter(recipes.values())))
        with StudyProgress(f"ranking on {Path(source).name}", repeats * (len(recipes) + (0 if no_aa else 1))) as progress:
            found = rank(recipes, data, repeats=repeats, metric=metric, aa=not no_aa, folder=folder, observers=[progress])
        note(f"page: {write_leaderboard(found, folder)}")
    emit_json(found.to_dict()) if as_json else show_leaderboard(found)


@spreads_given
def learning_curve(
    source: Source,
    assignments: Assignments = None,
    *,
    given: Given,
    repeats: Repeats = 6,
    metric: Metric = None,
    part: ScoredPart = "valid",
    no_aa: NoAA = False,
    out: StudyOut = None,
    as_json: AsJson = False,
) -> None:
    """Say whether more data would help: nested samples of the training rows, a fitted curve, and a wider network beside it."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.study_pages import write_learning_curve
    from trainwell.report.study_tables import show_learning_curve
    from trainwell.study.learning_curve import SHARES
    from trainwell.study.learning_curve import learning_curve as measure

    _known(part)
    recipe, data = given.load(source, assignments)
    folder = study_folder(out, source, "curve")
    with StudyProgress(f"learning curve on {Path(source).name}", repeats * (len(SHARES) + (1 if no_aa else 2))) as progress:
        found = measure(
            recipe,
            data,
            repeats=repeats,
            metric=metric,
            part=part,  # type: ignore[arg-type]  # checked above
            aa=not no_aa,
            folder=folder,
            observers=[progress],
        )
    emit_json(found.to_dict()) if as_json else show_learning_curve(found)
    note(f"page: {write_learning_curve(found, folder)}")


def _known(part: str) -> None:
    if part not in ("train", "valid", "test"):
        raise UsageError(f"--part {part} is no part", remedy="Use valid, test or train.")


def _holds_runs(place: str) -> bool:
    return Path(place).is_dir() and next(Path(place).rglob("plan.json"), None) is not None


def _candidates(given: Given, assignments: list[str] | None, tries: list[str], configs: list[Path]) -> dict[str, Recipe]:
    """Recipes by what one typed for them: a changed key, or the name of a file."""
    base = given.recipe(assignments)
    found = {text: base.with_keys(parse_assignments(text.split())) for text in tries}
    for path in configs:
        found[path.stem] = given.recipe(assignments, config=path)
    return found
