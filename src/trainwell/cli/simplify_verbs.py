"""The verb that makes trained networks smaller: simplify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, ScoredPart
from trainwell.cli.output import emit_json, note
from trainwell.core.errors import UsageError

SIMPLIFY_EXAMPLES = r"""
Examples:
  trainwell simplify runs/a
  trainwell simplify runs/a --prune 0.95 --units 0.5,0.9 --part test --out runs/a-simple
  trainwell evaluate runs/a-simple/units-75         every trained form is a run like any other
"""


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command(epilog=SIMPLIFY_EXAMPLES)(simplify)


def simplify(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    *,
    prune: Annotated[str, typer.Option(help="Shares of the weights that become 0; '' for none.")] = "0.5,0.8,0.9",
    units: Annotated[str, typer.Option(help="Shares of all units and channels that are taken out; '' for none.")] = "0.5,0.75",
    distil: Annotated[bool, typer.Option(help="Teach a network of the smallest of these sizes what the run says.")] = True,
    part: ScoredPart = "valid",
    seed: Annotated[int, typer.Option(help="Seed of the further training.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the forms; RUN-simple if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prune weights and units of a run, teach a smaller one, round to eight bits: size, time and score, with intervals."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.simplify import show_simplified
    from trainwell.study.simplify import simplify as study
    from trainwell.train.resume import load_again
    from trainwell.train.run import Run

    if part not in ("valid", "test"):
        raise UsageError(f"--part {part} is no part", remedy="Use valid or test.")
    shares, fewer, folder = _shares(prune, "prune"), _shares(units, "units"), out or run.with_name(f"{run.name}-simple")
    trained = Run.open(run)
    with StudyProgress(f"simplifying {run.name}", len(shares) + len(fewer) + (distil and bool(fewer))) as progress:
        found = study(
            trained,
            load_again(run),
            shares=shares,
            units=fewer,
            distilled=distil,
            part=part,  # type: ignore[arg-type]  # checked above
            folder=folder,
            seed=seed,
            observers=[progress],
        )
    emit_json(found.to_dict()) if as_json else show_simplified(found)
    note(f"runs: {folder}")


def _shares(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"--{option} {text} is no list of shares", remedy=f"Write --{option} 0.5,0.8.") from None
