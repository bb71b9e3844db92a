"""Masks brought into the frame that the pictures are brought into, and answers brought back to a picture's own size.

The rule is that of `decode_picture`: scaled to fit with the aspect kept, and centred; here by the nearest pixel.
"""

from __future__ import annotations

import numpy as np

from trainwell.core.shape import UNJUDGED
from trainwell.data.decode_picture import UnusableError
from trainwell.data.masks.classes import Classes
from trainwell.data.masks.values import Masks
from trainwell.data.scan_pictures import in_blocks

#: A value that no class has.
OUTSIDE = -1
Span = tuple[slice, slice]
Size = tuple[int, int]


def inside(size: Size, frame: Size) -> Span:
    """The rows and columns of the frame that a picture of this size (height, width) fills.

    Example:
        >>> inside((20, 40), (8, 8))
        (slice(2, 6, None), slice(0, 8, None))
    """
    if size == frame:
        return slice(0, frame[0]), slice(0, frame[1])
    scale = min(frame[1] / size[1], frame[0] / size[0])
    height, width = (min(most, max(1, round(side * scale))) for most, side in zip(frame, size, strict=True))
    top, left = (frame[0] - height) // 2, (frame[1] - width) // 2
    return slice(top, top + height), slice(left, left + width)


def in_frame(values: np.ndarray, frame: Size) -> np.ndarray:
    """The values of a mask `(H, W)` in the frame, int32; `OUTSIDE` where it does not fill it.

    Example:
        >>> in_frame(np.array([[1, 2]]), (2, 2)).tolist()
        [[1, 2], [-1, -1]]
    """
    rows, columns = inside((values.shape[0], values.shape[1]), frame)
    whole = np.full(frame, OUTSIDE, np.int32)
    down, across = (_nearest(n, part.stop - part.start) for n, part in zip(values.shape, (rows, columns), strict=True))
    whole[rows, columns] = values[down][:, across]
    return whole


def _nearest(n: int, wanted: int) -> np.ndarray:
    """Which of `n` pixels lies at the middle of each of `wanted` ones."""
    return ((np.arange(wanted) + 0.5) * n / wanted).astype(np.int64)


def encode_masks(masks: Masks, classes: Classes, frame: Size) -> np.ndarray:
    """The codes of all masks, `(N, H, W)` uint8; `UNJUDGED` where there is no class, and for masks that cannot be used."""
    out = np.full((len(masks), *frame), UNJUDGED, np.uint8)

    def block(start: int, stop: int) -> None:
        for row in range(start, stop):
            try:
                out[row] = classes.codes(in_frame(masks.values(row), frame))  # few pixels are left to be looked up
            except UnusableError:
                continue

    for _ in in_blocks(len(masks), 16, block):
        pass
    return out
