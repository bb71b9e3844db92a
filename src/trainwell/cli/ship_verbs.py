"""Verbs that take a trained network elsewhere: bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, Trained
from trainwell.cli.output import emit_json, note

BUNDLE_EXAMPLES = """
Examples:
  trainwell bundle runs/a --to income.tw
  trainwell bundle income.tw                    what is in it

Then: trainwell predict income.tw new.csv · trainwell evaluate income.tw more.csv
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command(epilog=BUNDLE_EXAMPLES)(bundle)


def bundle(
    run: Trained,
    *,
    to: Annotated[Path | None, typer.Option(help="The file to write; NAME.tw if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run or an ensemble as one file that holds data and no code; of a bundle, show what is in it."""
    from trainwell.cli.opening import open_trained
    from trainwell.ship.bundle import Bundle, open_bundle
    from trainwell.ship.bundle import bundle as write

    trained = open_trained(run)
    if not isinstance(trained, Bundle) or to is not None:
        path = write(trained, to or Path(f"{run.resolve().name}.tw"))
        note(f"wrote {path} ({path.stat().st_size:,} bytes)")
        trained = open_bundle(path)
    told = trained.about | {
        "schema": trained.schema,
        "scores": (trained.evaluation or {}).get("scores"),
        "sha256": trained.digest,
    }
    emit_json(told) if as_json else typer.echo(repr(trained))
