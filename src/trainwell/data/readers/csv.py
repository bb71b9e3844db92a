"""Delimited text: a well-formed file goes straight to Polars, anything else is mended record by record and said."""

from __future__ import annotations

import gzip
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.readers.cells import clean_cells
from trainwell.data.readers.csv_lines import CHUNK, Records, best_scan, opens_with_quote, scan
from trainwell.data.readers.dialect import NAMES, Dialect, find_dialect, split
from trainwell.data.readers.encodings import decode, guess_encoding
from trainwell.data.readers.frames import unique_names
from trainwell.data.readers.idx import cannot_open, read_bytes
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source

SAMPLE = 1 << 18
"""Bytes from which the dialect is found; more only where a record is longer."""

MARK = b"\xef\xbb\xbf"
"""The byte order mark with which some programs begin UTF-8."""

INFER = (1_000, 10_000)
"""Rows from which Polars infers types; a surprise further down has it look at more, then read every column as text."""


@dataclass
class _File:
    """One file on its way through the reader."""

    path: Path
    dialect: Dialect
    encoding: str = "utf-8"
    checks: list[Check] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def say(self, code: str, text: str, *, count: int = 0, examples: tuple[str, ...] = ()) -> None:
        self.checks.append(Check(code, "WARN", text, count=count, examples=examples[:5]))


def read_csv(path: Path, names: list[str] | None = None) -> Source:
    """A delimited file; delimiter, encoding, header, quotes, comments and decimal comma are found out.

    Args:
        path: CSV, TSV or other delimited text, gzipped or not.
        names: column names for a file without a header (from a UCI `.names` file); used only if their number fits.

    Raises:
        DataError: the file is empty, has no data rows, or holds binary data.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp(), "a.csv")
        >>> _ = path.write_text("age;height\\n39;1,75\\n50;?\\n")
        >>> read_csv(path).frame.rows()
        [(39, 1.75), (50, None)]
    """
    sample, whole = _sample(path)
    if _is_plain(sample):
        file = _File(path, find_dialect(sample.removeprefix(MARK)))
        file.names = _column_names(file, names) if file.dialect.names or file.dialect.first_line else []
        if source := _fast(file, sample, whole):
            return source
    return _careful(path, names)


def _sample(path: Path) -> tuple[bytes, bytes | None]:
    """The first complete lines, and the whole content if it had to be unpacked."""
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE)
            if head[:2] == b"\x1f\x8b":
                data = read_bytes(path)
                return _lines(data[:SAMPLE], len(data) <= SAMPLE), data
            while head.count(b"\n") < 3 and (more := file.read(len(head))):
                head += more
            return _lines(head, not file.read(1)), None
    except (OSError, gzip.BadGzipFile) as error:
        raise cannot_open(path, error) from None


def _lines(head: bytes, complete: bool) -> bytes:
    return head if complete else head[: head.rfind(b"\n") + 1]


def _is_plain(sample: bytes) -> bool:
    """UTF-8 (or ASCII) text with line feeds: what Polars reads as it is."""
    if b"\0" in sample or guess_encoding(sample) not in ("utf-8", "utf-8-sig"):
        return False
    return b"\n" in sample or b"\r" not in sample


def _fast(file: _File, sample: bytes, whole: bytes | None) -> Source | None:
    """The file as Polars reads it, or None where something about it needs the careful way."""
    dialect = file.dialect
    if not dialect.first_line or dialect.preamble or dialect.trailing or dialect.quotes != "span":
        return None
    with _bytes_of(file.path, whole) as data:
        if data.find(b"\0") >= 0 or (dialect.padded and data.find(b'"') >= 0):
            return None
        frame, all_text = _read_plain(file, whole)
        if frame is None or frame.width != dialect.width or _may_be_ragged(file, frame, sample, data):
            return None
    return _finish(file, frame, all_text=all_text)


@contextmanager
def _bytes_of(path: Path, whole: bytes | None) -> Iterator[Any]:
    """The file's bytes without a copy."""
    if whole is not None:
        yield whole
        return
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _read_plain(file: _File, whole: bytes | None) -> tuple[pl.DataFrame | None, bool]:
    """The table with types from its first rows; as text (the second value says so) where a later row surprises."""
    place = file.path if whole is None else whole
    skip = file.dialect.first_line - 1
    for rows in () if file.dialect.padded else INFER:
        try:
            frame = pl.read_csv(place, **_options(file), skip_lines=skip, infer_schema_length=rows)
        except (pl.exceptions.PolarsError, UnicodeDecodeError):
            continue
        if rows == INFER[-1] or not _begins_empty(frame, rows):
            return frame, False
    try:
        options = _options(file) | {"decimal_comma": False}
        return pl.read_csv(place, **options, skip_lines=skip, infer_schema=False), True
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        return None, True


def _begins_empty(frame: pl.DataFrame, rows: int) -> bool:
    """Whether some column became text only because its first `rows` cells are empty."""
    head = frame.head(rows)
    return any(t == pl.String and head[n].null_count() == len(head) < len(frame) for n, t in frame.schema.items())


def _options(file: _File) -> dict[str, Any]:
    dialect = file.dialect
    return {
        "has_header": False,
        "separator": dialect.delimiter,
        "quote_char": None if dialect.quotes == "none" else '"',
        "comment_prefix": dialect.comment or None,
        "decimal_comma": dialect.decimal_comma,
        "new_columns": file.names,
    }


def _may_be_ragged(file: _File, frame: pl.DataFrame, sample: bytes, data: Any) -> bool:
    """Whether short records or blank lines may hide among nulls of the last column.

    The delimiters in the file, less those inside text cells, must be those that whole records need.
    """
    dialect = file.dialect
    last = frame.to_series(-1)
    if dialect.width == 1 or not (last.null_count() or (last.dtype == pl.String and (last == "").any())):
        return False
    if dialect.comment:
        return True
    head = b"\n".join(sample.split(b"\n")[: dialect.first_line - 1])
    texts = [n for n, t in frame.schema.items() if t == pl.String]
    inside = (
        frame.select(pl.col(texts).str.count_matches(dialect.delimiter, literal=True).sum()).sum_horizontal().sum()
        if texts
        else 0
    )
    return _count(data, dialect.delimiter) != head.count(dialect.delimiter.encode()) + inside + len(frame) * (dialect.width - 1)


def _count(data: Any, delimiter: str) -> int:
    size = len(data)
    return sum(data[i : i + CHUNK].count(delimiter.encode()) for i in range(0, size, CHUNK))


def _column_names(file: _File, names: list[str] | None) -> list[str]:
    """The header's names made unique; else those given; else positions."""
    dialect = file.dialect
    if dialect.names:
        return unique_names(dialect.names, file.checks)
    if names and len(names) == dialect.width:
        return unique_names(names, file.checks)
    if names:
        text = f"The names file lists {len(names):,} columns and the table has {dialect.width:,}; it was not used."
        file.say("names_file", text, count=len(names))
    found = [f"column_{i}" for i in range(1, dialect.width + 1)]
    file.say(
        "no_header",
        f"The first line holds data, not names; the columns are called {found[0]} to {found[-1]}.",
        count=len(found),
    )
    return found


def _careful(path: Path, names: list[str] | None) -> Source:
    """The whole file decoded, its records counted, odd ones set aside with their line numbers."""
    checks: list[Check] = []
    data, encoding = _as_utf8(path, read_bytes(path), checks)
    dialect = find_dialect(_lines(data[:SAMPLE], len(data) <= SAMPLE) or data)
    file = _File(path, dialect, encoding, checks)
    if not dialect.first_line:
        raise _no_rows(path, dialect)
    file.names = _column_names(file, names)
    kept = _keep_whole_records(file, data)
    frame = _read_text_cells(file, kept)
    if dialect.trailing:
        frame = frame.drop(file.names[-1])
        file.say("trailing_delimiter", "Every line ends in a delimiter; the empty last column was left out.", count=len(frame))
    return _finish(file, frame, all_text=True)


def _read_text_cells(file: _File, kept: bytes) -> pl.DataFrame:
    """Whole records as text columns; one by one where a cell's quotes follow no rule and Polars refuses the file."""
    options = _options(file) | {"comment_prefix": None, "decimal_comma": False}
    try:
        return pl.read_csv(kept, **options, infer_schema=False)
    except pl.exceptions.PolarsError:
        dialect = file.dialect
    records = scan(kept, dialect.delimiter, dialect.quotes)
    rows = [
        split(kept[a:b].decode(), dialect.delimiter, dialect.quotes) for a, b in zip(records.start, records.end, strict=True)
    ]
    whole = [row for row in rows if len(row) == dialect.width]
    others = [" ".join(row)[:80] for row in rows if len(row) != dialect.width]
    text = f"Some cell has text after its closing quote; set aside {counted(len(others), 'row')} that cannot be divided."
    file.say("quotes", text, count=len(others), examples=tuple(others))
    return pl.DataFrame(whole, schema=dict.fromkeys(file.names, pl.String), orient="row")


def _no_rows(path: Path, dialect: Dialect) -> DataError:
    if not dialect.names:
        return DataError("the file holds no table", where=str(path), remedy="Give delimited text with rows.")
    shown = " ".join(", ".join(dialect.names[:5]).split())[:200]
    return DataError(f"the file has a header ({shown}) but no rows", where=str(path), remedy="Give a file with rows.")


def _as_utf8(path: Path, data: bytes, checks: list[Check]) -> tuple[bytes, str]:
    """The content as UTF-8 with line feeds and without zero bytes; what was changed is said."""
    if not data.strip(b"\0 \r\n\t"):
        raise DataError("the file is empty", where=str(path), remedy="Give a file with rows.")
    encoding = guess_encoding(data)
    if not encoding.startswith("utf-16"):
        _refuse_binary(path, data)
        if zeros := data.count(b"\0"):
            line = data.count(b"\n", 0, data.find(b"\0")) + 1
            checks.append(
                Check(
                    "zero_bytes",
                    "WARN",
                    f"Took {counted(zeros, 'zero byte')} out of the text.",
                    count=zeros,
                    examples=(f"line {line}",),
                )
            )
            data = data.replace(b"\0", b"")
    if encoding != "utf-8":
        data = _decode(data, encoding, checks)
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data, encoding


def _decode(data: bytes, encoding: str, checks: list[Check]) -> bytes:
    text = decode(data, encoding)
    if encoding != "utf-8-sig":
        lines = [line.strip()[:60] for line in text.splitlines() if not line.isascii()][:3]
        verdict = "WARN" if encoding in ("cp1252", "latin-1", "gb18030", "utf-8 with errors") else "PASS"
        said = f"The text is not UTF-8; it was read as {encoding}." if verdict == "WARN" else f"The text is {encoding.upper()}."
        checks.append(Check("encoding", verdict, said, count=text.count("\ufffd"), examples=tuple(lines)))  # type: ignore[arg-type]
    return text.lstrip("\ufeff").encode("utf-8", "replace")


def _refuse_binary(path: Path, data: bytes) -> None:
    """One sentence for bytes that are no text: many control characters."""
    head = np.frombuffer(data[:65_536], np.uint8)
    control = ((head < 32) & ~np.isin(head, (0, 9, 10, 11, 12, 13, 26, 27))) | (head == 127)
    if control.mean() > 0.02 or (head == 0).mean() > 0.3:
        raise DataError(
            "the file holds binary data, no table", where=str(path), remedy="Give CSV, Parquet, JSON Lines or Excel."
        )


def _keep_whole_records(file: _File, data: bytes) -> bytes:
    """The records that have all their fields; the others are set aside, and the card names their lines."""
    dialect = file.dialect
    records, quotes = best_scan(data, dialect.delimiter, dialect.width)
    file.dialect = dialect = replace(dialect, quotes=quotes)
    if quotes == "none" and opens_with_quote(data, dialect.delimiter):
        file.say(
            "quotes",
            "Some quote opens a cell and never closes; quotes were read as ordinary characters.",
            count=data.count(b'"'),
        )
    after = records.line >= dialect.first_line
    comment = _starts_with(data, records.start, dialect.comment) if dialect.comment else np.zeros(len(records), bool)
    whole = (records.fields == dialect.width) & records.closed
    blank = (records.fields == 0) & (dialect.width > 1)
    good = after & ~comment & (whole | ((records.fields == 0) & (dialect.width == 1)))
    _say_set_aside(file, records, after & ~comment & ~good & ~blank)
    if count := int((comment & (records.fields > 0)).sum()):
        file.checks.append(Check("comments", "PASS", f"Skipped {counted(count, 'comment line')}.", count=count))
    if count := int((after & blank).sum()):
        file.checks.append(Check("blank_lines", "PASS", f"Skipped {counted(count, 'blank line')}.", count=count))
    if dialect.preamble:
        where = tuple(f"line {n}" for n in dialect.preamble)
        file.say("preamble", f"Skipped {counted(len(where), 'line')} before the table.", count=len(where), examples=where)
    if not good.any():
        raise _no_rows(file.path, dialect)
    kept = _join(data, records.start[good], records.end[good])
    return _unpad(kept, dialect) if dialect.padded else kept


def _starts_with(data: bytes, starts: np.ndarray, comment: str) -> np.ndarray:
    text = np.frombuffer(data, np.uint8)
    return text[np.minimum(starts, len(text) - 1)] == ord(comment)


def _say_set_aside(file: _File, records: Records, bad: np.ndarray) -> None:
    where = np.flatnonzero(bad)
    if not len(where):
        return
    examples = tuple(
        f"line {records.line[i]}: " + (f"{records.fields[i]} fields" if records.closed[i] else "a quote that never closes")
        for i in where[:5]
    )
    file.say(
        "ragged",
        f"Set aside {counted(len(where), 'row')} without the {file.dialect.width:,} fields of the others.",
        count=len(where),
        examples=examples,
    )


def _join(data: bytes, starts: np.ndarray, ends: np.ndarray) -> bytes:
    """The byte ranges as lines; neighbours are copied together."""
    if not len(starts):
        return b""
    breaks = np.flatnonzero(starts[1:] != ends[:-1] + 1)
    first = np.concatenate([[0], breaks + 1])
    last = np.concatenate([breaks, [len(starts) - 1]])
    return b"\n".join(data[starts[a] : ends[b]] for a, b in zip(first, last, strict=True)) + b"\n"


def _unpad(data: bytes, dialect: Dialect) -> bytes:
    """Quotes moved up to the delimiter, where Polars looks for them; blanks around cells go later."""
    if b'"' not in data:
        return data
    divider = dialect.delimiter.encode()
    return data.replace(divider + b' "', divider + b'"')


def _finish(file: _File, frame: pl.DataFrame, *, all_text: bool = False) -> Source:
    clean = clean_cells(frame, all_text=all_text, decimal_comma=file.dialect.decimal_comma)
    if not len(clean.frame):
        raise _no_rows(file.path, file.dialect)
    checks = [_summary(file, clean.frame), *file.checks, *clean.checks]
    source = Source(clean.frame, str(file.path), checks=checks, base=str(file.path.parent))
    source.words = clean.words
    for name in [n for n, t in clean.frame.schema.items() if t == pl.Int128]:
        source.frame = source.table.with_columns(pl.col(name).cast(pl.String))
        text = f"{name} holds whole numbers beyond 64 bits; they were read as text."
        source.checks.append(Check("long_numbers", "WARN", text, name, len(frame)))
    return source


def _summary(file: _File, frame: pl.DataFrame) -> Check:
    dialect = file.dialect
    said = [f"{NAMES.get(dialect.delimiter, repr(dialect.delimiter))}-separated" if dialect.width > 1 else "one column"]
    said.append(file.encoding.upper() if file.encoding.startswith("utf") else file.encoding)
    said.append("with a header" if dialect.names else "no header")
    if dialect.decimal_comma:
        said.append("decimal comma")
    text = f"Read as {', '.join(said)}: {counted(len(frame), 'row')}, {counted(frame.width, 'column')}."
    return Check("format", "PASS", text, count=len(frame))
