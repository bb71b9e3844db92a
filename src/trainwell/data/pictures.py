"""A collection of pictures as one `(N, C, H, W)` uint8 array: decoded once, then read from a memory map."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
import PIL
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data import cache
from trainwell.data.decode_picture import Geometry, UnusableError, conform_array, decode, has_colour
from trainwell.data.scan_pictures import CODE_VERSION, SMALL, Pile, file_digest, in_blocks

#: Largest side that `auto` chooses: larger pictures rarely pay from scratch, and cost four times as much per doubling.
AUTO_SIDE = 128
_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures, one row per cell.

    Args:
        pixels: `(N, C, H, W)` uint8, a memory map or an array; rows that cannot be used are zero.
        hashes: `(N,)` uint64 of the decoded pixels, equal for identical pictures whatever their files; 0 where unusable.
        problems: row → code (`decode.UNUSABLE`) and detail of what cannot be used.
    """

    pixels: np.ndarray
    hashes: np.ndarray
    problems: dict[int, tuple[str, str]] = field(default_factory=dict)

    @property
    def set_aside(self) -> np.ndarray:
        """Rows that cannot be used, bool `(N,)`."""
        mask = np.zeros(len(self.pixels), bool)
        mask[list(self.problems)] = True
        return mask


def load(pile: Pile, headers: pl.DataFrame, geometry: Geometry) -> Pictures:
    """Every picture at the size of `geometry`, from the cache if it was decoded before.

    The cache key is made of the files' contents, not their names or times: a moved or copied collection is found again, and a
    changed file never is. Memory stays at a few megabytes per thread, however many pictures there are.

    Args:
        pile: the pictures.
        headers: what `scan` said about them.
        geometry: the wanted shape.

    Raises:
        DataError: a file changed meanwhile, or the cache cannot be written.
    """
    if len(pile) <= SMALL:
        return _in_memory(pile, headers, geometry)
    key = content_key(headers, geometry)
    folder = cache.find(key)
    if folder is None:
        cache.need_space(len(pile) * int(np.prod(geometry.shape)))
        folder = cache.build(
            key,
            lambda place: _fill(place, pile, headers, geometry),
            about=f"pictures {geometry.channels}x{geometry.height}x{geometry.width} {pile.base}",
        )
    return _opened(folder, len(pile), geometry)


def content_key(headers: pl.DataFrame, geometry: Geometry) -> str:
    """Hex key of what decoding these pictures to this shape gives, whatever the files are called."""
    digest = blake2b(f"pictures {CODE_VERSION} {PIL.__version__} {geometry.shape}".encode(), digest_size=20)
    digest.update("\n".join((headers["digest"] + headers["problem"]).to_list()).encode())
    return digest.hexdigest()


def auto_geometry(headers: pl.DataFrame, rows: np.ndarray, coloured: Callable[[np.ndarray, Geometry], bool]) -> Geometry:
    """The shape that suits the pictures of `rows`.

    Size: where at least nine pictures in ten have the same height and width, that rectangle, else a square with the median of
    the longer sides; both shrunk to at most 128 pixels. Channels: 1 if every picture is grey, by its mode or by its pixels.

    Args:
        headers: what `scan` said.
        rows: the train rows; nothing else is looked at.
        coloured: tells whether any of the given rows, decoded to the given shape, has colour.

    Raises:
        DataError: not one picture of `rows` can be used.
    """
    seen = headers[rows].with_columns(row=pl.Series(rows)).filter(pl.col("problem") == "")
    if not len(seen):
        raise DataError("not one picture can be used", remedy="See `trainwell look` for what is wrong with each file.")
    height, width = auto_size(seen["height"].to_numpy(), seen["width"].to_numpy())
    in_colour = seen.filter(~pl.col("grey"))["row"].to_numpy()
    channels = 3 if len(in_colour) and coloured(in_colour, Geometry(3, height, width)) else 1
    return Geometry(channels, height, width)


def auto_size(heights: np.ndarray, widths: np.ndarray) -> tuple[int, int]:
    """Height and width for pictures of these sizes, see `auto_geometry`.

    Example:
        >>> auto_size(np.full(9, 28), np.full(9, 28)), auto_size(np.full(9, 375), np.full(9, 500))
        ((28, 28), (96, 128))
        >>> auto_size(np.array([300, 500, 400]), np.array([500, 300, 100]))
        (128, 128)
    """
    sizes, counts = np.unique(np.stack([heights, widths]), axis=1, return_counts=True)
    height, width = (int(v) for v in sizes[:, counts.argmax()])
    if counts.max() < 0.9 * len(heights) or max(height, width) > 4 * min(height, width):
        height = width = int(np.median(np.maximum(heights, widths)))
    shrink = min(1.0, AUTO_SIDE / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def any_coloured(pile: Pile, rows: np.ndarray, geometry: Geometry) -> bool:
    """Whether one of these pictures has colour; stops at the first that has."""

    def block(start: int, stop: int) -> bool:
        found = (_decoded(pile, int(row), geometry) for row in rows[start:stop])
        return any(pixels is not None and has_colour(pixels) for pixels in found)

    return any(in_blocks(len(rows), 4, block))


def conform_all(pixels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Pictures in memory `(N, H, W, C)` uint8 as `(N, C, H, W)` of the geometry; a view where nothing has to move."""
    if pixels.shape[1:] == (geometry.height, geometry.width, geometry.channels):
        return pixels.transpose(0, 3, 1, 2) if geometry.channels > 1 else pixels.reshape(len(pixels), *geometry.shape)
    out = np.empty((len(pixels), *geometry.shape), np.uint8)

    def block(start: int, stop: int) -> None:
        for row in range(start, stop):
            out[row] = conform_array(pixels[row], geometry)

    for _ in in_blocks(len(pixels), 256, block):
        pass
    return out


def pixel_hash(pixels: np.ndarray) -> int:
    """64-bit hash of one picture's pixels, never 0; equal bits, equal hash."""
    return int.from_bytes(blake2b(np.ascontiguousarray(pixels).data, digest_size=8).digest(), "little") or 1


def _decoded(pile: Pile, row: int, geometry: Geometry) -> np.ndarray | None:
    try:
        return decode(pile.read(row), geometry)
    except UnusableError:
        return None


def _in_memory(pile: Pile, headers: pl.DataFrame, geometry: Geometry) -> Pictures:
    pixels = np.zeros((len(pile), *geometry.shape), np.uint8)
    hashes, problems = np.zeros(len(pile), np.uint64), _known_problems(headers)
    for found in in_blocks(len(pile), 4, lambda a, b: _block(pile, headers, pixels[a:b], hashes, a)):
        problems |= found
    return Pictures(pixels, hashes, problems)


def _fill(place: Path, pile: Pile, headers: pl.DataFrame, geometry: Geometry) -> None:
    """Decode all pictures into the files of a cache entry.

    Written with `pwrite`, not through a memory map: a full disk is then an error and not the end of the process.
    """
    stride = int(np.prod(geometry.shape))
    hashes, problems = np.zeros(len(pile), np.uint64), _known_problems(headers)
    handle = os.open(place / "pixels.raw", os.O_RDWR | os.O_CREAT, 0o644)

    def block(start: int, stop: int) -> dict[int, tuple[str, str]]:
        pixels = np.zeros((stop - start, *geometry.shape), np.uint8)
        found = _block(pile, headers, pixels, hashes, start)
        _write(handle, pixels, start * stride)
        return found

    try:
        for found in in_blocks(len(pile), max(1, min(256, _BLOCK_BYTES // stride)), block):
            problems |= found
    finally:
        os.close(handle)
    np.save(place / "hashes.npy", hashes)
    (place / "problems.json").write_text(json.dumps({str(row): problem for row, problem in sorted(problems.items())}))


def _write(handle: int, pixels: np.ndarray, offset: int) -> None:
    view = pixels.data.cast("B")
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written


def _block(pile: Pile, headers: pl.DataFrame, pixels: np.ndarray, hashes: np.ndarray, start: int) -> dict[int, tuple[str, str]]:
    """Decode rows `start …` into `pixels`, set their hashes and return what went wrong."""
    geometry = Geometry(*pixels.shape[1:])
    about = headers[start : start + len(pixels)]
    found: dict[int, tuple[str, str]] = {}
    for i, (problem, digest) in enumerate(zip(about["problem"], about["digest"], strict=True)):
        if problem:
            continue
        try:
            pixels[i] = decode(_unchanged(pile, start + i, digest), geometry)
            hashes[start + i] = pixel_hash(pixels[i])
        except UnusableError as error:
            found[start + i] = (error.code, error.detail)
    return found


def _unchanged(pile: Pile, row: int, digest: str) -> bytes:
    blob = pile.read(row)
    if file_digest(blob) != digest:
        raise DataError(
            "the file changed while it was read", where=pile.name(row), remedy="Start again when nothing writes to it."
        )
    return blob


def _known_problems(headers: pl.DataFrame) -> dict[int, tuple[str, str]]:
    bad = headers.with_row_index("row").filter(pl.col("problem") != "")
    return {row: (code, detail) for row, code, detail in bad.select("row", "problem", "detail").iter_rows()}


def _opened(folder: Path, n: int, geometry: Geometry) -> Pictures:
    pixels = np.memmap(folder / "pixels.raw", np.uint8, mode="c", shape=(n, *geometry.shape))  # copy on write: the file stays
    problems = json.loads((folder / "problems.json").read_text())
    return Pictures(
        pixels, np.load(folder / "hashes.npy"), {int(row): (code, detail) for row, (code, detail) in problems.items()}
    )
