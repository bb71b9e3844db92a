"""Optuna's journal file, made safe against a writer that dies in the middle of a line.

The file is the one that `optuna.storages.journal.JournalFileBackend` writes, one JSON object a line, so that Optuna's own tools
read it. What differs: writers hold a lock that the kernel releases when they die (Optuna's lock is a file that a dead writer
leaves behind), and the rest of a torn last line is cut off before anything is appended to it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainwell.core.errors import CheckpointError


class Journal:
    """A backend for `optuna.storages.JournalStorage`.

    Args:
        path: the file; it is created with the first line. Beside it lies a `.flock`, on which writers wait for each other.

    Example:
        >>> import tempfile
        >>> journal = Journal(Path(tempfile.mkdtemp()) / "journal.log")
        >>> journal.append_logs([{"op_code": 0}])
        >>> with journal.path.open("a") as file: _ = file.write('{"op_co')  # a writer died here
        >>> journal.append_logs([{"op_code": 4}])
        >>> list(journal.read_logs(0))
        [{'op_code': 0}, {'op_code': 4}]
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = (0, 0)  # lines read so far, and where the next one begins

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The whole lines from number `log_number_from` on; what follows the last line break is not there yet.

        Raises:
            CheckpointError: a line in the middle is damaged.
        """
        number, place = self._read if self._read[0] <= log_number_from else (0, 0)
        for line in self._lines_from(place):
            number, place = number + 1, place + len(line)
            if number <= log_number_from:
                continue
            try:
                record = json.loads(line)
            except ValueError:
                what, remedy = f"line {number} is damaged", "Restore the file from a copy, or begin a new study."
                raise CheckpointError(what, where=str(self.path), remedy=remedy) from None
            self._read = number, place
            yield record

    def _lines_from(self, place: int) -> list[bytes]:
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(place)
            text = file.read()
        return text[: text.rfind(b"\n") + 1].splitlines(keepends=True)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines behind the last whole one; when this returns they are on the disk."""
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        with locked(self.path.with_name(self.path.name + ".flock")), open(self.path, "ab") as file:
            file.truncate(whole_length(self.path))
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def whole_length(path: Path, *, block: int = 1 << 16) -> int:
    """Bytes up to and with the last line break: where a torn last line begins.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a"
        >>> _ = path.write_bytes(b"one" + chr(10).encode() + b"tw")
        >>> whole_length(path)
        4
    """
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - block)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file; whoever holds it already is waited for, and the dead hold nothing."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # closing is releasing
