"""Plain requests read straight into columns: typed JSON, then each column encoded as a whole, with the bits of `encode`.

A body in which every row has every field, with a number where numbers belong and known labels, is nearly every body that comes.
It needs no dictionaries and no check of single cells. Any other body is None here and takes the way that says what is odd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from trainwell.data.inputs import Fitted
from trainwell.data.kinds import number as number_kind
from trainwell.data.kinds.kind import Cleaned
from trainwell.data.preparation import Preparation

#: One column of cells as the array that its kind encodes; None where a cell is not plain.
Read = Callable[[Sequence[Any]], np.ndarray | None]
#: What JSON may hold in a plain cell of a column.
_TYPES: dict[str, Any] = {"number": float | None, "boolean": str | bool | None, "category": str | None}
#: Rows that are encoded one by one, 10 µs each; more are faster as columns.
FEW = 4
_NUMBERS = frozenset({float, int, type(None)})
_WORDS = frozenset({str, type(None)})


@dataclass(frozen=True)
class Plain:
    """A request whose rows are all plain.

    Args:
        n: rows.
        arrays: inputs in the network's order.
        cells: by column: numbers as float64 with NaN for empty cells, others as they were sent.
    """

    n: int
    arrays: list[np.ndarray]
    cells: Mapping[str, Any]


class Columns:
    """Reads and encodes the plain rows of one network.

    Args:
        preparation: of the training; `of` says whether all its columns can be read so.
    """

    def __init__(self, preparation: Preparation) -> None:
        import msgspec

        self._preparation = preparation
        self._columns, self.names = preparation.columns, [column.name for column in preparation.columns]
        self._numbers = [place for place, column in enumerate(self._columns) if column.kind == "number"]
        self._words = {place: _words_of(column) for place, column in enumerate(self._columns) if column.kind != "number"}
        self._inputs, self._slots, self._widths = _laid_out(preparation)
        fields = [(f"c{place}", _TYPES[c.kind], msgspec.field(name=c.name)) for place, c in enumerate(self._columns)]
        row = msgspec.defstruct("Row", fields, gc=False)
        body = msgspec.defstruct("Body", [("rows", list[row])], gc=False, forbid_unknown_fields=True)  # type: ignore[valid-type]
        self._body = msgspec.json.Decoder(body)

    @staticmethod
    def of(preparation: Preparation) -> Columns | None:
        """For tables of numbers, labels and yes and no; None for anything else."""
        cells = all(i.kind in ("number", "category") for i in preparation.shape.inputs)
        plain = bool(preparation.columns) and all(column.kind in _TYPES for column in preparation.columns)
        return Columns(preparation) if cells and plain else None

    def read(self, body: bytes, most: int) -> Plain | None:
        """The rows of a body in JSON; None where they are not plain, or none, or more than `most`."""
        import msgspec

        try:
            rows = self._body.decode(body).rows  # type: ignore[attr-defined]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return self._encode(list(zip(*map(msgspec.structs.astuple, rows), strict=True))) if 0 < len(rows) <= most else None

    def of_rows(self, rows: Sequence[Mapping[str, Any]]) -> Plain | None:
        """Rows that are dictionaries."""
        try:
            cells = [list(map(itemgetter(name), rows)) for name in self.names]
        except KeyError:
            return None
        numbers = all(_NUMBERS.issuperset(map(type, cells[place])) for place in self._numbers)
        return self._encode(cells) if numbers else None

    def _encode(self, cells: Sequence[Sequence[Any]]) -> Plain | None:
        """Columns of cells, in the order of the preparation, all numbers of which are numbers; None where one is not plain."""
        n, told = len(cells[0]), dict(zip(self.names, cells, strict=True))
        numbers = np.array([cells[place] for place in self._numbers], np.float64)  # (F, n); None is NaN
        told |= {self.names[place]: row for place, row in zip(self._numbers, numbers, strict=True)}
        arrays = self._row_by_row(cells, n) if n <= FEW else self._by_column(cells, numbers)
        return None if arrays is None else Plain(n, [arrays[name] for name in self._preparation.shape.names], told)

    def _by_column(self, cells: Sequence[Sequence[Any]], numbers: np.ndarray) -> dict[str, np.ndarray] | None:
        arrays: dict[str, np.ndarray] = {
            name: np.empty((len(cells[0]), width), dtype) for name, (width, dtype) in self._widths.items()
        }
        for place, array in self._scaled(numbers):
            start, stop = self._slots[place]
            arrays["number"][:, start:stop] = array
        for place, read in self._words.items():
            found = read(cells[place])
            if found is None:
                return None
            start, stop = self._slots[place]
            arrays[self._inputs[place]][:, start:stop] = found
        return arrays

    def _scaled(self, numbers: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Each column of the numbers (F, n) as the network sees it, as `clean` and `encode` of its kind make it."""
        if np.fmax.reduce(np.abs(numbers), axis=None, initial=0.0) > number_kind.LARGEST:
            numbers = np.where(np.isinf(numbers), np.nan, numbers).clip(-number_kind.LARGEST, number_kind.LARGEST)
        for place, values, missing in zip(self._numbers, numbers, np.isnan(numbers), strict=True):
            column = self._columns[place]
            # No table of whole numbers is made, in which many rows would be looked up.
            yield place, number_kind.encode(column.state, Cleaned(values, missing, scratch={"whole": None}))

    def _row_by_row(self, cells: Sequence[Sequence[Any]], n: int) -> dict[str, np.ndarray] | None:
        if any(read(cells[place]) is None for place, read in self._words.items()):
            return None
        parts = [self._preparation.encode_row(dict(zip(self.names, row, strict=True))) for row in zip(*cells, strict=True)]
        return parts[0] if n == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _laid_out(preparation: Preparation) -> tuple[list[str], list[tuple[int, int]], dict[str, tuple[int, type]]]:
    """For each column the input that it joins and its places there, and the width and type of each input."""
    widths, inputs, slots = dict[str, int](), list[str](), list[tuple[int, int]]()
    for column in preparation.columns:
        start = widths.get(column.input, 0)
        widths[column.input] = start + len(column.does.features(column.state, column.name))
        inputs.append(column.input)
        slots.append((start, widths[column.input]))
    types = {"number": np.float32, "category": np.int32}
    return inputs, slots, {name: (width, types[name]) for name, width in widths.items()}


def _words_of(column: Fitted) -> Read:
    if column.kind == "boolean":
        cell = column.does.encode_cell(column.state)
        assert cell is not None
        return partial(_answers, cell)
    labels = enumerate(column.state.labels, start=1)
    return partial(_codes, {label: code for code, label in labels} | {None: column.state.missing})


def _codes(known: dict[Any, int], cells: Sequence[Any]) -> np.ndarray | None:
    """Codes of labels (n, 1); None where one is not known."""
    try:
        return np.fromiter(map(known.__getitem__, cells), np.int32, len(cells))[:, None]
    except (KeyError, TypeError):
        return None


def _answers(cell: Callable[[Any], list[float] | None], cells: Sequence[Any]) -> np.ndarray | None:
    """Yes and no as numbers (n, 1); each distinct word is read once, other types one by one: True and 1 are one key."""
    words = _WORDS.issuperset(map(type, cells))
    known = {word: cell(word) for word in set(cells)} if words else {}
    parts = [known[word] for word in cells] if words else [cell(value) for value in cells]
    return None if None in parts else np.array(parts, np.float32)
