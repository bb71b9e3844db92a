"""One picture, from bytes to `(C, H, W)` uint8: header first, then decoding, colours, orientation, size.

Training and prediction both come through here, so a picture gives the same bits in both.
"""

from __future__ import annotations

import math
import os
import re
import stat
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

#: Largest picture that is decoded; a file of 20 kB can claim gigabytes, so the header is asked first.
MAX_PIXELS = 50_000_000
#: Largest file that is read.
MAX_FILE_BYTES = 512 << 20
#: Formats that are opened: common raster formats; none that runs another program (as EPS does).
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "DIB", "JPEG2000", "AVIF", "ICO", "QOI")

#: Why a picture cannot be used, as a clause about one of them.
UNUSABLE = {
    "missing": "the cell names no picture",
    "absent": "the file does not exist",
    "unreadable": "the file could not be read",
    "no_file": "the path is no ordinary file",
    "empty": "the file is empty (zero bytes)",
    "huge_file": f"the file is larger than {MAX_FILE_BYTES >> 20} MiB",
    "no_picture": "the file holds no picture of a known format",
    "bomb": f"the picture claims more than {MAX_PIXELS // 10**6} megapixels",
    "truncated": "the picture ends before its last pixel",
    "broken": "the picture is damaged",
    "lossy": "JPEG changes the values of masks, so save them as PNG",
    "range": "its 32-bit values lie neither in 0…65,535 nor in [0, 1]",
}

#: What was unusual about a usable picture, and what was done, as a clause about one of them.
CONVERTED = {
    "misnamed": "the content has another format than the name says; the content was believed",
    "cmyk": "CMYK was converted to RGB",
    "deep": "of 16 or more bits per channel the 8 highest were kept (floats in [0, 1] were multiplied by 255)",
    "palette": "the colours of a palette were looked up",
    "alpha": "an alpha channel was laid on white",
    "rotated": "an EXIF rotation was applied",
    "animated": "the first frame of an animation, or of several pages, was used",
    "single_pixel": "a single pixel says little",
    "extreme": "one side is more than eight times the other; little is left of it after resizing",
}

_GREY = frozenset(("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"))
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_BIG_PIXELS = 8_000_000
_one_big_at_a_time = threading.Lock()


class UnusableError(Exception):
    """A picture cannot be used; `code` is a key of `UNUSABLE`, `detail` says more about this one."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class Geometry:
    """The shape that every picture is brought to.

    Args:
        channels: 1 grey, 3 colour; other numbers only for arrays that have as many.
        height: pixels.
        width: pixels.
    """

    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width


@dataclass(frozen=True)
class Header:
    """What a picture says about itself before it is decoded; width and height as seen after rotation."""

    format: str
    mode: str
    width: int
    height: int
    grey: bool
    notes: tuple[str, ...]


@contextmanager
def quiet() -> Iterator[None]:
    """Pillow's warnings off: what they tell is decided from the header here.

    Warning filters belong to the whole process, so the thread that starts a pool enters this, not its workers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a picture file.

    Raises:
        UnusableError: no such file, not an ordinary file, empty, too large or not readable.
    """
    try:
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode):
            raise UnusableError("no_file", f"{os.fspath(path)} is a folder or device")
        if about.st_size == 0:
            raise UnusableError("empty")
        if about.st_size > MAX_FILE_BYTES:
            raise UnusableError("huge_file", f"{about.st_size:,} bytes")
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UnusableError("absent") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UnusableError("unreadable", str(error)) from None


def read_header(blob: bytes, name: str = "") -> Header:
    """Format, size and peculiarities of a picture without decoding it.

    Args:
        blob: the file's bytes.
        name: the file's name, to compare its suffix with the content; empty when there is none.

    Raises:
        UnusableError: no picture, a damaged header, or more than `MAX_PIXELS`.
    """
    try:
        with opened(blob) as image:
            return _header_of(image, name)
    except UnusableError:
        raise
    except Exception as error:  # a format's reader may raise anything on hostile bytes
        raise UnusableError("broken", str(error)) from None


def is_picture(blob: bytes) -> bool:
    """Whether bytes begin as a picture of a known format does."""
    try:
        read_header(blob)
    except UnusableError as error:
        return error.code == "bomb"
    return True


def decode(blob: bytes, geometry: Geometry) -> np.ndarray:
    """A picture's bytes as `(C, H, W)` uint8.

    A JPEG of at least four times the wanted size is decoded at 1/2, 1/4 or 1/8 of its own (the decoder's averaging, still twice
    the wanted size), which is several times faster.

    Raises:
        UnusableError: see `UNUSABLE`.

    Example:
        >>> file = BytesIO()
        >>> Image.new("RGB", (40, 20), "red").save(file, "PNG")
        >>> decode(file.getvalue(), Geometry(3, 8, 8))[:, 0, 0].tolist()
        [255, 0, 0]
    """
    if not blob:
        raise UnusableError("empty")
    try:
        with opened(blob) as image:
            _reduce(image, geometry)
            big = image.width * image.height > _BIG_PIXELS
            with _one_big_at_a_time if big else nullcontext():
                return conform(image, geometry)
    except UnusableError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        raise unusable(error) from None


def unusable(error: Exception) -> UnusableError:
    """What a format's reader raised, which may be anything on hostile bytes."""
    cut = "truncated" in str(error).lower() or isinstance(error, EOFError | struct.error)
    return UnusableError("truncated" if cut else "broken", str(error))


def conform(image: Image.Image, geometry: Geometry) -> np.ndarray:
    """A Pillow image as `(C, H, W)` uint8: upright, plain colours, fitted into the frame."""
    image.load()
    turn = _TURNS.get(_orientation(image))
    plain = _plain(image)
    upright = plain.transpose(turn) if turn is not None else plain
    if geometry.channels not in (1, 3):
        return conform_array(np.asarray(upright), geometry)
    mode = "L" if geometry.channels == 1 else "RGB"
    return _fitted(upright if upright.mode == mode else upright.convert(mode), geometry)


def conform_array(pixels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """`(H, W)` or `(H, W, C)` uint8 of any size as `(C, H, W)` of the geometry.

    The picture is scaled to fit into the frame with its aspect kept, centred, and what is left is filled by repeating its edge:
    nothing is cut off, and no bright or dark bars appear that a network could learn from.

    Raises:
        UnusableError: the number of channels cannot be converted.
    """
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels  # (H, W, C)
    if pixels.size == 0:
        raise UnusableError("broken", "no pixels")
    pixels = _channels(pixels, geometry.channels)
    if pixels.shape[:2] == (geometry.height, geometry.width):
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))
    if geometry.channels == 3:
        return _fitted(Image.fromarray(np.ascontiguousarray(pixels)), geometry)
    planes = [Image.fromarray(np.ascontiguousarray(pixels[..., c])) for c in range(geometry.channels)]
    return np.concatenate([_fitted(plane, geometry) for plane in planes])


def has_colour(pixels: np.ndarray) -> bool:
    """Whether the channels of `(3, H, W)` or `(N, 3, H, W)` differ by more than JPEG's rounding does (12 of 255)."""
    low, high = pixels.min(axis=-3), pixels.max(axis=-3)
    return bool(((high - low) > 12).any())


@cache
def _formats() -> tuple[str, ...]:
    """`FORMATS` as far as this build of Pillow reads them."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def opened(blob: bytes) -> Image.Image:
    """A picture's bytes as an image that is not decoded yet.

    Raises:
        UnusableError: no known format, or too many pixels.
    """
    try:
        image = Image.open(BytesIO(blob), formats=_formats())
    except Image.DecompressionBombError as error:
        claimed = re.search(r"\d+", str(error))
        raise UnusableError("bomb", f"{int(claimed[0]):,} pixels" if claimed else "") from None
    except UnidentifiedImageError:
        raise UnusableError("no_picture") from None
    if image.width * image.height > MAX_PIXELS:
        raise UnusableError("bomb", f"{image.width:,} x {image.height:,} pixels")
    return image


def _header_of(image: Image.Image, name: str) -> Header:
    said = image.format != "PNG" or "exif" in image.info  # a PNG that says it behind its pixels would be decoded for it
    turned = said and image.format != "TIFF" and _orientation(image)  # TIFF turns by itself
    width, height = (image.height, image.width) if turned and turned >= 5 else image.size
    notes = [code for code, holds in _peculiarities(image, name, bool(turned and turned > 1)).items() if holds]
    return Header(str(image.format), image.mode, width, height, _is_grey(image), tuple(notes))


def _peculiarities(image: Image.Image, name: str, rotated: bool) -> dict[str, bool]:
    short, long = sorted(image.size)
    return {
        "misnamed": _misnamed(name, str(image.format)),
        "cmyk": image.mode == "CMYK",
        "deep": image.mode in ("I", "F") or ";16" in f"{image.mode}{getattr(image, 'tile', '')}",
        "palette": image.mode in ("P", "PA"),
        "alpha": image.has_transparency_data,
        "rotated": rotated,
        "animated": image.format != "MPO" and bool(getattr(image, "is_animated", False)),
        "single_pixel": long == 1,
        "extreme": long > 8 * max(1, short),
    }


def _misnamed(name: str, found: str) -> bool:
    suffix = os.path.splitext(name)[1].lower()
    named = Image.registered_extensions().get(suffix)
    family = {"MPO": "JPEG", "DIB": "BMP"}
    return named is not None and family.get(named, named) != family.get(found, found)


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("P", "PA") and image.palette is not None:
        colours = np.frombuffer(image.palette.tobytes(), np.uint8)
        step = len(image.palette.mode)
        colours = colours[: len(colours) // step * step].reshape(-1, step)[:, :3]
        return bool((colours == colours[:, :1]).all())
    return image.mode in _GREY


def _orientation(image: Image.Image) -> int:
    try:
        value: Any = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block does not damage the picture
        return 1
    return value if isinstance(value, int) else 1


def _reduce(image: Image.Image, geometry: Geometry) -> None:
    if image.format not in ("JPEG", "MPO"):
        return
    height, width = geometry.height, geometry.width
    if _orientation(image) >= 5:
        height, width = width, height
    scale = 2 * min(width / image.width, height / image.height)
    if scale < 1:
        image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))


def _plain(image: Image.Image) -> Image.Image:
    """The picture in 8-bit colours without alpha."""
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image)))
    if not image.has_transparency_data:
        return image
    above = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)


def _eight_bits(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return np.rint(values * 255).astype(np.uint8)
    if values.dtype.kind in "iu" and low >= 0 and high <= 65535:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    raise UnusableError("range", f"values from {low} to {high}")


def _channels(pixels: np.ndarray, wanted: int) -> np.ndarray:
    found = pixels.shape[2]
    if found == wanted:
        return pixels
    if found == 1 and wanted == 3:
        return np.repeat(pixels, 3, axis=2)
    if found in (2, 4) and wanted in (1, 3):
        image = _plain(Image.fromarray(np.ascontiguousarray(pixels)))
        return _channels(np.asarray(image.convert("RGB")), wanted)
    if found == 3 and wanted == 1:
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[..., None]
    raise UnusableError("broken", f"{found} channels where {wanted} are expected")


def _resized(image: Image.Image, width: int, height: int) -> Image.Image:
    """Bilinear, after whole-number shrinking of what is four times too large or more; rows first, then columns.

    Pillow's own order depends on its version and on the picture; in one order the bytes are the same everywhere, also in an
    exported graph.
    """
    reduce = max(1, int(image.width / width / 2)), max(1, int(image.height / height / 2))
    spans = image.width / reduce[0], image.height / reduce[1]
    image = image.reduce(reduce) if max(reduce) > 1 else image
    image = image.resize((width, image.height), Image.Resampling.BILINEAR, box=(0, 0, spans[0], image.height))
    return image.resize((width, height), Image.Resampling.BILINEAR, box=(0, 0, width, spans[1]))


def _fitted(image: Image.Image, geometry: Geometry) -> np.ndarray:
    """An `L` or `RGB` image scaled into the frame and padded, `(C, H, W)`."""
    if image.size != (geometry.width, geometry.height):
        scale = min(geometry.width / image.width, geometry.height / image.height)
        width = min(geometry.width, max(1, round(image.width * scale)))
        height = min(geometry.height, max(1, round(image.height * scale)))
        image = _resized(image, width, height)
    pixels = np.atleast_3d(np.asarray(image))  # (H, W, C)
    top, left = (geometry.height - pixels.shape[0]) // 2, (geometry.width - pixels.shape[1]) // 2
    below, right = geometry.height - pixels.shape[0] - top, geometry.width - pixels.shape[1] - left
    padded = np.pad(pixels, ((top, below), (left, right), (0, 0)), mode="edge") if top or left or below or right else pixels
    return np.ascontiguousarray(padded.transpose(2, 0, 1))
