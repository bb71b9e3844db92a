"""Counts of what the training never showed: unseen labels, empty cells, numbers outside the range of the training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from trainwell.data.kinds.words import EMPTY
from trainwell.ship.serve.columns import Plain
from trainwell.ship.serve.fields import Field


class Drift:
    """Counters by column and kind of oddity, since the server was started.

    Args:
        fields: of the network; numbers without a known range are not held against one.

    Example:
        >>> drift = Drift([Field("age", "number", low=17, high=90), Field("job", "category", labels=("sales",))])
        >>> drift.count([{"age": 120, "job": "pilot"}, {"age": 30}])
        >>> sorted(drift.counts.items())
        [(('age', 'out_of_range'), 1), (('job', 'missing'), 1), (('job', 'unseen'), 1)]
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self.rows = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        self._ranges = {f.name: (_or(f.low, -1e308), _or(f.high, 1e308)) for f in fields if f.kind == "number"}
        self._labels = {f.name: frozenset(f.labels) for f in fields if f.kind == "category"}
        self._others = [f.name for f in fields if f.kind in ("boolean", "datetime", "text")]

    def count(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Count a few rows cell by cell."""
        self.rows += len(rows)
        for row in rows:
            for name, (low, high) in self._ranges.items():
                value = row.get(name)
                if value is None or value == "" or value != value:
                    self.counts[name, "missing"] += 1
                elif type(value) in (int, float) and not low <= value <= high:
                    self.counts[name, "out_of_range"] += 1
            for name, labels in self._labels.items():
                value = row.get(name)
                if value is None or value == "":
                    self.counts[name, "missing"] += 1
                elif type(value) is str and value not in labels and value.strip() not in labels:
                    self.counts[name, "unseen"] += 1
            for name in self._others:
                if row.get(name) in (None, ""):
                    self.counts[name, "missing"] += 1

    def count_plain(self, plain: Plain) -> None:
        """Count plain rows column by column: their labels are known."""
        self.rows += plain.n
        for name, (low, high) in self._ranges.items():
            values = plain.cells[name]
            if not (low <= values.min() and values.max() <= high):  # also where one is NaN
                self.counts[name, "missing"] += int(np.isnan(values).sum())
                self.counts[name, "out_of_range"] += int(((values < low) | (values > high)).sum())
        for name in (*self._labels, *self._others):
            if found := plain.cells[name].count(None) + plain.cells[name].count(""):
                self.counts[name, "missing"] += found

    def count_frame(self, frame: pl.DataFrame) -> None:
        """Count many rows column by column."""
        self.rows += len(frame)
        for name, kind, found in self._found(frame):
            if found:
                self.counts[name, kind] += found

    def _found(self, frame: pl.DataFrame) -> Iterable[tuple[str, str, int]]:
        for name, (low, high) in self._ranges.items():
            if name not in frame.columns:
                yield name, "missing", len(frame)
                continue
            values = frame[name].cast(pl.Float64, strict=False).fill_nan(None)
            yield name, "missing", _empty(frame[name]) if frame[name].dtype == pl.String else values.null_count()
            yield name, "out_of_range", int(((values < low) | (values > high)).sum())
        for name in (*self._labels, *self._others):
            column = frame[name].cast(pl.String, strict=False) if name in frame.columns else None
            yield name, "missing", _empty(column) if column is not None else len(frame)
            if column is not None and name in self._labels:
                texts = column.drop_nulls().str.strip_chars(" \t\r\n")
                yield name, "unseen", int((~texts.is_in([*self._labels[name], *EMPTY])).sum())


def _empty(column: pl.Series) -> int:
    if column.dtype != pl.String:
        return column.null_count()
    return int(column.str.strip_chars().str.to_lowercase().is_in([*EMPTY, None], nulls_equal=True).sum())


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
