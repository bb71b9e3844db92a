"""Frames and columns from memory: Polars, pandas, Arrow, mappings and lists of rows."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.decode_picture import is_picture
from trainwell.data.readers import arrays
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source

#: Cells of bytes of which most must be pictures.
LOOKED_AT = 20


def read_frame(frame: Any, origin: str = "") -> Source:
    """A Polars, pandas or Arrow frame as a `Source`; nested columns become plain ones, or arrays.

    Example:
        >>> read_frame(pl.DataFrame({"a": [1]})).frame.columns
        ['a']
    """
    library = type(frame).__module__.partition(".")[0]
    origin = origin or f"{library} {type(frame).__name__}"
    checks: list[Check] = []
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    elif library == "pandas":
        frame = _from_pandas(frame, checks)
    elif library == "pyarrow":
        frame = _from_arrow(frame, checks)
    source = Source(frame, origin, checks=checks)
    flatten(source)
    demand_rows(source)
    return source


def demand_rows(source: Source) -> None:
    """One sentence for a table without rows or columns."""
    if not source.frame.width and not source.arrays:
        aside = [check.column for check in source.checks if check.code == "set_aside"]
        if aside:
            what = f"the table holds nothing but raw bytes or Python objects ({', '.join(aside[:5])})"
            raise DataError(what, where=source.origin, remedy="Save pictures as files, and give a table of their paths.")
        raise DataError("the table has no columns", where=source.origin, remedy="Give a table with columns and rows.")
    if not len(source):
        names = ", ".join(source.frame.columns[:5])
        raise DataError(f"the table has columns ({names}) but no rows", where=source.origin, remedy="Give a table with rows.")


def read_columns(columns: Mapping[Any, Any], origin: str = "mapping of columns") -> Source:
    """A mapping of columns: lists and 1-D arrays form the table, arrays of more axes are pictures or tensors.

    Example:
        >>> read_columns({"a": [1, 2], "map": np.zeros((2, 3, 3), np.uint8)}).arrays["map"].shape
        (2, 3, 3, 1)
    """
    lengths = {str(name): len(values) for name, values in columns.items() if not isinstance(values, str | int | float)}
    if len(lengths) < len(columns) or len(set(lengths.values())) > 1:
        said = ", ".join(f"{n}: {k:,}" for n, k in list(lengths.items())[:5]) or "single values"
        raise DataError(f"the columns differ in length ({said})", where=origin, remedy="Give every column one value per row.")
    source = Source(pl.DataFrame(), origin)
    for name, values in columns.items():
        _put_column(source, str(name), values)
    flatten(source)
    demand_rows(source)
    return source


def _put_column(source: Source, name: str, values: Any) -> None:
    array = arrays.as_array(values, name) if isinstance(values, np.ndarray) or arrays.is_tensor(values) else None
    if array is None:
        column = pl.Series(name, list(values) if not isinstance(values, pl.Series) else values, strict=False)
        arrays.put_columns(source, column.to_frame())
    elif array.ndim == 1:
        arrays.put_columns(source, arrays.plain_column(array).alias(name).to_frame())
    else:
        put_array(source, name, array)


def put_array(source: Source, name: str, array: np.ndarray) -> None:
    """Add an array of two or more axes under `name`, as pictures where its shape and values say so."""
    pictures = arrays.as_pictures(array)
    if pictures is not None:
        arrays.put_pictures(source, pictures, array, name)
    else:
        source.arrays[name] = arrays.plain_tensor(array)


def read_rows(rows: Sequence[Mapping[str, Any]], origin: str = "list of rows") -> Source:
    """Rows as mappings; a key that a row lacks is missing there.

    Example:
        >>> read_rows([{"a": 1}, {"a": 2, "b": "x"}]).frame.rows()
        [(1, None), (2, 'x')]
    """
    names = list(dict.fromkeys(str(key) for row in rows for key in row))
    plain = [{str(key): value for key, value in row.items()} for row in rows]
    source = Source(pl.DataFrame(), origin)
    source.frame = pl.DataFrame({name: _column_of([row.get(name) for row in plain], name, source) for name in names})
    flatten(source)
    demand_rows(source)
    return source


def _column_of(values: list[Any], name: str, source: Source) -> pl.Series:
    """A typed column; where types clash, numbers and text become text, nested values JSON, and the card says so."""
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        pass
    kept = [v for v in values if v is not None]
    if all(isinstance(v, bool | int | float) for v in kept):
        return pl.Series(name, [None if v is None else float(v) for v in values], dtype=pl.Float64)
    text = f"{name} mixes kinds of values; it was read as text."
    source.checks.append(Check("mixed_types", "WARN", text, name, len(kept), tuple(repr(v)[:60] for v in kept[:5])))
    return pl.Series(name, [_text(v) for v in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def read_frame_pair(inputs: Any, target: Any) -> Source:
    """A frame of inputs and its target column, as scikit-learn users hold them."""
    source = read_columns(inputs, "(X, y)") if isinstance(inputs, Mapping) else read_frame(inputs)
    if type(target).__module__.partition(".")[0] == "pandas":
        name, values = getattr(target, "name", None), target.to_numpy()
    elif isinstance(target, pl.Series):
        name, values = target.name, target.to_numpy()
    else:
        name, values = None, target
    arrays.put_target(source, arrays.as_array(values, "y"))
    if isinstance(name, str) and name and source.target and name not in source.frame.columns:
        source.frame = source.table.rename({source.target: name})
        source.kinds = {name if key == source.target else key: kind for key, kind in source.kinds.items()}
        source.target = name
    return source


def _from_pandas(frame: Any, checks: list[Check]) -> pl.DataFrame:
    if type(frame).__name__ == "Series":
        frame = frame.to_frame()
    if type(frame.index).__name__ != "RangeIndex" and frame.index.name is not None:
        frame = frame.reset_index()
        checks.append(
            Check("index", "PASS", f"The frame's index {frame.columns[0]!r} was read as a column.", str(frame.columns[0]))
        )
    names = unique_names([str(c) for c in frame.columns], checks)
    frame = frame.set_axis(names, axis=1).reset_index(drop=True)
    if importlib.util.find_spec("pyarrow") is not None:
        try:
            return pl.from_pandas(frame, nan_to_null=True)
        except Exception as error:  # pyarrow refuses mixed object columns with errors of several families
            if type(error).__module__.partition(".")[0] not in ("pyarrow", "builtins", "polars"):
                raise
    holder = Source(pl.DataFrame(), "pandas", checks=checks)
    return pl.DataFrame({name: _pandas_column(frame[name], name, holder) for name in names})


def _pandas_column(column: Any, name: str, holder: Source) -> pl.Series:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufmM":
        return pl.Series(name, column.to_numpy(), nan_to_null=True)
    values = column.astype(object).where(column.notna(), None).tolist()
    return _column_of(values, name, holder)


def _from_arrow(table: Any, checks: list[Check]) -> pl.DataFrame:
    names = unique_names(list(table.schema.names), checks)
    read = pl.from_arrow(table.rename_columns(names))
    if not isinstance(read, pl.DataFrame):
        raise DataError("only Arrow tables and record batches are read", remedy="Give a pyarrow.Table.")
    return read


def unique_names(names: list[str], checks: list[Check]) -> list[str]:
    """`names` trimmed, filled in where empty, and made unique by a number; what was changed is said.

    Example:
        >>> checks = []
        >>> unique_names(["a", "a", " b ", ""], checks), len(checks)
        (['a', 'a_2', 'b', 'column_4'], 2)
    """
    found: list[str] = []
    taken = {n.strip() for n in names}
    renamed, unnamed = [], []
    used: set[str] = set()
    for position, raw in enumerate(names, 1):
        name = raw.strip()
        if not name:
            name = f"column_{position}"
            unnamed.append(name)
        if name in used:
            number = next(k for k in range(2, len(names) + 2) if f"{name}_{k}" not in used and f"{name}_{k}" not in taken)
            renamed.append(f"{name} → {name}_{number}")
            name = f"{name}_{number}"
        used.add(name)
        found.append(name)
    if renamed:
        text = f"Added a number to {counted(len(renamed), 'column name')} that stood in the header before."
        checks.append(Check("duplicate_names", "WARN", text, count=len(renamed), examples=tuple(renamed[:5])))
    if unnamed:
        text = f"Named {counted(len(unnamed), 'column')} by position, because the header leaves the place empty."
        checks.append(Check("unnamed_columns", "WARN", text, count=len(unnamed), examples=tuple(unnamed[:5])))
    return found


def flatten(source: Source) -> None:
    """Nested columns made plain: structs become columns, equal number lists arrays, others JSON text.

    Bytes that are no pictures are set aside.
    """
    _take_pictures_out(source)
    while structs := [n for n, t in source.frame.schema.items() if isinstance(t, pl.Struct)]:
        name = structs[0]
        fields = [f.name for f in source.frame.schema[name].fields]  # type: ignore[attr-defined]
        source.frame = source.table.with_columns(
            pl.col(name).struct.field(f).alias(f"{name}.{f}") for f in fields
        ).drop(name)  # fmt: skip
    for name, dtype in list(source.frame.schema.items()):
        if isinstance(dtype, pl.List | pl.Array):
            _flatten_list(source, name)
        else:
            _plain_type(source, name, dtype)


def _take_pictures_out(source: Source) -> None:
    """Pictures as data sets in Parquet have them, `{"bytes", "path"}`: their bytes, or paths where no bytes were saved."""
    for name, dtype in list(source.frame.schema.items()):
        if is_picture_struct(dtype):
            cells = source.table[name].struct
            whole = cells.field("bytes")
            column = cells.field("path") if whole.null_count() == len(whole) else whole
            source.frame = source.table.with_columns(column.alias(name))


def is_picture_struct(dtype: pl.DataType | None) -> bool:
    """Whether a column has a picture's bytes and its path in each cell."""
    return isinstance(dtype, pl.Struct) and {f.name for f in dtype.fields} == {"bytes", "path"}


def are_pictures(column: pl.Series) -> bool:
    """Whether most of the first cells are files of pictures."""
    some = column.drop_nulls().head(LOOKED_AT).to_list()
    return sum(map(is_picture, some)) * 2 > len(some)


def _flatten_list(source: Source, name: str) -> None:
    column = source.frame[name]
    source.frame = source.table.drop(name)
    array = arrays.as_array(column.to_list(), name) if _is_regular(column) else None
    if array is not None:
        put_array(source, name, array)
        return
    texts = pl.Series(name, [_text(v) for v in column.to_list()], dtype=pl.String)
    source.frame = source.frame.with_columns(texts)
    text = f"{name} holds lists of different lengths; they were read as JSON text."
    source.checks.append(Check("nested", "WARN", text, name, len(column), tuple(str(t)[:60] for t in texts.head(5))))


def _is_regular(column: pl.Series) -> bool:
    if column.null_count():
        return False
    try:
        return np.asarray(column.to_list()).dtype.kind in "iufb"
    except ValueError:
        return False


def _plain_type(source: Source, name: str, dtype: pl.DataType) -> None:
    """Types that later steps need not know: decimals, 128-bit whole numbers, categories, bytes, Python objects."""
    if dtype.is_decimal():
        source.frame = source.table.with_columns(pl.col(name).cast(pl.Float64))
    elif dtype in (pl.Int128, pl.UInt64, pl.Categorical) or isinstance(dtype, pl.Enum):
        wanted = pl.Int64 if dtype == pl.UInt64 and (source.frame[name].max() or 0) < 2**63 else pl.String  # type: ignore[operator]
        source.frame = source.table.with_columns(pl.col(name).cast(wanted))
    elif dtype == pl.Binary and are_pictures(source.frame[name]):
        source.kinds[name] = "picture"
    elif dtype in (pl.Binary, pl.Object):
        source.frame = source.table.drop(name)
        source.checks.append(set_aside(name, len(source.frame)))


def set_aside(column: str, rows: int) -> Check:
    """The line about a column of bytes that are no pictures."""
    text = f"{column} holds raw bytes or Python objects; the column was set aside."
    return Check("set_aside", "WARN", text, column, rows)
