"""Verbs of the doctor: examine."""

from __future__ import annotations

import typer

from trainwell.cli.arguments import AsJson, RunFolder
from trainwell.cli.output import emit_json


def add_to(app: typer.Typer) -> None:
    """Register the verbs of the doctor."""
    app.command(epilog="\nExamples:\n  trainwell examine runs/a\n  trainwell examine runs/a --json")(examine)


def examine(run: RunFolder, *, as_json: AsJson = False) -> None:
    """Name what went wrong in a run, from its measurements, causes before symptoms; silent on healthy runs."""
    from trainwell.doctor.examine import examine as look
    from trainwell.report.findings import show_findings
    from trainwell.train.run import Run

    found = look(Run.open(run))
    emit_json([f.to_dict() for f in found]) if as_json else show_findings(found)
