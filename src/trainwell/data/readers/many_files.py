"""Several files that are one table: read one under the other, or left on disk where they are larger than a share of memory."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

from trainwell.core.errors import DataError
from trainwell.data import cache
from trainwell.data.card import Check
from trainwell.data.readers import lazy_tables, parts
from trainwell.data.readers.memory import memory_limit
from trainwell.data.readers.sniff import sniff, suffix_format
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source
from trainwell.data.stored import Stored

#: How many times as large as its file a text table is in memory, more or less.
_TEXT_GROWS = 1.5
#: Part of the key of a converted file; another number forgets what was converted before.
_VERSION = 1

Read = Callable[[Path], Source]


def is_pattern(place: str) -> bool:
    """Whether a place names several files at once.

    Example:
        >>> is_pattern("data/*.parquet"), is_pattern("data/part.parquet")
        (True, False)
    """
    return any(sign in place for sign in "*?[")


def files_of(pattern: str) -> list[Path]:
    """The files that a pattern names, sorted; `**` looks into folders below.

    Raises:
        DataError: there is none.
    """
    found = sorted(Path(name) for name in glob.glob(os.path.expanduser(pattern), recursive=True) if os.path.isfile(name))
    if not found:
        raise DataError("no file fits this pattern", where=pattern, remedy="Check the folder; `**` looks into folders below.")
    return found


def read_many(paths: Sequence[Path], origin: str, read: Read) -> Source:
    """Files of the same columns as one source, rows in the order of the files.

    Args:
        paths: the files.
        origin: what messages call them together.
        read: reads one of them.

    Raises:
        DataError: a file cannot be read, or has other columns than the first.
    """
    formats = [sniff(path) for path in paths]
    source = _streamed(paths, formats, origin, read)
    if source is None:
        source = parts.stack([read(path) for path in paths], names=[f"file {i}" for i in range(1, len(paths) + 1)])
        source.origin = origin
    if len(paths) > 1:
        text = f"{counted(len(paths), 'file')} of the same columns are one table of {counted(len(source), 'row')}."
        source.checks.insert(0, Check("files", "PASS", text, count=len(paths), examples=(paths[0].name, paths[-1].name)))
    return source


def read_large(path: Path, held: str, read: Read) -> Source | None:
    """One table file left on disk, where it is larger than a share of memory; else None."""
    return _streamed([path], [held], str(path), read)


def _streamed(paths: Sequence[Path], formats: Sequence[str], origin: str, read: Read) -> Source | None:
    """The files as a source that stays on disk; None where they fit into memory, or are no tables of plain cells."""
    if not set(formats) <= {"parquet", "arrow", "csv", "arrow_stream", "ndjson"}:
        return None
    size = sum(_size(path, held) for path, held in zip(paths, formats, strict=True))
    if size <= memory_limit():
        return None
    checks: list[Check] = []
    scanned = [
        path if held in ("parquet", "arrow") else converted(path, read, checks)
        for path, held in zip(paths, formats, strict=True)
    ]
    source = lazy_tables.open_stored(scanned, origin)
    if source is None:
        return None
    source.checks = [*checks, *source.checks, _said(source, size)]
    source.base = str(paths[0].parent)
    return source


def _size(path: Path, held: str) -> int:
    if held in ("parquet", "arrow"):
        return lazy_tables.size_of(path)
    packed = 6 if suffix_format(path) and path.suffix.lower() == ".gz" else 1
    return int(path.stat().st_size * packed * _TEXT_GROWS)


def _said(source: Source, size: int) -> Check:
    if isinstance(source.frame, Stored):
        text = f"The table ({size / 1e9:.1f} GB of cells) was left on disk and read column by column; nothing is sampled."
        return Check("streamed", "PASS", text, count=len(source))
    text = f"The pictures in the table ({size / 1e9:.1f} GB) were put into the cache once, and are read from there."
    return Check("unpacked", "PASS", text, count=len(source))


def converted(path: Path, read: Read, checks: list[Check]) -> Path:
    """The cells of a file that cannot be read by columns, as a Parquet file in the cache; what its reader said is kept.

    Raises:
        DataError: the file cannot be read, or the cache cannot be written.
    """
    key = blake2b(f"converted {_VERSION} {lazy_tables.identity_of([path])}".encode(), digest_size=20).hexdigest()
    folder = cache.find(key)
    if folder is None:
        folder = cache.build(key, lambda place: _convert(read(path), place), about=f"table {path}")
    for said in json.loads((folder / "checks.json").read_text()):
        checks.append(Check(**said | {"text": f"{path.name}: {said['text']}", "examples": tuple(said["examples"])}))
    return folder / "table.parquet"


def _convert(source: Source, place: Path) -> None:
    if source.arrays or isinstance(source.frame, Stored):
        what = "the table is larger than memory and holds more than single values"
        raise DataError(what, where=source.origin, remedy="Give TRAINWELL_MEMORY more, or plain columns.")
    source.frame.write_parquet(place / "table.parquet", compression="zstd", compression_level=1)
    (place / "checks.json").write_text(json.dumps([vars(check) for check in source.checks]))
