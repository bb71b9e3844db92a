"""A digest of the content of a source: the same for the same cells, in every process and on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

import numpy as np
import polars as pl

from trainwell.core.recipe import Recipe
from trainwell.data.kinds.words import as_cells
from trainwell.data.pack import content
from trainwell.data.source import Source
from trainwell.data.stored import Stored

_BLOCK = 1 << 22
#: Bytes of a text from where texts are hashed one by one.
LONG = 1 << 16


def fingerprint_of(source: Source, recipe: Recipe) -> str:
    """Hex digest of the cells, arrays and parts of `source`, and of what `recipe` says about data."""
    with ThreadPoolExecutor(1 if isinstance(source.frame, Stored) else 4) as pool:
        digests = list(pool.map(lambda name: _column(source.frame[name]), source.frame.columns))
        digests += list(pool.map(_array, source.arrays.values()))
    digest = blake2b(digest_size=16)
    names = [*source.frame.columns, *source.arrays]
    digest.update(repr((names, about_data(recipe))).encode())
    for part in digests:
        digest.update(part)
    if source.given is not None:
        digest.update(_column(source.given))
    if source.parts is not None:
        digest.update("\0".join(source.parts.astype(str)).encode())
    return digest.hexdigest()


def about_data(recipe: Recipe) -> str:
    """The recipe's words about data, as JSON."""
    return recipe.model_dump_json(include={"target", "task", "columns", "split", "prepare", "series"})


def _column(series: pl.Series) -> bytes:
    digest = blake2b(str(series.dtype).encode(), digest_size=16)
    digest.update(np.packbits(series.is_null().to_numpy()).tobytes())
    for part in _content(series):
        digest.update(part)
    return digest.digest()


def _content(series: pl.Series) -> Iterator[bytes | memoryview]:
    """The cells of a column as bytes; lengths of texts are part of it, so that no two columns look alike."""
    kind = series.dtype
    if kind == pl.Binary:
        for cell in series:
            blob = content(cell or b"")
            yield len(blob).to_bytes(8, "little") + blob
        return
    if kind.is_float() or kind.is_integer() or kind.is_temporal() or kind.is_nested():
        yield _plain(series)
        return
    if series.dtype == pl.Object:
        yield repr(series.to_list()).encode()
        return
    texts = series if series.dtype == pl.String else series.cast(pl.String)
    texts = texts.fill_null("") if texts.null_count() else texts
    lengths = texts.str.len_bytes().to_numpy()
    yield lengths.tobytes()
    if lengths.sum() > LONG * len(texts):  # books, which are not copied once more beside each other
        yield from (text.encode() for text in texts)
    else:
        yield (texts.str.join("").item() or "").encode()


def _plain(series: pl.Series) -> bytes | memoryview:
    if series.dtype.is_float() or series.dtype.is_integer():
        series = as_cells(series)
        return np.ascontiguousarray(series.fill_null(0).to_numpy()).data
    if series.dtype.is_temporal():
        return np.ascontiguousarray(series.to_physical().fill_null(0).to_numpy()).data
    return repr(series.to_list()).encode()


def _array(array: np.ndarray) -> bytes:
    digest = blake2b(f"{array.dtype}{array.shape}".encode(), digest_size=16)
    for start in range(0, len(array), step := max(1, _BLOCK // max(1, array[:1].nbytes))):
        digest.update(np.ascontiguousarray(array[start : start + step]).data)
    return digest.digest()


#: Rows of arrays that name a part; its frame is hashed whole.
ARRAY_ROWS = 1000


def rows_digest(source: Source, rows: np.ndarray) -> str:
    """Hex digest of the content of some rows, whatever file they came from and however they are prepared.

    Example:
        >>> import polars as pl
        >>> whole = Source(pl.DataFrame({"x": [1, 2, 3], "y": [0, 1, 0]}), "")
        >>> half = Source(pl.DataFrame({"y": [1, 0], "x": [2, 3]}), "")
        >>> rows_digest(whole, np.array([1, 2])) == rows_digest(half, np.array([0, 1]))
        True
    """
    digest = blake2b(digest_size=16)
    for name in sorted(source.frame.columns):
        digest.update(name.encode() + _column(source.frame[name].gather(rows)))
    for name in sorted(source.arrays):
        digest.update(name.encode() + _array(source.arrays[name][rows[:ARRAY_ROWS]]))
    return digest.hexdigest()
