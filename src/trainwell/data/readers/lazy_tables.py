"""Files as one table that stays in them: schemas are compared and made plain, no cell is read."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import polars as pl

from trainwell.core.errors import DataError
from trainwell.data import cache
from trainwell.data.card import Check
from trainwell.data.readers import parts
from trainwell.data.source import Source
from trainwell.data.stored import Stored, alike

#: Bytes of one cell of text, more or less.
_TEXT_BYTES = 24


def scan(path: Path) -> pl.LazyFrame:
    """The plan of reading one Parquet or Arrow file.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with path.open("rb") as file:
            arrow = file.read(6) == b"ARROW1"
        lazy = pl.scan_ipc(path) if arrow else pl.scan_parquet(path, glob=False, hive_partitioning=False)
        lazy.collect_schema()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"the file is damaged ({reason})", where=str(path), remedy="Copy or write it again.") from None
    return lazy


def rows_of(path: Path) -> int:
    """Rows of one file, from its footer."""
    return int(scan(path).select(pl.len()).collect().item())


def size_of(path: Path) -> int:
    """About how many bytes the cells of a file take in memory."""
    widths = [_TEXT_BYTES if t == pl.String or t.is_nested() else 8 for t in scan(path).collect_schema().dtypes()]
    return rows_of(path) * sum(widths)


def identity_of(paths: Sequence[Path]) -> str:
    """Hex digest that tells the files from others: paths, sizes, times of change, and samples of their bytes."""
    digest = blake2b(digest_size=20)
    for path in paths:
        about = path.stat()
        said = f"{path.resolve()}\0{about.st_size} {about.st_mtime_ns} {cache.sampled_crc(path)}\0"
        digest.update(said.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def open_stored(paths: Sequence[Path], origin: str) -> Source | None:
    """Files of the same columns as one source whose cells stay where they are; None where a column holds lists.

    Raises:
        DataError: a file is damaged or has other columns than the first.
    """
    checks: list[Check] = []
    plans = [plain(scan(path), checks if place == 0 else []) for place, path in enumerate(paths)]
    schemas = [plan.collect_schema() for plan in plans]
    if any(isinstance(t, pl.List | pl.Array) for t in schemas[0].dtypes()):
        return None
    for path, schema in zip(paths[1:], schemas[1:], strict=True):
        parts.demand_columns(list(schemas[0]), list(schema), here=str(path), there=str(paths[0]))
    names = list(schemas[0])
    plans, clashes = alike([plan.select(names) for plan in plans])
    lazy = plans[0] if len(plans) == 1 else pl.concat(plans)
    stored = Stored(lazy, sum(rows_of(path) for path in paths), identity_of(paths))
    if not len(stored):
        raise DataError("the table has columns but no rows", where=origin, remedy="Give a table with rows.")
    checks += [parts.clash(name) for name in clashes]
    return Source(stored, origin, checks=checks)


def plain(lazy: pl.LazyFrame, checks: list[Check]) -> pl.LazyFrame:
    """The same with plain columns: structures become columns, decimals numbers, categories text, as in a table in memory."""
    while structs := [(n, t) for n, t in lazy.collect_schema().items() if isinstance(t, pl.Struct)]:
        name, dtype = structs[0]
        fields = [pl.col(name).struct.field(f.name).alias(f"{name}.{f.name}") for f in dtype.fields]
        lazy = lazy.with_columns(fields).drop(name)
    for name, kind in lazy.collect_schema().items():
        if kind in (pl.Binary, pl.Object):
            lazy = lazy.drop(name)
            text = f"{name} holds raw bytes or Python objects; the column was set aside."
            checks.append(Check("set_aside", "WARN", text, name))
        elif (wanted := _plain_type(lazy, name, kind)) != kind:
            lazy = lazy.with_columns(pl.col(name).cast(wanted))
    return lazy


def _plain_type(lazy: pl.LazyFrame, name: str, dtype: pl.DataType) -> pl.DataType:
    if dtype.is_decimal():
        return pl.Float64()
    if dtype == pl.UInt64:
        return pl.Int64() if (lazy.select(pl.col(name).max()).collect().item() or 0) < 2**63 else pl.String()
    return pl.String() if dtype in (pl.Int128, pl.Categorical) or isinstance(dtype, pl.Enum) else dtype
