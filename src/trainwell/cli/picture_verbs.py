"""Verbs of networks that make pictures: sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, RunFolder
from trainwell.cli.output import emit_json, note

SAMPLE_EXAMPLES = """
Examples:
  trainwell sample runs/a --n 100 --to samples
  trainwell sample runs/a --label 3 --seed 7 --to threes
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs of networks that make pictures."""
    app.command(epilog=SAMPLE_EXAMPLES)(sample)


def sample(
    run: RunFolder,
    *,
    n: Annotated[int, typer.Option("--n", "-n", help="How many pictures.")] = 64,
    label: Annotated[str | None, typer.Option(help="Their class; without it the classes come in turn.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder for grid.png, pictures.npy and samples.json.")] = Path("samples"),
    as_json: AsJson = False,
) -> None:
    """Make new pictures with a network trained by model=dcgan or model=wgan_gp; the same ones for the same seed."""
    from trainwell.train.adversarial.sample import sample as make

    found = make(str(run), n, seed=seed, label=label)
    folder = found.save(to)
    if as_json:
        emit_json({"folder": str(folder), "shape": list(found.pictures.shape), "labels": list(found.labels), "seed": seed})
    else:
        note(f"{len(found)} pictures")
        typer.echo(str(folder / "grid.png"))
