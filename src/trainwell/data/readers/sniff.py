"""What a file is by its first bytes; the suffix is only asked where the bytes leave it open."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path

from trainwell.core.errors import DataError
from trainwell.data.readers.idx import IDX_TYPES, cannot_open

MAGIC = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow_stream"),
    (b"\x93NUMPY", "npy"),
    (b"\xd0\xcf\x11\xe0", "excel"),
    (b"\xff\xd8\xff", "one picture"),
    (b"\x89PNG", "one picture"),
    (b"GIF8", "one picture"),
    (b"BM", "bmp?"),
    (b"RIFF", "a RIFF file (sound, film or WebP)"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
)

SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".data": "csv", ".dat": "csv", ".test": "csv",
    ".parquet": "parquet", ".pq": "parquet", ".feather": "arrow", ".arrow": "arrow", ".ipc": "arrow",
    ".jsonl": "ndjson", ".ndjson": "ndjson", ".json": "json",
    ".xlsx": "excel", ".xls": "excel", ".xlsm": "excel", ".ods": "excel",
    ".npy": "npy", ".npz": "npz", ".ts": "ts", ".arff": "arff",
}  # fmt: skip
"""Suffix → format, for files whose first bytes do not say, and to notice files whose name lies."""

TABLES = frozenset(("csv", "parquet", "arrow", "arrow_stream", "ndjson", "json", "excel", "npz", "npy", "ts", "arff"))
"""Formats that one file of a folder may have to be taken as the folder's table."""


def head_of(path: Path, size: int = 65_536) -> bytes:
    """The first bytes of a file, unpacked if gzipped.

    Raises:
        DataError: the file cannot be opened, is empty, or its gzip stream is damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(size)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacked:
                head = unpacked.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError("the gzip file is cut off or damaged", where=str(path), remedy="Copy or download it again.") from None
    except OSError as error:
        raise cannot_open(path, error) from None
    if not head:
        raise DataError("the file is empty", where=str(path), remedy="Give a file with rows.")
    return head


def suffix_format(path: Path) -> str:
    """The format that the file's name promises, or "".

    Example:
        >>> suffix_format(Path("a.CSV.gz"))
        'csv'
    """
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    return SUFFIXES.get(suffixes[-1], "") if suffixes else ""


def sniff(path: Path) -> str:
    """The format of a file: one of `TABLES`, "idx", or a description of something that is no table.

    Raises:
        DataError: the file cannot be opened or is empty.
    """
    head = head_of(path)
    if head[:4] == b"PK\x03\x04":
        return _zip_format(path)
    if len(head) > 4 and head[:2] == b"\0\0" and head[2] in IDX_TYPES and 1 <= head[3] <= 8:
        return "idx"
    for magic, format_ in MAGIC:
        if head.startswith(magic) and (format_ != "bmp?" or b"\0" in head[:32]):
            return "one picture" if format_ == "bmp?" else format_
    return _text_format(path, head)


def _zip_format(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, OSError):
        raise DataError("the file is cut off or damaged", where=str(path), remedy="Copy or download it again.") from None
    if any(name.endswith(".npy") for name in names):
        return "npz"
    if any(name.startswith("xl/") for name in names) or "content.xml" in names:
        return "excel"
    return "a zip archive"


def _text_format(path: Path, head: bytes) -> str:
    """Text: JSON where it starts like it and the suffix does not object, else a delimited table."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    promised = suffix_format(path)
    lower = head.lower()
    if promised == "arff" or (b"@relation" in lower and b"@attribute" in lower):
        return "arff"
    if b"@problemname" in lower or (promised == "ts" and b"@data" in lower):
        return "ts"
    if start == b"[" and promised != "csv":
        return "json"
    if start == b"{" and promised != "csv":
        return "json" if promised == "json" and b"\n{" not in head.replace(b"\r", b"") else "ndjson"
    return "csv"
