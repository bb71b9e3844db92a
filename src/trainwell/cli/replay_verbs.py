"""The verb that looks back: replay."""

from __future__ import annotations

from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, RunFolder
from trainwell.cli.output import emit_json, note

EXAMPLES = r"""
Examples:
  trainwell replay runs/a                the update that was not finite, or the last one
  trainwell replay runs/a --step 120 --back 20 --clip 0.5
  trainwell replay runs/a --step 120 --json
"""


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command(epilog=EXAMPLES)(replay)


def replay(
    run: RunFolder,
    *,
    step: Annotated[
        int | None, typer.Option(help="The update, from 0; the one that failed, or the last, if not given.")
    ] = None,
    back: Annotated[int, typer.Option(min=0, help="Updates before it at which the what-ifs begin.")] = 10,
    ahead: Annotated[int, typer.Option(min=0, help="Updates after it to which they go on.")] = 10,
    clip: Annotated[float, typer.Option(help="Gradient norm to which they clip.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Execute one update again, exactly: where NaN or an explosion began, the rows in it, and what would have helped."""
    from trainwell.report.replay import show_replay, write_replay
    from trainwell.train.replay import replay as again

    found = again(run, step, back=back, ahead=ahead, clip=clip)
    emit_json(found.to_dict()) if as_json else show_replay(found)
    note(f"page: {write_replay(found, run)}")
