"""Pictures of one class turned into ones of another by a trained network, and turned back.

N pictures, C channels of H x W pixels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import DataError, did_you_mean
from trainwell.data.source import Source
from trainwell.models.cyclegan import Translator
from trainwell.train.adversarial.making import translated
from trainwell.train.picture_output import as_image, grid, name_of, once
from trainwell.train.raw_rows import picture_columns, source_of
from trainwell.train.run import Bundled, Run, as_run

#: Pictures in a grid.
SHOWN = 12


@dataclass(frozen=True)
class Translations:
    """Pictures, what they became, and what they are when turned back.

    Args:
        given: `(N, C, H, W)` uint8, as the network saw them.
        pictures: the same shape: what they became.
        back: the same shape: these turned back.
        names: of the files, or row numbers.
        into: the class that each became.
        problems: a sentence for each picture that could not be read and was left out.
    """

    given: np.ndarray
    pictures: np.ndarray
    back: np.ndarray
    names: tuple[str, ...]
    into: tuple[str, ...]
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    def grid(self, most: int = SHOWN) -> Image.Image:
        """The first ones as one picture: above as they were, below what they became, and turned back."""
        rows = [pictures[:most] for pictures in (self.given, self.pictures, self.back)]
        return grid(np.concatenate(rows), len(rows[0]))

    def save(self, folder: str | Path) -> Path:
        """Write each as a PNG into a folder of its new class, beside `grid.png` and `translations.json`; returns the folder."""
        folder, buffer = Path(folder), BytesIO()
        self.grid().save(buffer, "PNG")
        files = [f"{into}/{name}.png" for name, into in zip(once(self.names), self.into, strict=True)]
        for file, picture in zip(files, self.pictures, strict=True):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            as_image(picture).save(folder / file)
        write_atomic(folder / "grid.png", buffer.getvalue())
        listed = [{"picture": name, "file": file} for name, file in zip(self.names, files, strict=True)]
        said = {"pictures": listed, "problems": self.problems}
        write_atomic(folder / "translations.json", json.dumps(said, ensure_ascii=False, indent=1) + "\n")
        return folder


def translate(run: Run | Bundled | str | Path, rows: Any, *, into: str | None = None) -> Translations:
    """Pictures of one class as ones of the other, prepared as those of the training were.

    Args:
        run: a run of a network that turns pictures into others (`model=cyclegan`), its folder, or an opened bundle of it.
        rows: a picture file, a list of them, a folder, a table or an array, as `predict` takes them.
        into: the class that all shall become; None turns each into the other class than its own, which the name of its folder
            or the column of the labels says.

    Raises:
        DataError: the run turns no pictures, there is no such class, or a picture's own class is not known.

    Example:
        >>> import trainwell as tw
        >>> pixels = np.random.default_rng(0).integers(0, 99, (40, 8, 8, 1), np.uint8)
        >>> recipe = tw.Recipe(model={"name": "cyclegan", "width": 4, "critic_width": 4}, steps=2)
        >>> data = tw.load((np.concatenate([pixels, 255 - pixels]), ["dark"] * 40 + ["light"] * 40), recipe=recipe)
        >>> found = translate(tw.fit(recipe, data), pixels, into="light")
        >>> found.pictures.shape, found.into[0]
        ((40, 1, 8, 8), 'light')
    """
    run = as_run(run)
    network, (name,) = translator_of(run), run.preparation.shape.names
    source = source_of(rows, run.preparation)
    encoded = run.preparation.encode(source)
    unread = {row: f"{name_of(source, run, row)}: {sentence}" for row, _, sentence in encoded.problems}
    good = np.array([row for row in range(len(source)) if row not in unread], np.int64)
    if not len(good):
        where = str(rows) if isinstance(rows, str | Path) else source.origin
        raise DataError("no picture can be read", where=where, remedy=next(iter(unread.values()), ""))
    wanted = _wanted(run, source, good, into)
    given = np.ascontiguousarray(encoded.arrays[name][good])
    made = translated(network, given, wanted)
    classes, names = run.preparation.target.classes or (), tuple(name_of(source, run, int(row)) for row in good)
    labels = tuple(classes[code] for code in wanted)
    return Translations(given, made, translated(network, made, 1 - wanted), names, labels, tuple(unread.values()))


def translator_of(run: Run) -> Translator:
    """The run's network.

    Raises:
        DataError: it turns no pictures into others.
    """
    if not isinstance(run.network, Translator):
        what = f"a network for {run.preparation.target.task} ({run.recipe.model.name}) turns no pictures into others"
        raise DataError(what, remedy="Train one with model=cyclegan.")
    return run.network


def _wanted(run: Run, source: Source, rows: np.ndarray, into: str | None) -> np.ndarray:
    """The code of the class that each of these rows shall become, (N,)."""
    classes = run.preparation.target.classes or ()
    if into is not None:
        if into not in classes:
            raise DataError(f"there is no class {into!r}", remedy=did_you_mean(into, classes))
        return np.full(len(rows), classes.index(into))
    own = _own(run, source)[rows]
    if (own < 0).any():
        unknown = name_of(source, run, int(rows[np.flatnonzero(own < 0)[0]]))
        remedy = f"Say which class they shall become, {' or '.join(classes)}, or put them into folders of these names."
        raise DataError(f"nothing says of which class {unknown!r} is", where=source.origin, remedy=remedy)
    return 1 - own


def _own(run: Run, source: Source) -> np.ndarray:
    """The code of the class that each row is of: its label, else the name of its folder; -1 where neither says, (N,)."""
    target, columns = run.preparation.target.names[0], picture_columns(run.preparation)
    if target in source.frame.columns:
        return run.preparation.encode_target(source.frame[target])
    if columns and columns[0] in source.frame.columns and source.frame[columns[0]].dtype == pl.String:
        folders = source.frame[columns[0]].map_elements(lambda path: Path(path).resolve().parent.name, pl.String)
        return run.preparation.encode_target(folders.alias(target))
    return np.full(len(source), -1)
