"""Masks for new pictures, each at the picture's own size and in the values of the masks that were trained on.

N pictures, K classes, H x W pixels of a picture.
"""

from __future__ import annotations

import colorsys
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import DataError
from trainwell.core.shape import UNJUDGED
from trainwell.data.decode_picture import UnusableError, read_header
from trainwell.data.draft import raw_of
from trainwell.data.kinds import picture
from trainwell.data.masks.build import classes_in
from trainwell.data.masks.classes import Classes
from trainwell.data.masks.frame import Size
from trainwell.data.masks.values import COLOUR
from trainwell.data.source import Source
from trainwell.train.masks import at_own_size
from trainwell.train.picture_output import grid, name_of, once
from trainwell.train.raw_rows import source_of
from trainwell.train.run import Bundled, Run, as_run

#: Pictures in a grid, and pictures that go through the network together.
SHOWN, TOGETHER = 12, 16


@dataclass(frozen=True)
class Segment:
    """What a network says of every pixel of one picture.

    Args:
        name: of the file, or the number of the row.
        codes: the place in `classes` of each pixel's class, `(H, W)` uint8, at the picture's own size.
        picture: the picture as the network saw it, `(C, h, w)` uint8.
        classes: their names, and the value that each has in a mask.
    """

    name: str
    codes: np.ndarray
    picture: np.ndarray
    classes: Classes

    @property
    def shares(self) -> dict[str, float]:
        """Share of the pixels that each class has."""
        counts = np.bincount(self.codes.reshape(-1), minlength=len(self.classes.names))
        return dict(zip(self.classes.names, (counts / counts.sum()).tolist(), strict=True))

    @property
    def mask(self) -> Image.Image:
        """The mask as a picture, in the values of the masks that were trained on."""
        values = np.array(self.classes.values)[self.codes]
        if values.max(initial=0) >= COLOUR or max(self.classes.values) >= COLOUR:
            grey = values < COLOUR
            values = np.where(grey, values * 0x010101, values - COLOUR)
            return Image.fromarray(np.stack([values >> 16, values >> 8 & 0xFF, values & 0xFF], axis=2).astype(np.uint8))
        return Image.fromarray(values.astype(np.uint8 if max(self.classes.values) < 256 else np.uint16))


def segment(run: Run | Bundled | str | Path, rows: Any) -> Segments:
    """The class of every pixel of new pictures.

    Args:
        run: a run that was trained on masks (`task=segmentation`), its folder, or an opened bundle of it.
        rows: a picture file, a list of them, a folder, a table or an array, as `predict` takes them.

    Raises:
        DataError: the run was not trained on masks.

    Example:
        >>> import trainwell as tw
        >>> pixels = np.random.default_rng(0).integers(0, 255, (40, 16, 16, 1), np.uint8)
        >>> recipe = tw.Recipe(model={"name": "unet", "width": 4}, steps=2)
        >>> run = tw.fit(recipe, tw.load((pixels, (pixels[..., 0] > 99).astype("uint8")), recipe=recipe))
        >>> found = next(iter(segment(run, pixels[:3])))
        >>> found.codes.shape, sorted(found.shares)
        ((16, 16), ['background', 'foreground'])
    """
    run = as_run(run)
    if run.preparation.target.task != "segmentation":
        what = f"a network for {run.preparation.target.task} ({run.recipe.model.name}) says nothing of single pixels"
        raise DataError(what, remedy="Train one on masks, with task=segmentation.")
    return Segments(run, source_of(rows, run.preparation))


class Segments:
    """Masks of pictures, computed some at a time as they are asked for.

    Args:
        run: trained on masks.
        source: the pictures.
    """

    def __init__(self, run: Run, source: Source) -> None:
        encoded = run.preparation.encode(source)
        self._run, self._source, self._pixels = run, source, encoded.arrays[run.preparation.shape.names[0]]
        unread = {row: f"{name_of(source, run, row)}: {sentence}" for row, _, sentence in encoded.problems if row >= 0}
        self.rows = [row for row in range(len(source)) if row not in unread]
        self.problems = tuple(unread.values())
        if not self.rows:
            raise DataError("no picture can be read", where=source.origin, remedy=next(iter(self.problems), ""))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Segment]:
        classes = classes_in(self._run.preparation)
        for start in range(0, len(self.rows), TOGETHER):
            some = self.rows[start : start + TOGETHER]
            for row, said in zip(some, self._run.predict_arrays(self._pixels[some]), strict=True):
                codes = at_own_size(said, _size_of(self._source, self._run, row)).astype(np.uint8)
                yield Segment(name_of(self._source, self._run, row), codes, self._pixels[row], classes)

    def save(self, folder: str | Path) -> Path:
        """Write each mask as a PNG, beside `grid.png` (pictures above, masks below) and `masks.json`; returns the folder."""
        folder, shown, listed = Path(folder), list[Segment](), list[dict[str, Any]]()
        folder.mkdir(parents=True, exist_ok=True)
        names = once([name_of(self._source, self._run, row) for row in self.rows], taken={"grid"})
        for name, found in zip(names, self, strict=True):
            found.mask.save(folder / f"{name}.png")
            listed.append({"picture": found.name, "file": f"{name}.png", "shares": found.shares})
            shown += [found] if len(shown) < SHOWN else []
        buffer = BytesIO()
        sheet([as_bytes(f.picture) for f in shown], [[f.codes for f in shown]], shown[0].classes).save(buffer, "PNG")
        write_atomic(folder / "grid.png", buffer.getvalue())
        said = {"classes": list(shown[0].classes.names), "masks": listed, "problems": self.problems}
        write_atomic(folder / "masks.json", json.dumps(said, ensure_ascii=False, indent=1) + "\n")
        return folder


def _size_of(source: Source, run: Run, row: int) -> Size:
    """Height and width of a picture as it lies in the source."""
    described = run.preparation.shape.inputs[0]
    name = described.columns[0] if described.columns else ""
    if name in source.frame.columns:
        pile = picture.pile_of(raw_of(source, name, np.arange(0)))
        try:
            header = read_header(pile.read(row))
        except UnusableError as error:  # it was read a moment ago
            raise DataError(f"the picture cannot be read any more ({error.code})", where=pile.name(row)) from None
        return header.height, header.width
    one = source.arrays[name or described.name][row]  # (H, W, C), and of tensors (C, H, W)
    return one.shape[:2] if name else one.shape[1:]


def colours_of(classes: Classes) -> np.ndarray:
    """A colour for each class and one for what is not judged, `(K + 1, 3)` uint8: the masks' own, else black and bright ones.

    Example:
        >>> colours_of(Classes((0, 1), ("background", "foreground"))).tolist()[0]
        [0, 0, 0]
    """
    found = []
    for place, value in enumerate(classes.values):
        if value >= COLOUR:
            found.append([value >> 16 & 0xFF, value >> 8 & 0xFF, value & 0xFF])
        elif value == 0:
            found.append([0, 0, 0])
        else:  # hues a golden angle apart: neighbours in the list are far apart in colour
            red, green, blue = colorsys.hsv_to_rgb(place * 0.618034 % 1, 0.75, 0.95)
            found.append([round(255 * red), round(255 * green), round(255 * blue)])
    return np.array([*found, [128, 128, 128]], np.uint8)


def as_bytes(pictures: np.ndarray) -> np.ndarray:
    """Pictures of floats, which a module of one's own may take in any scale, as uint8; bytes as they are."""
    if pictures.dtype == np.uint8:
        return pictures
    low, high = float(pictures.min()), float(pictures.max())
    found: np.ndarray = ((pictures - low) / max(high - low, 1e-12) * 255).astype(np.uint8)
    return found


def sheet(pictures: Sequence[np.ndarray], masks: Sequence[Sequence[np.ndarray]], classes: Classes) -> Image.Image:
    """Pictures `(C, h, w)` in a row, and below each its masks `(H, W)` in colours."""
    colours, size = colours_of(classes), pictures[0].shape[1:]
    rows = [np.stack([p if p.shape[0] == 3 else np.repeat(p[:1], 3, axis=0) for p in pictures])]
    for row in masks:
        codes = [np.where(c == UNJUDGED, len(colours) - 1, c) for c in row]
        drawn = [Image.fromarray(colours[c]).resize((size[1], size[0]), Image.Resampling.NEAREST) for c in codes]
        rows.append(np.stack([np.asarray(image).transpose(2, 0, 1) for image in drawn]))
    return grid(np.concatenate(rows), len(pictures))
