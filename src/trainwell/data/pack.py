"""Files that lie in the cells of a table larger than memory, as one file in the cache; a cell then says where its bytes are."""

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
_CELL = re.compile(r"packed:([0-9a-f]{40}):(\d+)\+(\d+)")


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
    return places.select(pl.when(pl.col("length") >= 0).then(named)).to_series()


def _fill(place: Path, blocks: Iterable[pl.Series]) -> None:
    lengths: list[int] = []
    with (place / _BYTES).open("wb") as file:
        for block in blocks:
            for cell in block:
                lengths.append(-1 if cell is None else file.write(cell))
    np.save(place / _LENGTHS, np.array(lengths, np.int64))


def is_packed(cell: str) -> bool:
    """Whether a text is a cell of a packed column.

    Example:
        >>> is_packed("packed:" + "0" * 40 + ":5+7"), is_packed("packed/5.png")
        (True, False)
    """
    return _CELL.fullmatch(cell) is not None


def packed_column(column: pl.Series) -> bool:
    """Whether the cells of a column say where their bytes are."""
    first = column.drop_nulls().head(1).to_list() if column.dtype == pl.String else []
    return bool(first) and is_packed(first[0])


def holds_files(column: pl.Series) -> bool:
    """Whether the cells of a column are whole files, here or in a pack: nothing to show as text."""
    return column.dtype == pl.Binary or packed_column(column)


def read_packed(cell: str) -> bytes:
    """The bytes of which a cell says the place.

    Raises:
        DataError: the cache has lost them.
    """
    found = _CELL.fullmatch(cell)
    assert found is not None, "see is_packed"
    key, start, length = found.groups()
    path = cache.place_of(key) / _BYTES
    blob = b""
    with suppress(OSError):
        blob = os.pread(_opened(str(path)), int(length), int(start))
    if len(blob) < int(length):
        raise DataError("pictures are no longer in the cache", where=str(path), remedy="Load the data anew.")
    return blob


@lru_cache(maxsize=16)
def _opened(path: str) -> int:
    """A file that stays open, as its pictures are read one by one, by several threads."""
    return os.open(path, os.O_RDONLY)
