"""Files as one table that stays in them: schemas are compared and made plain, no cell is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import polars as pl

from trainwell.core.errors import DataError
from trainwell.data import cache
from trainwell.data.card import Check
from trainwell.data.pack import pack
from trainwell.data.readers import parts
from trainwell.data.readers.frames import LOOKED_AT, are_pictures, is_picture_struct, set_aside
from trainwell.data.source import Source
from trainwell.data.stored import Stored, alike

#: Bytes of one cell of text, more or less.
_TEXT_BYTES = 24
#: Rows of pictures that are read at once.
_PICTURES = 256
_BYTES = (pl.Binary, pl.Object)


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
    """About how many bytes the cells of a file take in memory, at least its own size where pictures may lie in it."""
    types = scan(path).collect_schema().dtypes()
    size = rows_of(path) * sum(_TEXT_BYTES if t == pl.String or t.is_nested() else 8 for t in types)
    return max(size, path.stat().st_size) if any(_may_be_files(t) for t in types) else size


def _may_be_files(dtype: pl.DataType) -> bool:
    return dtype == pl.Binary or isinstance(dtype, pl.Struct)


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
    held = _files_in([scan(path) for path in paths])
    plans = [plain(scan(path), held) for path in paths]
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
    checks = [*(replace(said, count=len(stored)) for said in held.asides), *(parts.clash(name) for name in clashes)]
    if not held.pictures:
        return Source(stored, origin, checks=checks)
    kinds = dict.fromkeys(held.pictures, "picture")
    return Source(_with_places(stored, held.pictures, origin), origin, kinds=kinds, checks=checks)


@dataclass(frozen=True)
class _Held:
    """What the columns of bytes of a table hold.

    Args:
        fields: of columns of `{"bytes", "path"}`, which of the two is read.
        pictures: columns of picture files, by the names they have once structures are columns.
        asides: what is said of other bytes.
    """

    fields: dict[str, str]
    pictures: tuple[str, ...]
    asides: list[Check]


def _files_in(plans: Sequence[pl.LazyFrame]) -> _Held:
    """What a table in memory would be found to hold, by the first cells that are there, in whichever file."""
    schemas = [plan.collect_schema() for plan in plans]
    pairs = dict.fromkeys(name for schema in schemas for name, dtype in schema.items() if is_picture_struct(dtype))
    fields = {name: "bytes" if len(_first(plans, name, pl.col(name).struct.field("bytes"))) else "path" for name in pairs}
    flat = [flattened(plan, fields) for plan in plans]
    raw = dict.fromkeys(name for plan in flat for name, dtype in plan.collect_schema().items() if dtype in _BYTES)
    pictures = tuple(name for name in raw if are_pictures(_first(flat, name, pl.col(name))))
    return _Held(fields, pictures, [set_aside(name, 0) for name in raw if name not in pictures])


def _first(plans: Sequence[pl.LazyFrame], name: str, cells: pl.Expr) -> pl.Series:
    """The first cells that are not empty."""
    for plan in plans:
        dtype = plan.collect_schema().get(name)
        if dtype in _BYTES or is_picture_struct(dtype):
            some = plan.select(cells.alias(name)).filter(pl.col(name).is_not_null()).head(LOOKED_AT).collect(engine="streaming")
            if len(some):
                return some[name]
    return pl.Series(name, dtype=pl.Binary)


def _with_places(table: Stored, pictures: Sequence[str], origin: str) -> pl.DataFrame:
    """The table in memory, with the places of its pictures in the cache instead of the pictures."""
    columns: list[pl.Series] = []
    for name in table.columns:
        if name not in pictures:
            columns.append(table[name])
            continue
        blocks = (block[name] for block in table.blocks([name], rows=_PICTURES))
        columns.append(pack(blocks, f"{table.identity} {name}", about=f"files in {name} of {origin}").alias(name))
    return pl.DataFrame(columns)


def flattened(lazy: pl.LazyFrame, fields: Mapping[str, str]) -> pl.LazyFrame:
    """The same with structures as columns, and one field of those that are pictures."""
    schema = lazy.collect_schema()
    taken = [pl.col(n).struct.field(field).alias(n) for n, field in fields.items() if is_picture_struct(schema.get(n))]
    lazy = lazy.with_columns(taken)
    while structs := [(n, t) for n, t in lazy.collect_schema().items() if isinstance(t, pl.Struct)]:
        name, dtype = structs[0]
        parts_of = [pl.col(name).struct.field(f.name).alias(f"{name}.{f.name}") for f in dtype.fields]
        lazy = lazy.with_columns(parts_of).drop(name)
    return lazy


def plain(lazy: pl.LazyFrame, held: _Held) -> pl.LazyFrame:
    """The same with plain columns: structures become columns, decimals numbers, categories text, as in a table in memory."""
    lazy = flattened(lazy, held.fields)
    for name, kind in lazy.collect_schema().items():
        if kind in _BYTES:
            lazy = lazy if name in held.pictures else lazy.drop(name)
        elif (wanted := _plain_type(lazy, name, kind)) != kind:
            lazy = lazy.with_columns(pl.col(name).cast(wanted))
    return lazy


def _plain_type(lazy: pl.LazyFrame, name: str, dtype: pl.DataType) -> pl.DataType:
    if dtype.is_decimal():
        return pl.Float64()
    if dtype == pl.UInt64:
        return pl.Int64() if (lazy.select(pl.col(name).max()).collect().item() or 0) < 2**63 else pl.String()
    return pl.String() if dtype in (pl.Int128, pl.Categorical) or isinstance(dtype, pl.Enum) else dtype
