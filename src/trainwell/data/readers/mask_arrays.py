"""Targets that are masks, in the forms that arrays have them."""

from __future__ import annotations

import numpy as np

from trainwell.core.errors import DataError
from trainwell.data.source import Source

#: Sides from which on two axes are a grid of pixels, and not a few numbers, as of landmarks.
GRID = 8


def masks_in(source: Source, target: np.ndarray) -> np.ndarray | None:
    """The class of every pixel of the pictures, `(N, H, W)` whole numbers; None for a target of another kind.

    Masks may have an axis of one entry before or behind their pixels, be floats that are whole, or one-hot `(N, H, W, K)` or
    `(N, K, H, W)`.

    Args:
        source: its pictures are arrays `(N, H, W, C)`, or tensors `(N, C, H, W)`.
        target: what is to be predicted.

    Raises:
        DataError: values for pixels that are no classes, or for other pixels than the pictures have.

    Example:
        >>> import polars as pl
        >>> pictures = Source(pl.DataFrame(), "x", arrays={"x": np.zeros((2, 3, 4, 6), np.uint8)})
        >>> masks_in(pictures, np.ones((2, 1, 4, 6), np.float32)).shape
        (2, 4, 6)
    """
    sizes = {_size(source, name) for name, array in source.arrays.items() if array.ndim == 4}
    if not sizes or target.ndim not in (3, 4) or target.dtype.kind not in "iubf" or target.size == len(target):
        return None
    first, last = target.shape[2:] in sizes, target.shape[1:3] in sizes
    if target.ndim == 4 and (first or last):
        target = _one_class(target, 1 if first else 3)
    elif target.shape[1:] not in sizes:
        if min(target.shape[-2:]) < GRID:
            return None
        there = " or ".join(str(size) for size in sorted(sizes))
        what = f"y has the shape {target.shape}, which is no mask for pictures of {there} pixels"
        raise DataError(what, where=source.origin, remedy="Give y (N, H, W) at the size of the pictures, or one y for each.")
    return target if target.dtype.kind in "iub" else _whole(source, target)


def _size(source: Source, name: str) -> tuple[int, ...]:
    """Height and width of pictures `(N, H, W, C)`, or of tensors `(N, C, H, W)`."""
    first = 1 if source.kinds.get(name) == "picture" else 2
    return source.arrays[name].shape[first : first + 2]


def _one_class(target: np.ndarray, axis: int) -> np.ndarray:
    """Without the axis of the channels: the only one, or the place of the 1."""
    if target.shape[axis] == 1:
        return target.squeeze(axis)
    if np.isin(target, (0, 1)).all() and (target.sum(axis) == 1).all():
        return np.asarray(target.argmax(axis))
    what = f"y has {target.shape[axis]} values for each pixel, which are not one-hot"
    raise DataError(what, remedy="Give the class of every pixel, (N, H, W) of whole numbers.")


def _whole(source: Source, target: np.ndarray) -> np.ndarray:
    found = target.astype(np.int64) if np.isfinite(target).all() else np.empty(0)
    if not np.array_equal(found, target):
        remedy = "Give the class of every pixel as a whole number; numbers for pixels are not predicted."
        raise DataError("y holds numbers for pixels that are not whole", where=source.origin, remedy=remedy)
    return found
