"""Torch datasets made arrays: every item is read once, so that later epochs only index."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.readers import arrays, frames, parts
from trainwell.data.readers.memory import memory_limit, spill_folder
from trainwell.data.source import Source

TARGET = "target of the item"
"""Under this name the second half of an `(x, y)` item is collected; no key of a mapping is likely to be called so."""


def wrap(dataset: Any, test: Any = None, valid: Any = None) -> Source:
    """Any dataset of `(x, y)` items as arrays; `x` may be a tensor, an array, a PIL picture, or a tuple or mapping of these.

    Pictures (uint8, PIL, or floats that are exactly k/255) become `(N, H, W, C)` uint8, vectors a table, other tensors stay
    tensors. Arrays beyond a quarter of the memory go to a memory-mapped temporary file. Random transforms inside the dataset
    are drawn once only; the card says so when it sees them.

    Args:
        dataset: map-style (`len` and `[i]`), iterable, or a `DataLoader` (read batch by batch).
        test: a dataset that is the official test part.
        valid: a dataset that is the official validation part.

    Raises:
        DataError: no items, items of varying shape, or cells that are no numbers; the index of the item is named.

    Example:
        >>> source = wrap([(np.zeros(2), 0), (np.ones(2), 1)])
        >>> source.frame.columns, source.target
        (['x0', 'x1', 'target'], 'target')
    """
    given = {"train": dataset, "valid": valid, "test": test}
    return parts.join({part: _materialise(one) for part, one in given.items() if one is not None})


def is_dataset(value: Any) -> bool:
    """Whether `value` is a torch `Dataset` or `DataLoader`; never imports torch by itself.

    Example:
        >>> is_dataset([1])
        False
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.utils.data.Dataset | torch.utils.data.DataLoader)


def _materialise(dataset: Any) -> Source:
    origin = type(dataset).__name__
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(dataset, torch.utils.data.TensorDataset):
        *inputs, target = dataset.tensors
        if inputs:
            return arrays.read_pair(inputs[0] if len(inputs) == 1 else tuple(inputs), target, origin)
        return arrays.read_array(target, origin)
    columns: dict[str, Column] = {}
    count = 0
    for count, item in enumerate(_items(dataset, origin), 1):
        _add(columns, _named(item), count - 1, origin)
    if not count:
        raise DataError("the dataset has no items", where=origin, remedy="Give a dataset with at least one item.")
    source = _build({name: column.array() for name, column in columns.items()}, origin)
    if _is_random(dataset):
        text = "Reading the first item twice gave two results: random transforms in the dataset are frozen at one draw."
        source.checks.append(Check("random_items", "WARN", text, count=count, examples=("use augment= in the recipe instead",)))
    return source


def _items(dataset: Any, origin: str) -> Iterator[Any]:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(dataset, torch.utils.data.DataLoader):
        for batch in dataset:
            yield from _rows_of(batch)
    elif isinstance(dataset, Iterable) and not _is_map_style(dataset):
        yield from dataset
    else:
        for index in range(_length(dataset, origin)):
            yield _item(dataset, index, origin)


def _is_map_style(dataset: Any) -> bool:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(dataset, torch.utils.data.IterableDataset):
        return False
    return callable(getattr(dataset, "__len__", None)) and callable(getattr(dataset, "__getitem__", None))


def _length(dataset: Any, origin: str) -> int:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        raise DataError(
            "the dataset has no length", where=origin, remedy="Define __len__, or make it an IterableDataset."
        ) from None


def _item(dataset: Any, index: int, origin: str) -> Any:
    try:
        return dataset[index]
    except Exception as error:
        what = f"item {index} cannot be read: {type(error).__name__}: {error}"
        raise DataError(what, where=origin, remedy=f"Try dataset[{index}] alone.") from error


def _rows_of(batch: Any) -> Iterator[Any]:
    """The examples of one collated batch."""
    if isinstance(batch, Mapping):
        yield from ({k: v[i] for k, v in batch.items()} for i in range(len(next(iter(batch.values())))))
    elif isinstance(batch, tuple | list):
        yield from (tuple(part[i] for part in batch) for i in range(len(batch[-1])))
    else:
        yield from batch


def _named(item: Any) -> dict[str, Any]:
    """An item's parts by name: "x" or "input0"…, and the target; a mapping keeps its keys."""
    if isinstance(item, Mapping):
        return dict(item)
    if not isinstance(item, tuple | list) or len(item) < 2:
        return {"x": item[0] if isinstance(item, tuple | list) and len(item) == 1 else item}
    inputs = item[0] if len(item) == 2 else tuple(item[:-1])
    if isinstance(inputs, Mapping):
        return {**inputs, TARGET: item[-1]}
    if isinstance(inputs, tuple | list) and len(inputs) and not isinstance(inputs[0], int | float):
        return {**{f"input{i}": value for i, value in enumerate(inputs)}, TARGET: item[-1]}
    return {"x": inputs, TARGET: item[-1]}


def _add(columns: dict[str, Column], item: dict[str, Any], index: int, origin: str) -> None:
    if index == 0:
        columns.update((name, Column(name, origin)) for name in item)
    if item.keys() != columns.keys():
        what = f"item {index} has the parts {', '.join(item)}, item 0 has {', '.join(columns)}"
        raise DataError(what, where=origin, remedy="Give every item the same parts.")
    for name, value in item.items():
        columns[name].append(value, index)


class Column:
    """One part of every item, appended in memory first and on disk beyond a quarter of the memory.

    Example:
        >>> column = Column("x", "dataset")
        >>> column.append(np.ones(2), 0)
        >>> column.array().shape
        (1, 2)
    """

    def __init__(self, name: str, origin: str, limit: int | None = None) -> None:
        self.name, self.origin = name, origin
        self._limit = memory_limit() if limit is None else limit
        self._rows: list[np.ndarray] = []
        self._texts: list[str | None] = []
        self._bytes = self._count = 0
        self._file: Any = None
        self._shape: tuple[int, ...] = ()
        self._dtype = np.dtype(np.float32)

    def append(self, value: Any, index: int) -> None:
        """Add the value of item `index`; its shape and kind must be those of item 0."""
        if isinstance(value, str) or (value is None and self._texts):
            self._texts.append(value)
            return
        row = _as_row(value, self.name, index, self.origin)
        if not self._count:
            self._shape, self._dtype = row.shape, row.dtype
        if row.shape != self._shape:
            what = f"item {index} has {self.name} of shape {row.shape}, item 0 has {self._shape}"
            raise DataError(what, where=self.origin, remedy="Resize or pad so that all items have one shape.")
        if row.dtype != self._dtype:
            row = self._same_dtype(row, index)
        self._store(row)

    def _same_dtype(self, row: np.ndarray, index: int) -> np.ndarray:
        wider = np.promote_types(row.dtype, self._dtype)
        if wider != self._dtype and self._file is not None:
            what = f"item {index} has {self.name} of type {row.dtype}, earlier items {self._dtype}"
            raise DataError(what, where=self.origin, remedy="Give all items one dtype.")
        self._dtype = wider
        return row.astype(wider)

    def _store(self, row: np.ndarray) -> None:
        self._count += 1
        self._bytes += row.nbytes
        if self._file is None:
            self._rows.append(row)
            if self._bytes > self._limit:
                self._spill()
        else:
            self._file.write(np.ascontiguousarray(row).tobytes())

    def _spill(self) -> None:
        self._file = tempfile.TemporaryFile(dir=spill_folder(), prefix="trainwell-")  # noqa: SIM115 (lives as long as the map)
        for row in self._rows:
            self._file.write(np.ascontiguousarray(row, self._dtype).tobytes())
        self._rows = []

    def array(self) -> np.ndarray:
        """All values with the item as first axis; a memory map if they were spilled."""
        if self._texts:
            return np.array(self._texts, dtype=object)
        if self._file is None:
            return np.stack([row.astype(self._dtype, copy=False) for row in self._rows])
        with self._file as file:  # the map keeps the nameless file alive
            file.flush()
            return np.memmap(file, self._dtype, "r+", shape=(self._count, *self._shape))


def _as_row(value: Any, name: str, index: int, origin: str) -> np.ndarray:
    if arrays.is_tensor(value):
        return value.detach().cpu().numpy()
    image = sys.modules.get("PIL.Image")
    if image is not None and isinstance(value, image.Image):
        mode = "L" if value.mode in ("1", "L") else "RGBA" if value.mode in ("RGBA", "LA", "PA") else "RGB"
        value = np.asarray(value.convert(mode))
        return value[..., None] if value.ndim == 2 else value
    try:
        row = np.asarray(value)
    except ValueError:
        row = np.empty(0, dtype=object)
    if row.dtype.kind not in "biuf":
        what = f"item {index} has {name} of type {type(value).__name__}, which holds no plain numbers"
        raise DataError(what, where=origin, remedy="Return numbers, arrays, tensors, PIL pictures or text.")
    return row


def _build(held: dict[str, np.ndarray], origin: str) -> Source:
    """A `Source` from the collected columns; items that were mappings are rows without a declared target."""
    target = held.pop(TARGET, None)
    if target is None:
        return arrays.read_array(held["x"], origin) if list(held) == ["x"] else frames.read_columns(held, origin)
    source = arrays.read_pair(held["x"] if list(held) == ["x"] else held, target, origin)
    if source.target and target.dtype.kind in "iub" and target.ndim == 1:
        source.kinds[source.target] = "category"  # torch's convention: whole numbers are classes
    return source


def _is_random(dataset: Any) -> bool:
    """Whether a map-style dataset gives two results for its first item."""
    if isinstance(dataset, list | tuple) or not _is_map_style(dataset):
        return False
    first, again = (_named(_item(dataset, 0, type(dataset).__name__)) for _ in range(2))
    return any(not _equal(first[name], again[name]) for name in first.keys() & again.keys())


def _equal(one: Any, two: Any) -> bool:
    if isinstance(one, str) or one is None:
        return bool(one == two)
    a, b = (_as_row(v, "x", 0, "dataset") for v in (one, two))
    return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
