"""A table that stays in its files: a column, or a block of rows, is read when it is asked for.

What must fit in memory is one column at a time. A `Stored` table has the few methods of a Polars frame that preparing data
needs; rows that are picked from it (`table[rows]`) are a frame in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import overload

import numpy as np
import polars as pl

from trainwell.core.errors import DataError

#: Cells, and rows, that are read at once where blocks of rows are wanted.
_BLOCK_CELLS, _BLOCK_ROWS = 16_000_000, 250_000


@dataclass(frozen=True)
class Stored:
    """A table in files.

    Args:
        lazy: how Polars reads it; only what is asked for is read.
        height: rows.
        identity: hex digest that names the files' content; equal ones hold equal cells.

    Example:
        >>> table = Stored(pl.LazyFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}), 3, "")
        >>> table["a"].to_list(), table[np.array([2, 0])].rows()
        ([1, 2, 3], [(3, 'z'), (1, 'x')])
    """

    lazy: pl.LazyFrame = field(repr=False)
    height: int
    identity: str

    @cached_property
    def schema(self) -> dict[str, pl.DataType]:
        return dict(self.lazy.collect_schema())

    @property
    def columns(self) -> list[str]:
        return list(self.schema)

    @property
    def width(self) -> int:
        return len(self.schema)

    def __len__(self) -> int:
        return self.height

    @overload
    def __getitem__(self, what: str) -> pl.Series: ...

    @overload
    def __getitem__(self, what: np.ndarray) -> pl.DataFrame: ...

    def __getitem__(self, what: str | np.ndarray) -> pl.Series | pl.DataFrame:
        """A column, or some rows of all columns, in memory."""
        if isinstance(what, str):
            return self.select(what).to_series()
        return pl.DataFrame([self[name].gather(what) for name in self.columns])

    def select(self, names: str | Sequence[str]) -> pl.DataFrame:
        """Some columns, in memory."""
        with _readable():
            return self.lazy.select(names).collect(engine="streaming")

    def collect(self) -> pl.DataFrame:
        """The whole table, in memory."""
        return self.select(self.columns)

    def with_columns(self, columns: Sequence[pl.Expr]) -> Stored:
        """The same with columns computed cell by cell when they are read; the files and so the digest stay."""
        told = blake2b("".join([self.identity, *map(str, columns)]).encode(), digest_size=20).hexdigest()
        return Stored(self.lazy.with_columns(columns), self.height, told)

    def blocks(self, names: Sequence[str], *, rows: int | None = None) -> Iterator[pl.DataFrame]:
        """Some columns, block of rows after block of rows, in order; with about so many `rows` each, where they are given."""
        size = rows or max(1_000, min(_BLOCK_ROWS, _BLOCK_CELLS // max(1, len(names))))
        with _readable():
            yield from self.lazy.select(names).collect_batches(chunk_size=size, maintain_order=True, engine="streaming")


@contextmanager
def _readable() -> Iterator[None]:
    """One sentence for files that cannot be read any more."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        what = f"a file of the table is damaged, or has changed since it was opened ({str(error).splitlines()[0].rstrip('.')})"
        raise DataError(what, remedy="Write it again, and load the data anew.") from None


#: Cells by column: in memory, or in files.
Table = pl.DataFrame | Stored


def wider(types: set[pl.DataType]) -> pl.DataType:
    """The type that holds the values of all of these: a wide number, or text."""
    if all(t.is_integer() for t in types):
        return pl.Int64()
    return pl.Float64() if all(t.is_numeric() for t in types) else pl.String()


def alike(plans: list[pl.LazyFrame]) -> tuple[list[pl.LazyFrame], list[str]]:
    """Columns cast to one type across files, the names of those that had to become text."""
    schemas = [plan.collect_schema() for plan in plans]
    casts: dict[str, pl.DataType] = {}
    for name in schemas[0]:
        types = {schema[name] for schema in schemas}
        if len(types) > 1:
            filled = [plan.select(pl.col(name).is_not_null().any()).collect(engine="streaming").item() for plan in plans]
            used = {schema[name] for schema, some in zip(schemas, filled, strict=True) if some} or types
            casts[name] = next(iter(used)) if len(used) == 1 else wider(used)
    if not casts:
        return plans, []
    return [plan.cast(casts) for plan in plans], [name for name, dtype in casts.items() if dtype == pl.String]  # type: ignore[arg-type]


def join_stored(frames: list[pl.DataFrame | Stored]) -> tuple[Stored, list[str]]:
    """Tables of the same columns, some of them in files, one under the other."""
    names = frames[0].columns
    plans, clashes = alike([(f.lazy if isinstance(f, Stored) else f.lazy()).select(names) for f in frames])
    digest = blake2b(digest_size=20)
    for frame in frames:
        held = (
            frame.identity if isinstance(frame, Stored) else blake2b(frame.hash_rows(seed=0).to_numpy().tobytes()).hexdigest()
        )
        digest.update(held.encode())
    return Stored(pl.concat(plans), sum(len(f) for f in frames), digest.hexdigest()), clashes
