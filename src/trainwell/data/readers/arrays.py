"""NumPy arrays and torch tensors: tables, pictures and tensors told apart by shape and dtype."""

from __future__ import annotations

import math
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.kinds.words import cell_text
from trainwell.data.readers import parts
from trainwell.data.readers.mask_arrays import masks_in
from trainwell.data.readers.memory import memory_limit
from trainwell.data.source import Source

CHANNELS = (1, 3, 4)
"""Grey, colour, colour with transparency."""

ROWS = 4_096
"""Pictures looked at together."""

DAMAGED = (
    ValueError, EOFError, OSError, MemoryError, RuntimeError, SyntaxError, zipfile.BadZipFile, zlib.error, tokenize.TokenError,
)  # fmt: skip
"""What NumPy raises for files that are cut off, changed or encrypted."""


def is_tensor(value: Any) -> bool:
    """Whether `value` is a torch tensor; never imports torch by itself.

    Example:
        >>> is_tensor(np.zeros(3))
        False
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def as_array(value: Any, what: str) -> np.ndarray:
    """`value` as a NumPy array without object cells; tensors are detached and moved to memory.

    Example:
        >>> as_array([1, 2], "the labels")
        array([1, 2])
    """
    if is_tensor(value):
        value = value.detach().cpu().numpy()
    try:
        array = value if isinstance(value, np.memmap) else np.asarray(value)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype == object:
        array = _from_objects(array, what)
    if not array.ndim:
        return array.reshape(1)
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def _from_objects(array: np.ndarray, what: str) -> np.ndarray:
    """Cells of numbers as the array of numbers that they are; a table with texts in it stays one of objects."""
    cells = array.ravel().tolist()
    if array.ndim <= 2 and cells and all(isinstance(cell, str | Real | None) for cell in cells):
        if any(isinstance(cell, str) for cell in cells) or all(cell is None for cell in cells):
            return array
        return np.array([math.nan if cell is None else cell for cell in cells]).reshape(array.shape)
    raise DataError(
        f"{what} has rows of different shapes, or cells that are neither numbers nor text",
        remedy="Give an array whose rows all have one shape.",
    )


def as_pictures(array: np.ndarray) -> np.ndarray | None:
    """`array` as pictures `(N, H, W, C)` uint8, or None if its shape and values say it holds none.

    Taken as pictures: uint8 of 3 or 4 axes, and 4-axis floats with 1, 3 or 4 channels whose values are exactly k/255 or k, as
    picture libraries produce them; nothing is rounded away. Channels may come first, as torch has them.

    Example:
        >>> as_pictures(np.zeros((5, 3, 32, 32), np.uint8)).shape
        (5, 32, 32, 3)
        >>> as_pictures(np.full((5, 8, 8, 1), 0.1234)) is None
        True
    """
    if array.dtype == np.uint8 and array.ndim == 3:
        return array[..., None]
    if array.ndim != 4 or not array.size:
        return None
    if array.shape[-1] not in CHANNELS:
        if array.shape[1] not in CHANNELS:
            return None
        array = array.transpose(0, 2, 3, 1)
    return array if array.dtype == np.uint8 else _as_bytes(array)


def _as_bytes(array: np.ndarray) -> np.ndarray | None:
    """Float or wide integer pictures as uint8 where that loses nothing; some thousand at a time, to save memory."""
    if isinstance(array, np.memmap) or array.dtype.kind not in "iuf":
        return None
    scale = 255.0 if array.dtype.kind == "f" and array.max() <= 1.0 else 1.0
    pictures = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), ROWS):
        scaled = array[start : start + ROWS] * scale
        whole = np.rint(scaled)
        if not (scaled.min() >= 0 and scaled.max() <= 255 and np.abs(scaled - whole).max() < 2e-3):
            return None
        pictures[start : start + ROWS] = whole
    return pictures


def read_array(value: Any, origin: str = "array") -> Source:
    """A `Source` from one array without a target: 2-D is a table with columns `x0…`, pictures and tensors go to `arrays`.

    Example:
        >>> read_array(np.eye(2)).frame.columns
        ['x0', 'x1']
    """
    array = as_array(value, "the array")
    _demand_rows(array, origin)
    source = Source(pl.DataFrame(), origin)
    _put_inputs(source, array, "")
    return source


def read_pair(inputs: Any, target: Any, origin: str = "(X, y)") -> Source:
    """A `Source` from inputs and targets; inputs may be a tuple or a mapping of arrays.

    Example:
        >>> source = read_pair(np.eye(2), [0, 1])
        >>> source.frame.columns, source.target
        (['x0', 'x1', 'target'], 'target')
    """
    source = Source(pl.DataFrame(), origin)
    for name, value in _named_inputs(inputs).items():
        array = as_array(value, f"input {name}" if name else "X")
        _demand_rows(array, origin)
        _put_inputs(source, array, name)
    put_target(source, as_array(target, "y"))
    return source


def _named_inputs(inputs: Any) -> dict[str, Any]:
    if isinstance(inputs, Mapping):
        return dict(inputs)
    if isinstance(inputs, tuple):
        return {f"input{i}": value for i, value in enumerate(inputs)}
    return {"": inputs}


def _demand_rows(array: np.ndarray, origin: str) -> None:
    if not len(array) or not array.size:
        raise DataError(f"the array has the shape {array.shape}: no rows", where=origin, remedy="Give at least one example.")
    if array.dtype.kind == "c":
        raise DataError("the array holds complex numbers", where=origin, remedy="Give real and imaginary parts as two columns.")


def _put_inputs(source: Source, array: np.ndarray, name: str) -> None:
    """Add one input: a table's columns, pictures, or a tensor."""
    pictures = as_pictures(array)
    if pictures is not None:
        put_pictures(source, pictures, array, name or "picture")
    elif array.ndim <= 2 and not isinstance(array, np.memmap):
        table = array.reshape(len(array), -1)
        columns = {f"{name or 'x'}{i if array.ndim == 2 or not name else ''}": table[:, i] for i in range(table.shape[1])}
        put_columns(source, pl.DataFrame({n: plain_column(c) for n, c in columns.items()}))
    else:
        source.arrays[name or "input"] = plain_tensor(array)


def put_columns(source: Source, table: pl.DataFrame) -> None:
    """Add the columns of `table` to the right of the frame."""
    source.frame = source.table.hstack(table) if source.table.width else table


def put_pictures(source: Source, pictures: np.ndarray, original: np.ndarray, name: str = "picture") -> None:
    """Add pictures `(N, H, W, C)` uint8 to `source`, and say what was changed about the original's layout."""
    source.arrays[name] = pictures
    source.kinds[name] = "picture"
    if original.dtype != np.uint8 or original.shape[1:3] != pictures.shape[1:3]:
        stored = f"stored as uint8 {pictures.shape[1:]}; no value changed"
        text = f"{original.dtype} pictures of shape {original.shape[1:]} were {stored}."
        source.checks.append(Check("layout", "PASS", text, name, len(pictures)))


def plain_column(values: np.ndarray) -> pl.Series:
    """One table column; half precision becomes single, short whole numbers int64, fixed-width text becomes text."""
    if values.dtype == object and all(isinstance(cell, Real) for cell in values if cell is not None):
        return pl.Series(values.tolist(), strict=False).fill_nan(None)
    if values.dtype.kind in "OUS":
        texts = [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell for cell in values.tolist()]
        return pl.Series([None if cell != cell else cell_text(cell) for cell in texts], dtype=pl.String)
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    elif values.dtype.kind in "iu" and values.dtype.itemsize < 8:
        values = values.astype(np.int64)
    return pl.Series(np.ascontiguousarray(values), nan_to_null=values.dtype.kind == "f")


def plain_tensor(array: np.ndarray) -> np.ndarray:
    """Whole numbers as int64, everything else as float32; a memory map stays one.

    Example:
        >>> plain_tensor(np.zeros((1, 2, 2), np.int16)).dtype
        dtype('int64')
    """
    wanted = np.int64 if array.dtype.kind in "iu" else np.float32
    if array.dtype.kind not in "iufb":
        raise DataError(f"the array holds {array.dtype} values", remedy="Give numbers.")
    return array if array.dtype == wanted else array.astype(wanted)


def put_target(source: Source, target: np.ndarray) -> None:
    """Add the target: "label" beside pictures, else "target"; one-hot rows become classes, several values several columns.

    A whole number for every pixel of the pictures is a "mask", see `masks_in`.
    """
    rows = len(source)
    if len(target) != rows:
        raise DataError(
            f"X has {rows:,} rows and y has {len(target):,}", where=source.origin, remedy="Give one y for each row."
        )
    masks = masks_in(source, target)
    if masks is not None:
        source.arrays["mask"], source.kinds["mask"], source.target = masks, "mask", "mask"
        return
    name = "label" if "picture" in source.kinds.values() else "target"
    flat = target.reshape(rows, -1)
    if is_one_hot(flat):
        source.checks.append(
            Check("one_hot", "PASS", f"One-hot targets of {flat.shape[1]} columns were read as classes.", name, rows)
        )
        flat, source.kinds[name] = flat.argmax(1)[:, None], "category"
    columns = [name] if flat.shape[1] == 1 else [f"{name}{i}" for i in range(flat.shape[1])]
    taken = [n for n in columns if n in source.frame.columns]
    if taken:
        raise DataError(f"X already has a column {taken[0]!r}", where=source.origin, remedy="Rename it.")
    put_columns(source, pl.DataFrame({n: plain_column(flat[:, i]) for i, n in enumerate(columns)}))
    if len(columns) == 1:
        source.target = name
    if name == "label" and len(columns) == 1 and flat.dtype.kind in "iubUSO":
        source.kinds[name] = "category"


def is_one_hot(table: np.ndarray) -> bool:
    """Whether every row of a `(N, K)` table is one 1 among zeros, with K at least 2.

    Example:
        >>> is_one_hot(np.eye(3)), is_one_hot(np.ones((3, 2)))
        (True, False)
    """
    if table.shape[1] < 2 or table.dtype.kind not in "iufb" or len(table) < 2:
        return False
    return bool(((table == 0) | (table == 1)).all() and (table.sum(1) == 1).all())


NPZ_PARTS = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels"), ("X_train", "y_train"), ("x", "y"), ("X", "y"),
              ("data", "target"), ("data", "labels"), ("images", "labels"), ("arr_0", "arr_1")),
    "valid": (("x_val", "y_val"), ("x_valid", "y_valid"), ("val_images", "val_labels"), ("X_val", "y_val"),
              ("X_valid", "y_valid")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels"), ("X_test", "y_test")),
}  # fmt: skip
"""Names under which archives in the wild keep inputs and targets of each part."""


def read_npy(path: Path) -> Source:
    """A `.npy` file, memory-mapped beyond a quarter of the memory; pickled cells are refused."""
    mapped: Literal["r"] | None = "r" if path.stat().st_size > memory_limit() else None
    try:
        array = np.load(path, mmap_mode=mapped, allow_pickle=False)
    except DAMAGED as error:
        raise DataError(f"the NumPy file cannot be read ({_reason(error)})", where=str(path), remedy=_RESAVE) from None
    return read_array(array, str(path))


_RESAVE = "Save it again with numpy.save or numpy.savez, without object arrays."


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


def read_npz(path: Path) -> Source:
    """A `.npz` archive: `x_train`/`y_train`/`x_test`…, `x`/`y`, or columns of equal length; pickled cells are refused.

    Raises:
        DataError: the archive is damaged, holds pickled objects, or its arrays have different lengths.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            held = {name: archive[name] for name in archive.files}
    except DAMAGED as error:
        raise DataError(f"the NumPy archive cannot be read ({_reason(error)})", where=str(path), remedy=_RESAVE) from None
    found = {part: _pair_of(held, names, str(path)) for part, names in NPZ_PARTS.items()}
    known = {part: source for part, source in found.items() if source is not None}
    if "train" in known:
        return parts.join(known)
    if len({len(a) if a.ndim else 0 for a in held.values()}) != 1:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in list(held.items())[:6])
        raise DataError(
            f"the arrays have different lengths: {shapes}", where=str(path), remedy="Name them x and y, or x_train, y_train…"
        )
    return _columns(held, str(path))


def _pair_of(held: dict[str, np.ndarray], names: tuple[tuple[str, str], ...], origin: str) -> Source | None:
    for x, y in names:
        if x in held and y in held:
            return read_pair(held[x], held[y], origin)
    return None


def _columns(held: dict[str, np.ndarray], origin: str) -> Source:
    source = Source(pl.DataFrame(), origin)
    for name, array in held.items():
        _demand_rows(array, origin)
        _put_inputs(source, array, name)
    return source
