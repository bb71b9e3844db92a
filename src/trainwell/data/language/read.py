"""Running text from files, folders of files, and columns of tables: one document a row, the text as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.readers import parts
from trainwell.data.readers.encodings import guess_encoding
from trainwell.data.readers.files import read_path
from trainwell.data.readers.read import read
from trainwell.data.readers.sniff import head_of, sniff
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source

COLUMN = "text"
#: Names of files that are read as running text whatever they look like.
SUFFIXES = {".txt", ".text", ".md", ".rst", ".tex"}
#: Characters that no reader sees; line ends and tabs stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\ufeff]")


def read_documents(source: Any, *, test: Any = None, valid: Any = None) -> Source:
    """Documents, one a row: a text file whole, every text file of a folder, or the rows of a table.

    Args:
        source: a file or folder of text, or anything that `read` takes.
        test: another one whose documents are the test part.
        valid: another one whose documents are the validation part.

    Raises:
        DataError: there is nothing to read.
    """
    given = {"train": _read_one(source)}
    given |= {part: _read_one(other) for part, other in (("valid", valid), ("test", test)) if other is not None}
    if len({tuple(one.frame.columns) for one in given.values()}) > 1:
        given = {part: _renamed(one) for part, one in given.items()}
    return parts.join(given)


def _read_one(source: Any) -> Source:
    if isinstance(source, Source):
        return source
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if path.is_dir() and (files := sorted(p for p in path.rglob("*") if _is_text(p))):
            return _of_files(files, str(path))
        if path.is_file() and (path.suffix.lower() in SUFFIXES or (not path.suffix and sniff(path) == "csv")):
            return _of_files([path], str(source))
    if isinstance(source, list) and source and all(isinstance(one, str) for one in source):
        return Source(pl.DataFrame({COLUMN: source}), "", kinds={COLUMN: "text"})
    return read(source) if not isinstance(source, Path) else read_path(source)


def _is_text(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _renamed(source: Source) -> Source:
    """A file's document beside a table's column: the only column of text has the common name."""
    texts = [name for name, dtype in source.frame.schema.items() if dtype == pl.String]
    if len(texts) != 1:
        remedy = "Give parts of one form, such as text files."
        raise DataError("the parts have different columns", where=source.origin, remedy=remedy)
    return Source(source.table.select(pl.col(texts[0]).alias(COLUMN)), source.origin, checks=source.checks)


def _of_files(paths: list[Path], origin: str) -> Source:
    texts, checks = [], list[Check]()
    for path in paths:
        head_of(path)  # says so where it is empty or cannot be opened
        data = path.read_bytes()
        encoding = guess_encoding(data)
        texts.append(data.decode("utf-8" if encoding == "utf-8 with errors" else encoding, "replace"))
        if encoding not in ("utf-8", "utf-8-sig"):
            text = f"{path.name} was read as {encoding}."
            checks.append(Check("encoding", "WARN", text, COLUMN, 1, (path.name,)))
    checks.insert(0, Check("texts", "PASS", f"Found {counted(len(paths), 'text file')}.", COLUMN, len(paths)))
    return Source(pl.DataFrame({COLUMN: texts}), origin, kinds={COLUMN: "text"}, checks=checks)


def tidy(text: str) -> tuple[str, int]:
    """A text with plain line ends and without invisible characters, and how many of these it had.

    Example:
        >>> tidy("a\\r\\nb\\x00")
        ('a\\nb', 1)
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.subn("", text)
