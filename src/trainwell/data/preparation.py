"""How raw rows become network inputs: fitted once on train rows, saved with the weights, the same when serving.

On disk it is `preparation.json` and `preparation.safetensors`: values and arrays, no code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import save as save_tensors

from trainwell.core.errors import DataError, did_you_mean
from trainwell.core.shape import Input, Shape
from trainwell.data import preparation_file
from trainwell.data.forecast.last_windows import ends_of
from trainwell.data.forecast.state import Forecast
from trainwell.data.gather_series import gathered
from trainwell.data.inputs import Fitted, gather_inputs, text_arrays, whole_names
from trainwell.data.kinds.kind import Raw, Rule
from trainwell.data.kinds.words import as_cells, cell_text
from trainwell.data.language.state import Language
from trainwell.data.source import Gather, Source
from trainwell.data.target import Target

#: (row, column, sentence); row -1 is about the whole column.
Problem = tuple[int, str, str]


@dataclass(frozen=True)
class Encoded:
    """Network inputs by name, and what was odd about the rows they came from."""

    arrays: dict[str, np.ndarray]
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Preparation:
    """The fitted columns, the inputs they make, and the target.

    Args:
        columns: the columns used, in the order of the source.
        shape: the network's inputs: numbers, categories, pictures, tensors.
        target: classes, or centre and spread of the target columns.
        base: the folder that picture paths are relative to while training.
        forecast: what windows of series need to know, where a forecast is made; there are no `columns` then.
        gather: how whole series lie in a table, where they do.
        language: how running text is cut, where a network tells its next token; there are no `columns` then.
    """

    columns: tuple[Fitted, ...]
    shape: Shape
    target: Target
    base: str = ""
    forecast: Forecast | None = None
    gather: Gather | None = None
    language: Language | None = None

    def encode(self, frame: pl.DataFrame | Source) -> Encoded:
        """Raw rows as network inputs, finite whatever the cells hold.

        Columns are found by name, in any order; others are left alone. An absent column counts as empty. Cells that cannot be
        read count as empty, labels that training never showed get the code 0; each is named in `problems`.

        Raises:
            DataError: not one of the trained columns is there, a tensor or picture input is missing, or it is running text.
        """
        self.demand_rows()
        source = frame if isinstance(frame, Source) else Source(frame, "")
        if self.forecast is not None:
            ends = ends_of(source, self.forecast)
            return Encoded(ends.arrays, ends.problems)
        source = gathered(source, self.gather) if self.gather is not None else source
        n, problems = len(source), list[Problem]()
        if self.columns and not any(c.name in source.frame.columns or c.name in source.arrays for c in self.columns):
            known = ", ".join(c.name for c in self.columns[:10])
            raise DataError("none of the columns used in training is there", where=source.origin, remedy=f"Expected {known}.")
        encoded = [self._column(column, source, n, problems) for column in self.columns]
        arrays = gather_inputs(self.columns, encoded, n) | {t.name: _tensor(source, t) for t in self._tensors}
        return Encoded(arrays, sorted(problems, key=lambda problem: problem[0]))

    def demand_rows(self) -> None:
        """Refuse what asks for answers to rows where there are none.

        Raises:
            DataError: of running text.
        """
        if self.language is not None:
            remedy = "Use trainwell generate, or tw.generate."
            raise DataError("a language model continues a text, it answers no rows", remedy=remedy)

    def _column(self, column: Fitted, source: Source, n: int, problems: list[Problem]) -> np.ndarray:
        there = column.name in source.frame.columns or column.name in source.arrays
        if column.kind in ("picture", "series") and not there:
            problems.append(_absent(column, source))
            return np.zeros((n, *column.state.shape), np.uint8 if column.kind == "picture" else np.float32)
        raw = self._raw(column, source, n, problems)
        cleaned = column.does.clean(raw, column.form, Rule())
        problems += [(int(row), column.name, _unreadable(raw, int(row), column.kind)) for row in cleaned.unreadable]
        problems += [(row, column.name, sentence) for row, sentence in column.does.unusual(column.state, cleaned)]
        return column.does.encode(column.state, cleaned)

    def _raw(self, column: Fitted, source: Source, n: int, problems: list[Problem]) -> Raw:
        rows, name = np.arange(n), column.name
        if name in source.arrays:
            array = source.arrays[name]
            return Raw(name, array[:, None] if column.kind == "series" and array.ndim == 2 else array, rows, source.base)
        if name in source.frame.columns:
            return Raw(name, _as_scalars(source.frame[name], column.kind), rows, source.base, dict(source.words))
        problems.append(_absent(column, source))
        return Raw(name, pl.Series(name, [None] * n, dtype=pl.String), rows)

    def encode_row(self, row: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """One raw row as inputs of batch size 1: the same bits as `encode`, without building a frame.

        A cell that is not plain (a number written as text, a new spelling) takes the long way through `encode`.
        """
        numbers: list[float] = []
        for name, cell in self._number_cells:
            part = cell(row.get(name))
            if part is None:
                return self._encode_row_slowly(row)
            numbers += part
        codes: list[int] = []
        for name, look_up in self._category_cells:
            code = look_up(row.get(name))
            if code is None:
                return self._encode_row_slowly(row)
            codes.append(code)
        arrays = {}
        if numbers:
            arrays["number"] = np.array([numbers], np.float32)
        if codes:
            arrays["category"] = np.array([codes], np.int32)
        return arrays if self._only_cells else self._other_inputs(row, arrays)

    def _other_inputs(self, row: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        for column in self.columns:
            if column.input == "text":
                arrays |= text_arrays(self.columns, column, self._text_cells[column.name](row.get(column.name))[None])
            elif column.input in ("picture", "series"):
                arrays[self._whole_names[column.name]] = self._whole(column, row.get(column.name))[None]
        return arrays | {t.name: _one_tensor(row, t) for t in self._tensors}

    def _whole(self, column: Fitted, cell: Any) -> np.ndarray:
        """One picture or series; zeros where the row has none and other columns speak for it."""
        read = column.does.encode_cell(column.state)
        found = read(cell) if read is not None and cell is not None else None
        if found is None and cell is None and len(self.columns) > 1:
            return np.zeros(column.state.shape, np.uint8 if column.kind == "picture" else np.float32)
        if found is None:
            raise DataError(f"the {column.input} {cell!r:.80} cannot be read", where=f"column {column.name!r}")
        return np.asarray(found)

    def _encode_row_slowly(self, row: Mapping[str, Any]) -> dict[str, np.ndarray]:
        columns = tuple(c for c in self.columns if c.input in ("number", "category"))
        frame = pl.DataFrame([_cell_series(c.name, row.get(c.name)) for c in columns])
        return self._other_inputs(row, replace(self, columns=columns, shape=Shape(())).encode(frame).arrays)

    @cached_property
    def _number_cells(self) -> list[tuple[str, Callable[[Any], list[float] | None]]]:
        return [(c.name, _cell(c)) for c in self.columns if c.input == "number"]

    @cached_property
    def _category_cells(self) -> list[tuple[str, Callable[[Any], int | None]]]:
        return [(c.name, _cell(c)) for c in self.columns if c.input == "category"]

    @cached_property
    def _text_cells(self) -> dict[str, Callable[[Any], np.ndarray]]:
        return {c.name: _cell(c) for c in self.columns if c.input == "text"}

    @cached_property
    def _only_cells(self) -> bool:
        return all(i.kind in ("number", "category") for i in self.shape.inputs)

    @cached_property
    def _whole_names(self) -> dict[str, str]:
        return whole_names(self.columns)

    def texts(self) -> list[tuple[int, tuple[str, ...]]]:
        """Where each text stands among the inputs, and its tokens by code; none for subwords."""
        levels = [level for column in self.columns if column.input == "text" for level in column.state.cuts]
        return [(place, level.tokens) for place, level in zip(self.shape.texts, levels, strict=True)]

    @property
    def _tensors(self) -> tuple[Input, ...]:
        return tuple(i for i in self.shape.inputs if i.kind == "tensor")

    def encode_target(self, cells: pl.Series | pl.DataFrame) -> np.ndarray:
        """Raw target cells as trained on: codes (N,) int64, -1 for an unknown label; or scaled numbers (N, T) float32."""
        frame = cells if isinstance(cells, pl.DataFrame) else cells.alias(self.target.names[0]).to_frame()
        return self.target.scaled(self.target.read(frame))

    def decode_target(self, values: np.ndarray) -> np.ndarray:
        """Codes (N,) to labels, or scaled numbers (N, T) to the target's own unit."""
        return self.target.decode(values)

    def decode_values(self, values: np.ndarray) -> np.ndarray:
        """Scaled numbers (N, T) to the target's own unit, float64."""
        return self.target.decode(values)

    @property
    def classes(self) -> tuple[str, ...] | None:
        return self.target.classes

    def digest(self) -> str:
        """Hex digest of everything fitted; equal digests encode alike."""
        header, tensors = self._plain()
        return sha256(json.dumps(header, sort_keys=True).encode() + save_tensors(tensors)).hexdigest()

    def save(self, folder: str | Path) -> None:
        """Write `preparation.json` and `preparation.safetensors` into `folder`, which is made if needed."""
        preparation_file.write(Path(folder), *self._plain())

    def documents(self) -> dict[str, bytes]:
        """The files that `save` writes, by name."""
        return preparation_file.documents(*self._plain())

    def to_bytes(self) -> tuple[bytes, bytes]:
        """The content of the two files that `save` writes."""
        return preparation_file.as_bytes(*self._plain())

    def _plain(self) -> preparation_file.Plain:
        return preparation_file.to_plain(
            self.columns, self.shape, self.target, self.base, self.forecast, self.gather, self.language
        )

    @classmethod
    def load(cls, folder: str | Path) -> Preparation:
        """Read what `save` wrote.

        Raises:
            CheckpointError: a file is missing, damaged, or written by another version.
        """
        return cls(*preparation_file.read(Path(folder)))


def _absent(column: Fitted, source: Source) -> Problem:
    hint = did_you_mean(column.name, source.frame.columns)
    hint = f" {hint}" if hint.startswith("Did") else ""
    return -1, column.name, f"the column is missing; every cell was treated as empty.{hint}"


def _cell(column: Fitted) -> Callable[[Any], Any]:
    return column.does.encode_cell(column.state) or (lambda _: None)


def _cell_series(name: str, cell: Any) -> pl.Series:
    try:
        return pl.Series(name, [cell], strict=False)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        return pl.Series(name, [cell_text(cell)])


def _as_scalars(series: pl.Series, kind: str) -> pl.Series:
    """Lists, structures and objects as their text, which the column's kind will then name as unreadable."""
    whole = kind in ("picture", "series")
    if kind == "picture" and series.dtype == pl.Null:
        return series.cast(pl.String)
    if whole or not (series.dtype.is_nested() or series.dtype == pl.Binary):
        return series if whole else as_cells(series)
    return pl.Series(series.name, [cell_text(cell) for cell in series.to_list()], dtype=pl.String)


def _unreadable(raw: Raw, row: int, kind: str) -> str:
    if kind == "picture" or not isinstance(raw.values, pl.Series):
        return "the picture cannot be read"
    return f"{raw.words.texts[int(raw.words.codes[row])]!r} cannot be read as a {kind}; treated as empty"


def _tensor(source: Source, described: Input) -> np.ndarray:
    if described.name not in source.arrays:
        raise DataError(f"the input {described.name!r} is missing", where=source.origin, remedy="Give it as an array.")
    array = source.arrays[described.name]
    if array.shape[1:] != described.shape:
        raise DataError(f"input {described.name!r} has rows of shape {array.shape[1:]}, trained with {described.shape}")
    return array


def _one_tensor(row: Mapping[str, Any], described: Input) -> np.ndarray:
    array = np.asarray(row[described.name])[None]
    return array.astype(np.float32) if array.dtype.kind == "f" else array
