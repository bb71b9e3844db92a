"""Files that are either the old one or the new one, whatever happens in between."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write `content` so that a crash at any instant leaves the old file or the new one, never a torn one.

    The temporary file lies beside the target (a rename across file systems is a copy, and a copy can tear); file and folder
    are flushed to the disk before and after the rename.
    """
    path = Path(path)
    blob = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    flush(path.parent)


def write_json(
    path: Path,
    value: Any,
    *,
    indent: int | None = 2,
    ensure_ascii: bool = True,
    default: Callable[[Any], Any] | None = None,
) -> Path:
    """Write plain data as JSON, whole or not at all, in a folder that is made where there is none; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, default=default) + "\n")
    return path


def flush(path: Path) -> None:
    """Make what was written into a file survive a power cut; of a folder, renames and deletions in it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
