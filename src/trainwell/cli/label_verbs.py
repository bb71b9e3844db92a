"""Verbs about labels and rows: calibrate, mislabelled, drift."""

from __future__ import annotations

from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, Assignments, Given, RunFolder, StudyOut, spreads_given, study_folder
from trainwell.cli.output import emit_json, note, told

MISLABELLED_EXAMPLES = """
Examples:
  trainwell mislabelled people.csv --target income
  trainwell fit people.csv --target income --corrections runs/people-mislabelled/corrections.csv
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs about labels."""
    app.command(epilog="\nExamples:\n  trainwell calibrate runs/a\n  trainwell calibrate runs/a --threshold f1")(calibrate)
    app.command(epilog=MISLABELLED_EXAMPLES)(mislabelled)
    app.command(epilog="\nExamples:\n  trainwell drift runs/a\n  trainwell drift runs/a new.csv")(drift)


def calibrate(
    run: RunFolder,
    *,
    how: Annotated[str, typer.Option(help="temperature, isotonic (two classes), or none.")] = "temperature",
    threshold: Annotated[
        str, typer.Option(help="From which probability the second class is said: a number, or the metric to make best.")
    ] = "0.5",
    as_json: AsJson = False,
) -> None:
    """Fit calibration and threshold of a trained network on validation rows; predict and evaluate use them from then on."""
    from trainwell.core.errors import UsageError
    from trainwell.evaluate.calibrate import calibrate as fit
    from trainwell.train.resume import load_again
    from trainwell.train.run import Run

    if how not in ("temperature", "isotonic", "none"):
        raise UsageError(f"--how {how} is no way to calibrate", remedy="Use temperature, isotonic or none.")
    found = fit(Run.open(run), load_again(run), how=how, threshold=_number(threshold))
    emit_json(found.to_dict()) if as_json else told(str(found) or "no calibration, threshold 0.5")


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


@spreads_given
def mislabelled(
    source: Annotated[str, typer.Argument(help="File, folder, or named set.")],
    assignments: Assignments = None,
    *,
    given: Given,
    folds: Annotated[int, typer.Option(min=2, help="Networks; each judges the rows that the others were trained on.")] = 5,
    out: StudyOut = None,
    as_json: AsJson = False,
) -> None:
    """List the rows whose labels look wrong to networks that never saw them, with a page and a file to correct."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.mislabelled import write_mislabelled
    from trainwell.study.mislabelled import mislabelled as find

    recipe, data = given.load(source, assignments)
    folder = study_folder(out, source, "mislabelled")
    with StudyProgress(f"labels of {source}", folds) as progress:
        found = find(recipe, data, folds=folds, folder=folder, observers=[progress])
    emit_json(found.to_dict()) if as_json else told(str(found))
    note(f"page: {write_mislabelled(found, data, folder)}")
    note(f"to be filled in: {folder / 'corrections.csv'}")


def drift(
    run: RunFolder,
    rows: Annotated[str | None, typer.Argument(help="New rows; the parts of the run's own data without them.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say how new rows differ from the training rows, column by column and jointly; without rows, the run's own parts."""
    from trainwell.evaluate.drift import drift as measure
    from trainwell.report.drift import show_drift, write_drift
    from trainwell.train.resume import load_again
    from trainwell.train.run import Run

    found = measure(Run.open(run), load_again(run), rows)
    emit_json(found.to_dict()) if as_json else show_drift(found)
    note(f"page: {write_drift(found, run)}")
