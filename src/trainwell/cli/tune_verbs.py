"""The verb that searches: tune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainwell.cli.arguments import AsJson, Given, Seed, Source, StudyOut, TimeLimit, seconds, spreads_given, study_folder
from trainwell.cli.output import emit_json, note
from trainwell.core.errors import UsageError

if TYPE_CHECKING:
    from trainwell.cli.tune_progress import TuningBoard
    from trainwell.core.recipe import Recipe
    from trainwell.data.data import Data

TUNE_EXAMPLES = r"""
Examples:
  trainwell tune people.csv --target income --out runs/tuned
  trainwell tune people.csv -t income model=mlp learning_rate=1e-4..1e-1:log model.width=64,128,256
  trainwell tune people.csv -t income model=mlp,residual_mlp model.depth=1..4 weight_decay=search --trials 100
  trainwell tune people.csv -t income --method grid model.depth=1..3 learning_rate=1e-3,1e-2
  trainwell tune people.csv -t income --prune halving --workers 4 --time-limit 1h --out runs/tuned

A key is searched when its value is a range (LOW..HIGH, then :log, :step=S or :points=N), several values (A,B,C), or the word
search, which stands for the key's usual range. Any other key=value stays fixed. With no searched key, the rate, the decay, and
size and dropout of the network are searched. The same command again continues a search that was stopped.
"""

Searched = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUES", help="Keys to search, and fixed recipe keys: lr=1e-4..1e-1:log epochs=5 …"),
]


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command(epilog=TUNE_EXAMPLES)(tune)


@spreads_given
def tune(
    source: Source,
    assignments: Searched = None,
    *,
    given: Given,
    out: StudyOut = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Candidates; 64, or the whole grid.")] = None,
    method: Annotated[str, typer.Option(help="tpe, gp, random or grid.")] = "tpe",
    prune: Annotated[
        str, typer.Option(help="none, halving or hyperband: small budgets for many, whole ones for few.")
    ] = "none",
    metric: Annotated[str | None, typer.Option(help="What is scored; the recipe's first metric if not given.")] = None,
    folds: Annotated[int, typer.Option(help="Score on so many folds instead of one validation part.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings per candidate and split.")] = 1,
    confirm: Annotated[int, typer.Option(min=0, help="Fresh splits on which the winner is judged; 0 skips that.")] = 6,
    batch: Annotated[int | None, typer.Option(min=1, help="Candidates trained at once.")] = None,
    parallel: Annotated[int | None, typer.Option(min=1, help="Batches in flight; set it when machines work together.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    storage: Annotated[str | None, typer.Option(help="Database URL that other machines reach, or a journal file.")] = None,
    name: Annotated[str, typer.Option(help="Name of the study in its storage.")] = "study",
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Search for a better recipe, and say how much of the gain is luck; workers may be killed, nothing is lost."""
    fixed, searched = divided(assignments or [])
    from trainwell.report.tune import show_tuned, write_tuning
    from trainwell.study.tune import tune as search

    recipe, data = given.load(source, fixed)
    folder = study_folder(out, source, "tuned")
    with _board(source, metric, recipe, data) as board:
        found = search(
            recipe,
            data,
            searched or None,
            trials=trials,
            method=method,  # type: ignore[arg-type]  # checked by `tune`, with the names it knows
            prune=prune,  # type: ignore[arg-type]
            metric=metric,
            folds=folds,
            seeds=seeds,
            confirm=confirm,
            batch=batch,
            parallel=parallel,
            workers=workers,
            time_limit=seconds(time_limit) or 0.0,
            folder=folder,
            storage=storage,
            name=name,
            seed=seed,
            observers=[board],
        )
    page = write_tuning(found, folder)
    if as_json:
        emit_json(found.to_dict())
        return
    show_tuned(found)
    note(f"\npage: {page}\nTrain the best: trainwell fit {source} --config {folder / 'best.yaml'}")


def divided(assignments: list[str]) -> tuple[list[str], dict[str, str]]:
    """`key=value` texts for the recipe, and the keys that are searched.

    Example:
        >>> divided(["lr=1e-4..1e-1:log", "epochs=5", "model.width=64,128"])
        (['epochs=5'], {'lr': '1e-4..1e-1:log', 'model.width': '64,128'})
    """
    from trainwell.study.tuning.dimension import is_searched

    fixed, searched = [], {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not (equals and is_searched(value)):
            fixed.append(text)
        elif key in searched:
            raise UsageError(f"the search key {key!r} is given twice", remedy="Keep one of the two.")
        else:
            searched[key] = value
    return fixed, searched


def _board(source: str, metric: str | None, recipe: Recipe, data: Data) -> TuningBoard:
    from trainwell.cli.tune_progress import TuningBoard
    from trainwell.evaluate.evaluation import label
    from trainwell.study.scores import higher_is_better, metric_of

    known = metric or metric_of(recipe.resolved(data.under(recipe).facts)[0])
    return TuningBoard(f"tuning on {Path(source).name}", metric=label(known), higher_is_better=lambda: higher_is_better(known))
