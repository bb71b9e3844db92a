"""What the headers of many pictures say: one row per picture, read once and remembered while the files do not change."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import PIL
import polars as pl

from trainwell.data import cache
from trainwell.data.decode_picture import UnusableError, quiet, read_bytes, read_header
from trainwell.data.pack import content, is_packed

T = TypeVar("T")

#: Raise it when decoding changes, so that pictures decoded by older code are not used.
CODE_VERSION = 2

#: Files changed so short a time ago may change again within the same clock tick of the file system; they are not remembered.
_SETTLED_SECONDS = 2.0

#: Up to this many pictures are decoded into memory each time; a cache entry would cost more than it saves.
SMALL = 64

SCHEMA = {
    "problem": pl.String,
    "detail": pl.String,
    "digest": pl.String,
    "format": pl.String,
    "mode": pl.String,
    "width": pl.Int32,
    "height": pl.Int32,
    "grey": pl.Boolean,
    "notes": pl.String,
}


@dataclass(frozen=True)
class Pile:
    """Pictures that are not decoded yet.

    Args:
        cells: paths (relative to `base`, or absolute), whole files as bytes, their places in a pack, or None for an empty cell.
        base: the folder that relative paths start from; the working folder when empty.
    """

    cells: Sequence[str | bytes | None]
    base: str = ""

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def in_files(self) -> bool:
        """Whether no picture is given as bytes, but by its path or its place in a pack."""
        return not any(isinstance(cell, bytes) and not is_packed(cell) for cell in self.cells)

    def path(self, cell: str) -> str:
        return os.path.join(self.base, cell)

    def name(self, row: int) -> str:
        """What a message calls the picture."""
        cell = self.cells[row]
        return cell if isinstance(cell, str) else f"row {row}"

    def read(self, row: int) -> bytes:
        """The bytes of one picture; raises UnusableError."""
        cell = self.cells[row]
        if not cell:
            raise UnusableError("missing" if cell is None or cell == "" else "empty")
        if isinstance(cell, str):
            return read_bytes(self.path(cell))
        if blob := content(cell):
            return blob
        raise UnusableError("empty")


def threads() -> int:
    """Decoding threads: one per core that this process may use, at most 16."""
    available = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(16, available)


def in_blocks(n: int, size: int, work: Callable[[int, int], T]) -> Iterable[T]:
    """`work(start, stop)` over `n` rows in blocks, in a thread pool; results in order, the rest is cancelled on an error.

    Only a few blocks are begun ahead: whoever has seen enough of a million pictures stops without having asked for all of them.
    """
    pool, ahead = ThreadPoolExecutor(threads(), thread_name_prefix="pictures"), deque[Future[T]]()
    try:
        with quiet():
            for start in range(0, n, size):
                ahead.append(pool.submit(work, start, min(start + size, n)))
                if len(ahead) > 4 * threads():
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def scan(pile: Pile) -> pl.DataFrame:
    """One row per picture: format, mode, size and digest of the file, or the problem that it has (columns: `SCHEMA`).

    Every file is read once. The table is remembered under the paths, sizes and times of the files, so the next call only asks
    the file system for these.
    """
    key, settled = _listing(pile)
    folder = cache.find(key) if key else None
    if folder is None:
        table = _scan(pile)
        if not settled:
            return table
        folder = cache.build(key, lambda place: table.write_ipc(place / "headers.arrow"), about=f"headers {pile.base}")
    return pl.read_ipc(folder / "headers.arrow")


def _scan(pile: Pile) -> pl.DataFrame:
    blocks = in_blocks(len(pile), 256, lambda start, stop: _rows(pile, start, stop))
    return pl.concat([pl.DataFrame(schema=SCHEMA), *blocks])


def _rows(pile: Pile, start: int, stop: int) -> pl.DataFrame:
    return pl.DataFrame([_row(pile, row) for row in range(start, stop)], schema=SCHEMA, orient="row")


def _row(pile: Pile, row: int) -> tuple[Any, ...]:
    digest = ""
    try:
        blob = pile.read(row)
        digest = file_digest(blob)
        cell = pile.cells[row]
        h = read_header(blob, cell if isinstance(cell, str) else "")
    except UnusableError as problem:
        return problem.code, problem.detail, digest, "", "", 0, 0, True, ""
    return "", "", digest, h.format, h.mode, h.width, h.height, h.grey, ",".join(h.notes)


def file_digest(blob: bytes) -> str:
    """Hex digest of a file's bytes."""
    return blake2b(blob, digest_size=16).hexdigest()


def _listing(pile: Pile) -> tuple[str, bool]:
    """A key of the files' paths, sizes and times, and whether they are settled enough to be remembered under it."""
    if not pile.in_files or len(pile) <= SMALL:
        return "", False
    digest = blake2b(f"listing {CODE_VERSION} {PIL.__version__} {Path(pile.base).absolute()}".encode(), digest_size=20)
    newest = 0
    for cell in pile.cells:
        size = changed = created = inode = -1
        try:
            about = os.stat(pile.path(str(cell or "")))
            size, changed, created, inode = about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino
        except (OSError, ValueError):
            pass  # the reason is found when the file is read
        newest = max(newest, changed, created)
        digest.update(f"\0{cell!s}\0{size} {changed} {created} {inode}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest(), newest < (time.time() - _SETTLED_SECONDS) * 1e9
