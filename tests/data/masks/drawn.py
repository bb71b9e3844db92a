"""Pictures with masks, drawn: bright discs and squares on a dark ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def drawn(n: int, side: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, H, W, 3) uint8 and the class of every pixel (N, H, W): 0 ground, 1 red disc, 2 blue square."""
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 60, (n, side, side, 3), np.uint8)
    masks = np.zeros((n, side, side), np.uint8)
    down, across = np.mgrid[:side, :side]
    for picture, mask in zip(pictures, masks, strict=True):
        y, x, r = (*random.integers(side // 4, side - side // 4, 2), side // 5)
        disc = (down - y) ** 2 + (across - x) ** 2 < r * r
        picture[disc, 0], mask[disc] = 220, 1
        y, x = random.integers(0, side - side // 4, 2)
        picture[y : y + side // 4, x : x + side // 4, 2] = 220
        mask[y : y + side // 4, x : x + side // 4] = 2
    return pictures, masks


def folder_of(place: Path, n: int, side: int = 24, *, names: bool = True) -> Path:
    """The same as `images/` and `masks/` below a folder."""
    pictures, masks = drawn(n, side)
    for folder, arrays in (("images", pictures), ("masks", masks)):
        (place / folder).mkdir(parents=True)
        for i, array in enumerate(arrays):
            Image.fromarray(array).save(place / folder / f"{i:03}.png")
    if names:
        (place / "classes.txt").write_text("ground\ndisc\nsquare\n")
    return place
