"""Verbs that use a trained network: evaluate (test), predict, report, summary."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from trainwell.cli.arguments import AsJson, RunFolder, Trained
from trainwell.cli.output import emit_json, note
from trainwell.core.errors import UnknownName, UsageError, did_you_mean
from trainwell.core.i18n import spoken

NoBaseline = Annotated[bool, typer.Option("--no-baseline", help="Skip the free baselines.")]
Part = Annotated[str, typer.Option(help="train, valid or test.")]

EVALUATE_EXAMPLES = """
Examples:
  trainwell evaluate runs/a
  trainwell evaluate runs/a --on more.csv
  trainwell evaluate income.tw more.csv
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs that use a trained network."""
    app.command(epilog=EVALUATE_EXAMPLES)(evaluate)
    app.command("test", hidden=True)(evaluate)
    app.command(epilog="\nExample:\n  trainwell predict runs/a new.csv --to answers.csv --keep id")(predict)
    app.command(epilog="\nExample:\n  trainwell report runs/a")(report)
    app.command(epilog="\nExample:\n  trainwell summary runs/a")(summary)


def evaluate(
    run: Trained,
    rows: Annotated[str | None, typer.Argument(metavar="DATA", help="Labelled data, as --on; a bundle needs them.")] = None,
    *,
    on: Annotated[str | None, typer.Option(help="Other labelled data than the run's own test part.")] = None,
    part: Part = "test",
    no_baseline: NoBaseline = False,
    as_json: AsJson = False,
) -> None:
    """Score a run, an ensemble or a bundle with 95% intervals, and against baselines that cost nothing."""
    from trainwell.cli.open_trained import labelled_rows, open_trained
    from trainwell.evaluate.run import evaluate as score
    from trainwell.report.terminal import show_evaluation

    trained = open_trained(run)
    found = score(trained, labelled_rows(trained, run, rows or on), part=part, baselines=not (no_baseline or run.is_file()))
    emit_json(found.to_dict()) if as_json else show_evaluation(found)


def predict(
    run: Trained,
    rows: Annotated[str, typer.Argument(help="Table file, picture, or folder of pictures.")],
    *,
    to: Annotated[Path | None, typer.Option(help="Write a .csv, .parquet or .json file instead of printing CSV.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Column of the rows to put before the answers; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Answer raw rows or pictures with the training's preparation; what was odd about a row stands beside its answer."""
    from trainwell.cli.open_trained import open_trained
    from trainwell.train.raw_rows import as_source

    network = open_trained(run)
    source = as_source(rows, network.preparation)
    for check in source.checks:
        if check.verdict != "PASS":
            note(f"{rows}: {spoken(check.text)}")  # above all rows that were set aside, which have no answer
    answers = _beside(source.frame, keep or [], network.predict(source))
    odd = answers["problem"].drop_nulls().len()
    if odd:
        note(f"{odd} of {len(answers)} rows had something odd; see the column 'problem'")
    if as_json:
        emit_json(answers.to_dicts())
    elif to is None:
        typer.echo(answers.write_csv(datetime_format=_moments(answers)), nl=False)
    else:
        _write(answers, to)
        note(f"wrote {len(answers)} answers to {to}")


def _beside(frame: Any, keep: list[str], answers: Any) -> Any:
    """Columns of the rows before their answers."""
    for name in keep:
        if name not in frame.columns:
            raise UnknownName(f"the rows have no column {name!r}", where="--keep", remedy=did_you_mean(name, frame.columns))
        if name in answers.columns:
            raise UsageError(
                f"the answers have a column {name!r} of their own", where="--keep", remedy="Rename it in the rows."
            )
    return answers.select(*(frame[name] for name in dict.fromkeys(keep)), *answers.columns)


def _moments(answers: Any) -> str | None:
    """How a CSV has moments: to the second, where none is finer; None is as Polars writes them."""
    import polars as pl

    finer = [
        not (answers[c].dt.microsecond() == 0).all() for c, kind in answers.schema.items() if isinstance(kind, pl.Datetime)
    ]
    return None if any(finer) else "%Y-%m-%dT%H:%M:%S"


def _write(answers: Any, to: Path) -> None:
    csv = partial(answers.write_csv, datetime_format=_moments(answers))
    writers = {".csv": csv, ".parquet": answers.write_parquet, ".json": answers.write_json}
    if to.suffix not in writers:
        raise UsageError(f"--to {to} has no known suffix", remedy="Use .csv, .parquet or .json.")
    to.parent.mkdir(parents=True, exist_ok=True)
    writers[to.suffix](to)


def report(run: RunFolder, *, no_baseline: NoBaseline = False, as_json: AsJson = False) -> None:
    """Evaluate a run and write its report, one HTML file that needs no network."""
    from trainwell.train.resume import load_again
    from trainwell.train.run import Run

    found = evaluate_and_report(Run.open(run), load_again(run), as_json=True, baselines=not no_baseline)
    path = str(run / "report.html")
    emit_json({"report": path, "evaluation": found.to_dict()}) if as_json else typer.echo(path)


def evaluate_and_report(run: Any, data: Any, *, as_json: bool, baselines: bool = True) -> Any:
    """Score the run on its test part, show the scores, write the report."""
    from trainwell.evaluate.run import evaluate as score
    from trainwell.report.run import report as write
    from trainwell.report.terminal import show_evaluation

    evaluation = score(run, data, baselines=baselines)
    if not as_json:
        show_evaluation(evaluation)
    path = write(run, data, evaluation)
    note(f"report: {path}")
    return evaluation


def summary(run: RunFolder, *, as_json: AsJson = False) -> None:
    """Draw the network of a run layer by layer: shape, parameters, cost, and what a batch looks like on its way through."""
    from trainwell.report.terminal import show_layers
    from trainwell.train.run import Run

    found = Run.open(run).layers()
    emit_json([vars(layer) for layer in found]) if as_json else show_layers(found)
