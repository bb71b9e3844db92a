"""Pictures that a network made, for people: side by side, as files, under names of their own."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from trainwell.data.source import Source
from trainwell.train.raw_rows import picture_columns
from trainwell.train.run import Run

#: Side in pixels to which smaller pictures are enlarged in a grid, pixel by pixel.
SEEN = 56


def grid(pictures: np.ndarray, columns: int) -> Image.Image:
    """Pictures (N, C, H, W) uint8 side by side, small ones enlarged pixel by pixel.

    Example:
        >>> grid(np.zeros((5, 1, 28, 28), np.uint8), 3).size
        (174, 116)
    """
    n, channels, height, width = pictures.shape
    times = max(1, round(SEEN / max(height, width)))
    large = pictures.repeat(times, axis=2).repeat(times, axis=3)
    rows, h, w = math.ceil(n / columns), height * times + 2, width * times + 2
    sheet = np.full((rows * h, columns * w, channels), 255, np.uint8)
    for i, picture in enumerate(large):
        y, x = i // columns * h + 1, i % columns * w + 1
        sheet[y : y + height * times, x : x + width * times] = picture.transpose(1, 2, 0)
    return as_image(sheet.transpose(2, 0, 1))


def as_image(picture: np.ndarray) -> Image.Image:
    """A picture (C, H, W) uint8 for Pillow; of more than three channels the first three."""
    channels = picture.transpose(1, 2, 0)
    return Image.fromarray(channels[:, :, 0] if len(picture) == 1 else np.ascontiguousarray(channels[:, :, :3]))


def name_of(source: Source, run: Run, row: int) -> str:
    """The file of a picture without its ending, or the number of its row."""
    columns = picture_columns(run.preparation)
    named = columns and columns[0] in source.frame.columns and source.frame[columns[0]].dtype == pl.String
    return Path(source.frame[columns[0]][row]).stem if named else f"{row:05}"


def once(names: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """The names, a number behind those that were there before or are taken by another file of the folder.

    Example:
        >>> once(("a", "b", "a", "a-2", "grid"), {"grid"})
        ['a', 'b', 'a-2', 'a-2-2', 'grid-2']
    """
    used, found = set(taken), list[str]()
    for name in names:
        free = next(text for k in count(1) if (text := name if k == 1 else f"{name}-{k}") not in used)
        used.add(free)
        found.append(free)
    return found
