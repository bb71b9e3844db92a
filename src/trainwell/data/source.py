"""What every reader returns: raw columns, and what the source itself says about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from trainwell.data.card import Check
from trainwell.data.kinds.words import Words
from trainwell.data.stored import Stored, Table

#: The array's name where several columns make it.
SERIES = "series"


@dataclass(frozen=True)
class Gather:
    """How series lie in a table.

    Args:
        stems: beginnings of numbered columns, one per channel: `t` for t0, t1, …
        id: in a long table, the column that says which series a row belongs to; "" in a wide one.
        time: the column by which its rows are ordered; "" for the order of the rows.
        channels: its columns of numbers.
    """

    stems: tuple[str, ...] = ()
    id: str = ""
    time: str = ""
    channels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the array is called."""
        return self.stems[0] if len(self.stems) == 1 else SERIES


@dataclass
class Source:
    """Raw columns as they were found; nothing cleaned, nothing fitted.

    Args:
        frame: one row per example, in memory or in files. Columns whose cells are not scalars live in `arrays` instead.
        origin: the path or name, for messages and the card.
        arrays: columns of arrays with the example as first axis: pictures `(N, H, W, C)` uint8, or any other tensor
            `(N, …)` float32/int64; same row order as `frame`.
        target: the column the source itself declares as target (class folders, labelled archives), else None.
        kinds: column kinds the source is sure of, by column name: `{"picture": "picture", "label": "category"}`.
        parts: "train" / "valid" / "test" per row where the source brings its own split, else None.
        checks: what the reader noticed (encoding, delimiter, ragged lines, broken files), for the card.
        gathered: how the series of this source lay in a table from which they were put together, or None.
        given: labels as they were before somebody corrected them: rows are split by these, so that runs before and after a
            correction learn from and are judged on the same rows.
        class_names: what the values 0, 1, … of masks are called, where a file says so.
        base: the folder that path cells are relative to: open `Path(base, cell)` (an absolute cell stays as it is); empty
            for data from memory.

    Whoever has counted the few distinct texts of a column leaves them in `words`, which belong to this `frame` alone.
    """

    frame: Table
    origin: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    target: str | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    parts: np.ndarray | None = None
    checks: list[Check] = field(default_factory=list)
    base: str = ""
    gathered: Gather | None = None
    given: pl.Series | None = None
    class_names: tuple[str, ...] = ()
    words: dict[str, Words] = field(default_factory=dict, init=False, repr=False)  # a copy with other cells has none

    def __len__(self) -> int:
        return len(self.frame) if self.frame.width else len(next(iter(self.arrays.values()), []))

    def cells(self, rows: np.ndarray) -> pl.DataFrame:
        """The cells of some rows; without columns where there are arrays alone."""
        return self.frame[rows] if self.frame.width else self.table

    @property
    def table(self) -> pl.DataFrame:
        """The frame, read into memory where it lies in files."""
        return self.frame.collect() if isinstance(self.frame, Stored) else self.frame
