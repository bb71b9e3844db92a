"""The verb that asks whether borrowed weights help: transfer-check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import (
    AsJson,
    Assignments,
    Given,
    ScoredPart,
    Source,
    StudyOut,
    parse_assignments,
    spreads_given,
    study_folder,
)
from trainwell.cli.output import emit_json, note
from trainwell.core.errors import UsageError

TRANSFER_EXAMPLES = r"""
Examples:
  trainwell transfer-check digits init_from=runs/fashion prepare.picture_size=28 --rows 100,400
  trainwell transfer-check digits init_from=resnet18.pth model=resnet18 transfer.freeze=body --scratch "lr=0.01"
"""


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command("transfer-check", epilog=TRANSFER_EXAMPLES)(transfer_check)


@spreads_given
def transfer_check(
    source: Source,
    assignments: Assignments = None,
    *,
    rows: Annotated[str | None, typer.Option(help="Numbers of training rows: 100,400. A usual three if not given.")] = None,
    scratch: Annotated[
        str | None, typer.Option(help='What training from scratch does otherwise, as "KEY=VALUE KEY=VALUE".')
    ] = None,
    given: Given,
    out: StudyOut = None,
    repeats: Annotated[int, typer.Option("--repeats", "-n", min=2, help="Pairs of every size.")] = 8,
    metric: Annotated[str | None, typer.Option(help="What is scored; the recipe's first metric if not given.")] = None,
    part: ScoredPart = "valid",
    as_json: AsJson = False,
) -> None:
    """Say whether the weights of init_from help: fine-tuned against from scratch, in pairs, over numbers of training rows."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.transfer_check import show_transfer, write_transfer
    from trainwell.study.transfer_check import SHARES
    from trainwell.study.transfer_check import transfer_check as check

    if part not in ("valid", "test"):
        raise UsageError(f"--part {part} is no part", remedy="Use valid or test.")
    recipe, data = given.load(source, assignments)
    folder = study_folder(out, source, "transfer")
    numbers = _numbers(rows)
    with StudyProgress(f"transfer on {Path(source).name}", 2 * repeats * (len(numbers) or len(SHARES))) as progress:
        found = check(
            recipe,
            data,
            rows=numbers,
            scratch=recipe.with_keys(parse_assignments(scratch.split())) if scratch else None,
            repeats=repeats,
            metric=metric,
            part=part,  # type: ignore[arg-type]  # checked above
            folder=folder,
            observers=[progress],
        )
    emit_json(found.to_dict()) if as_json else show_transfer(found)
    note(f"page: {write_transfer(found, folder)}")


def _numbers(text: str | None) -> list[int]:
    try:
        return [int(part) for part in text.split(",")] if text else []
    except ValueError:
        raise UsageError(f"--rows {text} is no list of numbers", remedy="Write --rows 100,400.") from None
