"""The verb of the lab."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, Target
from trainwell.cli.output import emit_json, note
from trainwell.core.i18n import language

EXAMPLES = r"""
Examples:
  trainwell lab                                  every claim by name
  trainwell lab deep-sigmoid-vanishes
  trainwell lab adam-beats-sgd --on people.csv --target income
  trainwell lab all --language zh --out runs/lab
"""


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command(epilog=EXAMPLES)(lab)


def lab(
    claims: Annotated[list[str] | None, typer.Argument(metavar="CLAIM", help="Names of claims, or all.")] = None,
    *,
    on: Annotated[str | None, typer.Option(help="Try it on your own data: file, folder or named set.")] = None,
    target: Target = None,
    repeats: Annotated[int, typer.Option("--repeats", "-n", min=1, help="Pairs of trainings.")] = 8,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the runs and a page.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try the craft's claims in small controlled experiments: each within a minute, also where the claim fails."""
    from trainwell.report.lab import show_claims, show_lesson, write_lessons
    from trainwell.study.lab.claims import CLAIMS

    speech = language()
    if not claims:
        emit_json(list(CLAIMS)) if as_json else show_claims(speech)
        return
    from trainwell.data.load import load
    from trainwell.study.lab.carry_out import lab as carry_out

    data = load(on, target=target) if on else None
    found = []
    for name in CLAIMS if claims == ["all"] else claims:
        found.append(carry_out(name, data=data, repeats=repeats, folder=out))
        if not as_json:
            show_lesson(found[-1], speech)
    if as_json:
        emit_json([lesson.to_dict() for lesson in found])
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        note(f"page: {write_lessons(found, out, speech)}")
