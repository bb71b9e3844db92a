"""Encoded columns side by side, as the inputs of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainwell.core.shape import Input, Shape
from trainwell.data.kinds import text
from trainwell.data.kinds.kind import Kind
from trainwell.data.kinds.known import KINDS


@dataclass(frozen=True)
class Fitted:
    """One column as it is read and encoded."""

    name: str
    kind: str
    form: Mapping[str, Any]
    state: Any

    @property
    def does(self) -> Kind:
        return KINDS[self.kind]

    @property
    def input(self) -> str:
        return self.does.INPUT


def gather_inputs(columns: tuple[Fitted, ...], encoded: list[np.ndarray], n: int) -> dict[str, np.ndarray]:
    """The encoded columns side by side: "number" (n, F) float32, "category" (n, C) int32, others by themselves."""
    blocks: dict[str, list[np.ndarray]] = {"number": [], "category": []}
    names, whole = whole_names(columns), dict[str, np.ndarray]()
    for column, array in zip(columns, encoded, strict=True):
        if column.input in ("picture", "series"):
            whole[names[column.name]] = array
        elif column.input == "text":
            whole |= text_arrays(columns, column, array)
        else:
            blocks[column.input].append(array if array.ndim == 2 else array[:, None])
    sided = {name: side_by_side(arrays, n) for name, arrays in blocks.items() if arrays}
    return sided | whole


def side_by_side(arrays: list[np.ndarray], n: int, block: int = 8_192) -> np.ndarray:
    """Columns (n, f) as one C-ordered array, filled in blocks of rows that stay in the cache."""
    out = np.empty((n, sum(a.shape[1] for a in arrays)), arrays[0].dtype)
    for start in range(0, n, block):
        np.concatenate([a[start : start + block] for a in arrays], axis=1, out=out[start : start + block])
    return out


def whole_names(columns: tuple[Fitted, ...]) -> dict[str, str]:
    """Input names of the columns of pictures and series: "picture" or "series" for the only one, else the column's own name."""
    found: dict[str, str] = {}
    for kind in ("picture", "series"):
        names = [column.name for column in columns if column.input == kind]
        found |= {names[0]: kind} if len(names) == 1 else {name: name for name in names}
    return found


def text_arrays(columns: tuple[Fitted, ...], column: Fitted, encoded: np.ndarray) -> dict[str, np.ndarray]:
    """The encoded text column `(N, L)` by input name, one for each way in which it is cut."""
    return {
        name: part for name, (_, part) in zip(text_names(columns)[column.name], text.split(column.state, encoded), strict=True)
    }


def text_names(columns: tuple[Fitted, ...]) -> dict[str, list[str]]:
    """Input names of the text columns: "text", or the column's own name of several; a further way is `text.characters`."""
    texts = [column for column in columns if column.input == "text"]
    heads = {column.name: "text" if len(texts) == 1 else column.name for column in texts}
    return {
        column.name: [heads[column.name] + (f".{level.how}" if place else "") for place, level in enumerate(column.state.cuts)]
        for column in texts
    }


def shape_of(columns: tuple[Fitted, ...], tensors: Mapping[str, np.ndarray]) -> Shape:
    """The inputs in the network's forward order: numbers, categories, pictures, series, texts, tensors."""
    cells = (*_number_input(columns), *_category_input(columns))
    return Shape(
        (*cells, *_picture_inputs(columns), *_series_inputs(columns), *_text_inputs(columns), *_tensor_inputs(tensors))
    )


def _number_input(columns: tuple[Fitted, ...]) -> Iterator[Input]:
    names = tuple(f for c in columns if c.input == "number" for f in c.does.features(c.state, c.name))
    if names:
        yield Input("number", "number", (len(names),), columns=names)


def _category_input(columns: tuple[Fitted, ...]) -> Iterator[Input]:
    used = [c for c in columns if c.input == "category"]
    if used:
        sizes = tuple(with_room(c.state.cardinality) for c in used)
        yield Input("category", "category", (len(used),), sizes, tuple(c.name for c in used))


def with_room(codes: int) -> int:
    """This number of codes or a few more: the next of 4, 8, 12, 16, 24, 32, 48, 64, 80, 96, ….

    Folds and bags of one table see a rare label more or less. With room for it their networks have one shape, and networks of
    one shape train as one program. Codes that no row has cost next to nothing: their weights stay as they began, or decay.

    Example:
        >>> [with_room(codes) for codes in (1, 3, 8, 9, 37, 42, 1000)]
        [4, 4, 8, 12, 48, 48, 1024]
    """
    step = max(4, 1 << max(0, (codes - 1).bit_length() - (2 if codes <= 64 else 3)))
    return -(-codes // step) * step


def _picture_inputs(columns: tuple[Fitted, ...]) -> Iterator[Input]:
    names = whole_names(columns)
    for column in columns:
        if column.input == "picture":
            yield Input(names[column.name], "picture", column.state.geometry.shape, columns=(column.name,))


def _series_inputs(columns: tuple[Fitted, ...]) -> Iterator[Input]:
    names = whole_names(columns)
    for column in columns:
        if column.input == "series":
            yield Input(names[column.name], "series", column.state.shape, columns=(column.name,))


def _text_inputs(columns: tuple[Fitted, ...]) -> Iterator[Input]:
    names = text_names(columns)
    for column in [c for c in columns if c.input == "text"]:
        for name, level in zip(names[column.name], column.state.cuts, strict=True):
            yield Input(name, "text", (level.length,), (level.size,), (column.name,), "int32", tokens=level.how)


def _tensor_inputs(tensors: Mapping[str, np.ndarray]) -> Iterator[Input]:
    for name, array in tensors.items():
        yield Input(name, "tensor", array.shape[1:], dtype=array.dtype.name)
