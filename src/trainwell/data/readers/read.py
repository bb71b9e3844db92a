"""One door for every source: a path, a name, a frame, arrays or a dataset becomes a `Source`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.named_sets import is_named, read_named
from trainwell.data.readers import arrays, frames, many_files, parts, remote, sql, torch_datasets
from trainwell.data.readers.files import read_copies, read_path, read_together
from trainwell.data.source import Source

Target = str | list[str] | None


def read(source: Any, *, target: Target = None, test: Any = None, valid: Any = None) -> Source:
    """Raw columns of anything that holds examples; nothing is fitted, every oddity becomes a `Check`.

    Args:
        source: a file, a folder, a pattern of files ("data/*.parquet"), a public set's name ("digits"), a pandas, Polars or
            Arrow frame, a mapping of columns, a NumPy array or an `(X, y)` pair, a torch `Dataset` or `DataLoader`, or a list
            of these whose rows follow each other.
        target: the column to predict, needed here only to name a column that the source itself leaves without a name.
        test: a second source whose rows are the official test part.
        valid: a second source whose rows are the official validation part.

    Returns:
        The rows of all parts in one `Source`; `parts` says which row belongs where.

    Raises:
        DataError: the source cannot be read; one sentence with the place and a remedy.
        MissingExtra: the format needs an extra that is not installed.

    Example:
        >>> source = read({"age": [39, 50], "income": ["<=50K", ">50K"]}, test={"income": [">50K"], "age": [28]})
        >>> source.frame["age"].to_list(), source.parts.tolist()
        ([39, 50, 28], ['train', 'train', 'test'])
    """
    given = {"train": _read_one(source, target)}
    for part, other in (("valid", valid), ("test", test)):
        if other is not None:
            given[part] = _read_one(other, target)
    return parts.join(given)


def _read_one(source: Any, target: Target) -> Source:
    if isinstance(source, Source):
        return source
    if isinstance(source, str | Path):
        return _read_place(source, target)
    library = _library(source)
    if isinstance(source, pl.DataFrame | pl.LazyFrame) or library in ("pandas", "pyarrow"):
        return frames.read_frame(source)
    if isinstance(source, Mapping):
        return frames.read_columns(source)
    if isinstance(source, np.ndarray) or arrays.is_tensor(source):
        return arrays.read_array(source)
    if isinstance(source, tuple):
        return _read_tuple(source)
    if isinstance(source, list):
        return _read_list(source, target)
    if torch_datasets.is_dataset(source) or isinstance(source, Iterable):
        return torch_datasets.wrap(source)
    raise DataError(
        f"nothing here reads a {type(source).__name__}",
        remedy="Give a path, a public set's name, a frame, a mapping of columns, an array, an (X, y) pair or a torch Dataset.",
    )


def _library(source: Any) -> str:
    return type(source).__module__.partition(".")[0]


def _read_place(place: str | Path, target: Target) -> Source:
    """A path where one exists; otherwise a public set, a folder of the data home, or all files that fit a pattern."""
    if isinstance(place, str) and sql.is_sql(place):
        return sql.read_sql(place)
    if isinstance(place, str) and remote.is_remote(place):
        return read_copies(remote.fetch(place), place, target)
    path = Path(place).expanduser()
    if not path.exists() and isinstance(place, str) and is_named(place):
        return read_named(place, target)
    if not path.exists() and many_files.is_pattern(str(place)):
        return read_together(many_files.files_of(str(place)), str(place), target)
    return read_path(path, target)


def _read_tuple(source: tuple[Any, ...]) -> Source:
    if len(source) != 2:
        raise DataError(
            f"a tuple of {len(source)} things was given as data, and only the pair (X, y) has a meaning",
            remedy="Give (X, y), or the other parts as test=(X, y) and valid=(X, y).",
        )
    inputs, target = source
    if isinstance(inputs, pl.DataFrame) or _library(inputs) in ("pandas", "pyarrow") or isinstance(inputs, Mapping):
        return frames.read_frame_pair(inputs, target)
    return arrays.read_pair(inputs, target)


def _read_list(source: list[Any], target: Target) -> Source:
    if not source:
        raise DataError("the list of data is empty", remedy="Give at least one row or one source.")
    if all(isinstance(row, Mapping) for row in source) and not any(_is_column(v) for v in source[0].values()):
        return frames.read_rows(source)
    if all(isinstance(row, int | float | list) for row in source):
        return arrays.read_array(arrays.as_array(source, "the list"))
    return parts.stack([_read_one(one, target) for one in source])


def _is_column(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray | pl.Series)
