"""What the pixels of masks say, read without changing a value: a value is a name.

N masks, H x W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from PIL import Image

from trainwell.core.errors import DataError
from trainwell.data.decode_picture import UnusableError, opened, unusable
from trainwell.data.scan_pictures import Pile
from trainwell.data.source import Source

#: Added to colours, so that black is no grey level.
COLOUR = 1 << 24


@dataclass(frozen=True)
class Masks:
    """The masks of a source, undecoded.

    Args:
        column: what they are called.
        given: files, or an array `(N, H, W)` of whole numbers.
    """

    column: str
    given: Pile | np.ndarray

    def __len__(self) -> int:
        return len(self.given)

    def values(self, row: int) -> np.ndarray:
        """The values of one mask, `(H, W)` int32; raises UnusableError."""
        return decode_values(self.given.read(row)) if isinstance(self.given, Pile) else self.given[row].astype(np.int32)

    def name(self, row: int) -> str:
        """What a message calls the mask."""
        return self.given.name(row) if isinstance(self.given, Pile) else f"row {row}"


def masks_of(source: Source, column: str) -> Masks:
    """The masks of a column.

    Raises:
        DataError: it holds neither files nor arrays of whole numbers with two axes.
    """
    if column in source.arrays:
        array = source.arrays[column]
        array = array[..., 0] if array.ndim == 4 and array.shape[-1] == 1 else array
        if array.ndim != 3 or array.dtype.kind not in "iub":
            found = f"{array.dtype} of shape {array.shape}"
            raise DataError(f"masks are whole numbers (N, H, W), however: {found}", where=f"column {column!r}")
        return Masks(column, array)
    series = source.table[column]
    if series.dtype not in (pl.String, pl.Binary):
        remedy = "Give paths of mask files, or an array (N, H, W) of whole numbers."
        raise DataError(f"masks are files, this column holds {series.dtype}", where=f"column {column!r}", remedy=remedy)
    return Masks(column, Pile(series.to_list(), source.base))


def decode_values(blob: bytes) -> np.ndarray:
    """What the pixels of a mask's file say, `(H, W)` int32: grey levels or places in a palette; of colours `COLOUR + 0xRRGGBB`.

    Raises:
        UnusableError: the file is damaged, no picture, or a JPEG of more than two values: not those that were saved.

    Example:
        >>> from io import BytesIO
        >>> file = BytesIO()
        >>> Image.new("RGB", (2, 1), (1, 2, 3)).save(file, "PNG")
        >>> [hex(value) for value in decode_values(file.getvalue())[0]]
        ['0x1010203', '0x1010203']
    """
    if not blob:
        raise UnusableError("empty")
    try:
        with opened(blob) as image:
            image.load()
            values = _values(image)
            if image.format in ("JPEG", "MPO") and len(np.unique(values)) > 2:
                raise UnusableError("lossy")
            return values
    except (UnusableError, MemoryError):
        raise
    except Exception as error:  # a format's reader may raise anything on hostile bytes
        raise unusable(error) from None


def _values(image: Image.Image) -> np.ndarray:
    if image.mode in ("LA", "PA"):
        image = image.getchannel(0)
    if image.mode in ("1", "L", "P", "I") or image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.int32)
    red, green, blue = np.asarray(image.convert("RGB")).astype(np.int32).transpose(2, 0, 1)
    found: np.ndarray = COLOUR + (red << 16) + (green << 8) + blue
    return found


def uncoloured(values: np.ndarray) -> np.ndarray:
    """Grey colours as the grey levels that they are; other values as they are.

    Example:
        >>> uncoloured(np.array([7, COLOUR + 0x050505, COLOUR + 0x050506])).tolist() == [7, 5, COLOUR + 0x050506]
        True
    """
    blue = values & 0xFF
    grey = (values >= COLOUR) & ((values >> 8 & 0xFF) == blue) & ((values >> 16 & 0xFF) == blue)
    return np.where(grey, blue, values)
