"""Verbs that take a trained network elsewhere: bundle, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, Trained
from trainwell.cli.output import emit_json, note, told
from trainwell.core.errors import UsageError

BUNDLE_EXAMPLES = """
Examples:
  trainwell bundle runs/a --to income.tw
  trainwell bundle income.tw                    what is in it

Then: trainwell predict income.tw new.csv · trainwell evaluate income.tw more.csv
"""
EXPORT_EXAMPLES = """
Examples:
  trainwell export runs/a --to income.onnx
  trainwell export runs/a --to pt2 --out income.pt2 --batch 32
  trainwell export income.tw --to djl --out income-java --rows people.csv
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command(epilog=BUNDLE_EXAMPLES)(bundle)
    app.command(epilog=EXPORT_EXAMPLES)(export)


def bundle(
    run: Trained,
    *,
    to: Annotated[Path | None, typer.Option(help="The file to write; NAME.tw if not given.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Training rows in it, for the page of serve; readable by all.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write a run or an ensemble as one file that holds data and no code; of a bundle, show what is in it."""
    from trainwell.cli.open_trained import open_trained
    from trainwell.ship.bundle import Bundle, open_bundle
    from trainwell.ship.bundle import bundle as write

    trained = open_trained(run)
    if not isinstance(trained, Bundle) or to is not None or examples:
        path = write(trained, to or Path(f"{run.resolve().name}.tw"), examples=examples)
        note(f"wrote {path} ({path.stat().st_size:,} bytes)")
        trained = open_bundle(path)
    about = trained.about | {
        "schema": trained.schema,
        "examples": len(trained.examples or ()),
        "scores": (trained.evaluation or {}).get("scores"),
        "sha256": trained.digest,
    }
    emit_json(about) if as_json else told(repr(trained))


def export(
    run: Trained,
    *,
    to: Annotated[str | None, typer.Option(help="onnx, pt2, torchscript or djl; or a file whose ending says which.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file, or for djl the folder, to write.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Rows of every batch; any number if not given.")] = None,
    rows: Annotated[str | None, typer.Option(help="Real rows to compare on; a run has its own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a network for another program, after comparing what both answer to real rows."""
    from trainwell.cli.open_trained import open_trained
    from trainwell.ship.export import export as write
    from trainwell.ship.export import suffix_of

    if to is not None and Path(to).suffix:
        if out is not None:
            raise UsageError(f"both --to {to} and --out {out} name a file", remedy="Give one of them.")
        out, to = Path(to), None
    if out is None and to is None:
        raise UsageError("it is not said what to write", remedy="Write --to income.onnx, or --to onnx.")
    stem = run.stem if run.is_file() else run.resolve().name
    place = out if out is not None else Path(stem + suffix_of(str(to)))
    done = write(open_trained(run), place, form=to, batch=batch, rows=rows)
    emit_json(done.to_dict()) if as_json else told(str(done))
