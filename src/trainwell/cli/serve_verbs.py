"""Verbs that open a page in the browser: a trained network to be asked, runs to be watched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trainwell.cli.output import note
from trainwell.core.errors import UsageError

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A run folder, the folder of an ensemble, or a .tw file.")]
TokenOption = Annotated[str, typer.Option(envvar="TRAINWELL_TOKEN", help="What clients must send as bearer token.")]
OpenToAll = Annotated[bool, typer.Option("--open", help="Listen where others can reach it although there is no token.")]
Fast = Annotated[bool, typer.Option(help="Share batches even where that changes the last digits.")]
Engine = Annotated[str, typer.Option(help="torch, with the bits of predict, or onnx: ONNX Runtime, within 1e-5 of them.")]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    examples = "\nExamples:\n  trainwell serve runs/a\n  trainwell serve income.tw --host 0.0.0.0 --port 80 --token SECRET"
    app.command(epilog=examples)(serve)
    app.command(epilog="\nExample:\n  trainwell board runs")(board)


def serve(
    model: Model,
    *,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8000,
    token: TokenOption = "",
    open_to_all: OpenToAll = False,
    fast: Fast = False,
    engine: Engine = "torch",
    body: Annotated[float, typer.Option("--max-body", min=0.001, help="Megabytes of one request.")] = 16.0,
    waiting: Annotated[int, typer.Option("--max-waiting", min=1, help="Requests worked on at once.")] = 64,
) -> None:
    """Offer a trained network over HTTP: a page to try it, /predict for programs, /health, /metrics, /openapi.json."""
    from trainwell.ship.serve.limits import Limits
    from trainwell.ship.serve.opening import Origin
    from trainwell.ship.serve.start import Options, needs_extra
    from trainwell.ship.serve.start import serve as start

    needs_extra()
    if not model.exists():
        raise UsageError("there is no such file or folder", where=str(model), remedy="trainwell runs lists what there is.")
    origin = Origin(model, _open)
    options = Options(open_to_all=open_to_all, fast=fast, origin=origin, engine=engine)
    limits = Limits(body=round(body * 2**20), waiting=waiting)
    server = start(_open(model), host=host, port=port, token=token, block=False, limits=limits, options=options)
    note(f"serving {server.name} at {server.url}")
    note("  the page at /, rows to /predict, and /health, /metrics, /openapi.json; Ctrl-C ends it")
    server.wait()


def _open(path: Path) -> Any:
    """The run, the ensemble or the bundle at a path."""
    if path.is_file():
        from trainwell.ship.bundle import open_bundle

        return open_bundle(path)
    from trainwell.study.ensemble.ensemble import open_any

    return open_any(path)


def board(
    folder: Annotated[Path, typer.Argument(metavar="RUNS", help="The folder that holds the runs.")],
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8100,
) -> None:
    """Show runs in the browser, on this machine: those that train and those that ended, curves, findings, comparison."""
    from trainwell.ship.serve.start import needs_extra

    needs_extra()
    from trainwell.report.board.serve import open_board

    server = open_board(folder, port=port)
    note(f"the runs of {server.name} at {server.url}; Ctrl-C ends it")
    server.wait()
