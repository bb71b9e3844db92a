"""Verbs of networks that make pictures or masks: sample, translate, segment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, OneTrained
from trainwell.cli.open_trained import open_one
from trainwell.cli.output import emit_json, note

SAMPLE_EXAMPLES = """
Examples:
  trainwell sample runs/a --n 100 --to samples
  trainwell sample runs/a --label 3 --seed 7 --to threes.png
  trainwell sample digits.tw
"""

TRANSLATE_EXAMPLES = """
Examples:
  trainwell translate runs/a photos --into painting --to painted
  trainwell translate runs/a both_folders --to turned
"""

SEGMENT_EXAMPLES = """
Examples:
  trainwell segment runs/a photos --to masks
  trainwell segment cells.tw one.png
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs of networks that make pictures or masks."""
    app.command(epilog=SAMPLE_EXAMPLES)(sample)
    app.command(epilog=TRANSLATE_EXAMPLES)(translate)
    app.command(epilog=SEGMENT_EXAMPLES)(segment)


def sample(
    run: OneTrained,
    *,
    n: Annotated[int, typer.Option("--n", "-n", help="How many pictures.")] = 64,
    label: Annotated[str | None, typer.Option(help="Their class; without it the classes come in turn.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder for grid.png, pictures.npy, samples.json; or a .png.")] = Path("samples"),
    as_json: AsJson = False,
) -> None:
    """Make new pictures with a trained dcgan, wgan_gp or autoencoder; the same ones for the same seed."""
    from trainwell.train.adversarial.sample import sample as make

    found = make(open_one(run), n, seed=seed, label=label)
    picture = found.save(to)
    if as_json:
        about = {"shape": list(found.pictures.shape), "labels": list(found.labels), "seed": seed}
        emit_json({"folder": str(picture.parent), "picture": str(picture), **about})
    else:
        note(f"{len(found)} pictures")
        typer.echo(str(picture))


def translate(
    run: OneTrained,
    pictures: Annotated[str, typer.Argument(metavar="PICTURES", help="Picture, folder of pictures, or a table of them.")],
    *,
    into: Annotated[str | None, typer.Option(help="The class that all become; without it each becomes the other one.")] = None,
    to: Annotated[Path, typer.Option(help="Folder for a PNG of each, grid.png and translations.json.")] = Path("translated"),
    as_json: AsJson = False,
) -> None:
    """Turn pictures of one class into ones of another with a network trained by model=cyclegan."""
    from trainwell.train.adversarial.translate import translate as turn

    found = turn(open_one(run), pictures, into=into)
    folder = found.save(to)
    for problem in found.problems:
        note(problem)
    if as_json:
        emit_json({"folder": str(folder), "pictures": len(found), "into": list(found.into), "problems": list(found.problems)})
    else:
        note(f"{len(found)} pictures")
        typer.echo(str(folder / "grid.png"))


def segment(
    run: OneTrained,
    pictures: Annotated[str, typer.Argument(metavar="PICTURES", help="Picture, folder of pictures, or a table of them.")],
    *,
    to: Annotated[Path, typer.Option(help="Folder for a mask of each, grid.png and masks.json.")] = Path("masks"),
    as_json: AsJson = False,
) -> None:
    """Tell the class of every pixel with a network that was trained on masks; a mask has the size of its picture."""
    from trainwell.train.segment import segment as tell

    found = tell(open_one(run), pictures)
    folder = found.save(to)
    for problem in found.problems:
        note(problem)
    if as_json:
        emit_json({"folder": str(folder), "masks": len(found), "problems": list(found.problems)})
    else:
        note(f"{len(found)} masks")
        typer.echo(str(folder / "grid.png"))
