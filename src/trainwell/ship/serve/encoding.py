"""Rows of a request as the inputs of a network, with the bits and the sentences of `Preparation.encode`.

Rows whose every cell is plain are encoded column by column, or one by one where there are pictures, which takes microseconds;
all others take the long way through a frame, which takes milliseconds and says what is odd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import TrainwellError
from trainwell.data.inputs import Fitted
from trainwell.data.preparation import Preparation, Problem
from trainwell.data.source import Source
from trainwell.ship.serve.columns import Columns, Plain
from trainwell.train.raw_rows import as_source, picture_columns

#: Rows with pictures that are encoded one by one; more go through a frame.
FEW = 512


class Encoder:
    """Encodes the rows of one network.

    Args:
        preparation: of the training, without a forecast and without series that are put together from a table.
    """

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation
        self._names = preparation.shape.names
        self._columns = Columns.of(preparation)
        checks = [(column.name, _plain(column)) for column in preparation.columns]
        known = not any(i.kind in ("tensor", "tokens") for i in preparation.shape.inputs)
        self._checks = checks if known and all(check is not None for _, check in checks) else None

    def read(self, body: bytes, most: int) -> Plain | None:
        """A body of at most `most` plain rows in JSON; None where any other way has to be taken."""
        return self._columns.read(body, most) if self._columns is not None else None

    def quickly(self, rows: Sequence[Mapping[str, Any]]) -> list[np.ndarray] | None:
        """The inputs of plain rows in the network's order; None where the long way has something to say.

        Raises:
            DataError: a picture cannot be decoded.
        """
        if self._columns is not None:
            plain = self._columns.of_rows(rows)
            return plain.arrays if plain is not None else None
        if self._checks is None or len(rows) > FEW:
            return None
        if not all(name in row and check(row[name]) for row in rows for name, check in self._checks):  # type: ignore[misc]
            return None
        parts = [self._preparation.encode_row(row) for row in rows]
        return [parts[0][name] if len(parts) == 1 else np.concatenate([p[name] for p in parts]) for name in self._names]

    def fully(self, rows: Sequence[Mapping[str, Any]] | Source) -> tuple[list[np.ndarray], list[Problem], Source]:
        """The inputs of any rows, what is odd about them, and the table they make.

        Raises:
            DataError: a row cannot be encoded; `one_by_one` finds which.
        """
        source = rows if isinstance(rows, Source) else self._table(rows)
        encoded = self._preparation.encode(source)
        return [encoded.arrays[name] for name in self._names], encoded.problems, source

    def _table(self, rows: Sequence[Mapping[str, Any]]) -> Source:
        """The rows as a table; the reader of tables sets files in cells aside, so pictures are put beside what it reads."""
        names = picture_columns(self._preparation)
        if not names:
            return as_source(list(rows), self._preparation)
        others = [{name: value for name, value in row.items() if name not in names} for row in rows]
        pictures = [pl.Series(name, [row.get(name) for row in rows], dtype=pl.Binary) for name in names]
        if not any(others):
            return Source(pl.DataFrame(pictures), "the request")
        source = as_source(others, self._preparation)
        assert isinstance(source.frame, pl.DataFrame)  # of rows in memory
        return replace(source, frame=source.frame.with_columns(pictures))

    def one_by_one(self, rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
        """The rows that cannot be encoded even alone, and why."""
        faults = {}
        for place, row in enumerate(rows):
            try:
                self.fully([row])
            except TrainwellError as error:
                faults[place] = str(error)
        return faults


def _plain(column: Fitted) -> Callable[[Any], bool] | None:
    """Whether a cell is read by the short way and nothing is odd about it; None where that cannot be told cell by cell."""
    match column.kind:
        case "number":
            return lambda value: value is None or type(value) is float or type(value) is int
        case "boolean":
            cell = column.does.encode_cell(column.state)
            return (lambda value: cell(value) is not None) if cell is not None else None
        case "category":
            labels = frozenset(column.state.labels)
            return lambda value: type(value) is str and value in labels
        case "picture":
            return lambda value: type(value) is bytes
    return None
