"""What augmentation does to some pictures, as one picture."""

from __future__ import annotations

import numpy as np
import torch

from trainwell.data.augment.compose import Augment

_GAP = 2


def preview(pictures: np.ndarray, augment: Augment, *, versions: int = 7) -> np.ndarray:
    """A grid with a row per picture: the original, then `versions` augmented ones, as `(height, width, 3)` uint8 for a report.

    Args:
        pictures: `(N, C, H, W)` uint8; a handful. Other than one or three channels: the first is shown.
        augment: from `build_augment`; targets are not shown.
        versions: augmented pictures per row.

    Example:
        >>> from trainwell.core.part import Part
        >>> from trainwell.data.augment.compose import build_augment
        >>> preview(np.zeros((2, 1, 8, 8), np.uint8), build_augment([Part.of("flip")], n_classes=2), versions=3).shape
        (18, 38, 3)
    """
    x = torch.from_numpy(np.ascontiguousarray(pictures)).float() / 255
    codes = torch.zeros(len(x), dtype=torch.int64)
    columns = [x, *(augment((x,), codes, step)[0][0] for step in range(versions))]
    tiles = torch.stack(columns, 1).mul(255).round().to(torch.uint8).numpy()  # (N, versions + 1, C, H, W)
    return _grid(tiles if tiles.shape[2] == 3 else np.repeat(tiles[:, :, :1], 3, axis=2))


def _grid(tiles: np.ndarray) -> np.ndarray:
    """`(rows, columns, 3, H, W)` side by side with white gaps."""
    rows, columns, _, h, w = tiles.shape
    grid = np.full((rows * (h + _GAP) - _GAP, columns * (w + _GAP) - _GAP, 3), 255, np.uint8)
    for r in range(rows):
        for c in range(columns):
            top, left = r * (h + _GAP), c * (w + _GAP)
            grid[top : top + h, left : left + w] = tiles[r, c].transpose(1, 2, 0)
    return grid
