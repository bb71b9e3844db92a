"""Files that lie in the cells of a table larger than memory, as one file in the cache; a cell then says where its bytes are.

Such a cell is of bytes, too (`packed:KEY:START+LENGTH`), so that its column is what it is in memory: one of files, not of text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data import cache

#: Part of the key; another number forgets what was unpacked before.
_VERSION = 1
_BYTES, _LENGTHS = "bytes.raw", "lengths.npy"
_CELL = re.compile(rb"packed:([0-9a-f]{40}):(\d+)\+(\d+)")


def pack(blocks: Iterable[pl.Series], identity: str, *, about: str) -> pl.Series:
    """The cells of a column of bytes as the places of these bytes in a file of the cache.

    Args:
        blocks: the column, some rows at a time; asked for only where the cache does not have it.
        identity: says which column of which files it is; another content must have another one.
        about: what `trainwell cache ls` says of it.

    Raises:
        DataError: the cache cannot be written, or the disk is full.
    """
    key = blake2b(f"packed {_VERSION} {identity}".encode(), digest_size=20).hexdigest()
    folder = cache.find(key) or cache.build(key, partial(_fill, blocks=blocks), about=about)
    lengths = pl.Series(np.load(folder / _LENGTHS))
    places = pl.DataFrame({"length": lengths, "start": lengths.clip(0).cum_sum() - lengths.clip(0)})
    named = pl.format(f"packed:{key}:{{}}+{{}}", "start", "length")
    return places.select(pl.when(pl.col("length") >= 0).then(named).cast(pl.Binary)).to_series()


def _fill(place: Path, blocks: Iterable[pl.Series]) -> None:
    lengths: list[int] = []
    with (place / _BYTES).open("wb") as file:
        for block in blocks:
            for cell in block:
                lengths.append(-1 if cell is None else file.write(cell))
    np.save(place / _LENGTHS, np.array(lengths, np.int64))


def is_packed(cell: bytes) -> bool:
    """Whether bytes are no file, but say where one is.

    Example:
        >>> is_packed(b"packed:" + b"0" * 40 + b":5+7"), is_packed(b"packed")
        (True, False)
    """
    return _CELL.fullmatch(cell) is not None


def content(cell: bytes) -> bytes:
    """The bytes of a file, which are the cell or lie where it says.

    Raises:
        DataError: the cache has lost them.
    """
    found = _CELL.fullmatch(cell)
    if found is None:
        return cell
    path, start, length = cache.place_of(found[1].decode()) / _BYTES, int(found[2]), int(found[3])
    try:
        file = _opened(path)  # held while it is read: others may make the cache forget it
        blob = os.pread(file.handle, length, start)
    except OSError as error:
        what, blob = error.strerror or str(error), b""
    else:
        what = "some are missing"
    if len(blob) < length:
        raise DataError(f"pictures cannot be read from the cache ({what})", where=str(path), remedy="Load the data anew.")
    return blob


class _Opened:
    """A file that stays open while several threads read from it picture by picture, and is closed when it is forgotten."""

    def __init__(self, path: Path) -> None:
        self.handle = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):  # it was never opened
            os.close(self.handle)


@lru_cache(maxsize=16)
def _opened(path: Path) -> _Opened:
    return _Opened(path)
