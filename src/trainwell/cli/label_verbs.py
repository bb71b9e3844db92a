"""Verbs about labels and what becomes of them: calibrate."""

from __future__ import annotations

from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, RunFolder
from trainwell.cli.output import emit_json


def add_to(app: typer.Typer) -> None:
    """Register the verbs about labels."""
    app.command(epilog="\nExamples:\n  trainwell calibrate runs/a\n  trainwell calibrate runs/a --threshold f1")(calibrate)


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
    from trainwell.evaluate.deciding import calibrate as fit
    from trainwell.train.again import load_again
    from trainwell.train.run import Run

    if how not in ("temperature", "isotonic", "none"):
        raise UsageError(f"--how {how} is no way to calibrate", remedy="Use temperature, isotonic or none.")
    found = fit(Run.open(run), load_again(run), how=how, threshold=_number(threshold))
    emit_json(found.to_dict()) if as_json else typer.echo(str(found) or "no calibration, threshold 0.5")


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
