"""Files mapped into memory, of which no more than a share stays there.

A mapped page that was read once counts as this process's memory until the system needs it for somebody else. In a container
with a limit, and on a machine that others use, it is better given back before: the system keeps the files' pages anyway, and
reading one again costs a microsecond.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np

from trainwell.data.readers.memory import memory_limit

#: Seconds between two looks at the memory.
PAUSE = 0.1

_watched: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
_lock = threading.Lock()


def mapped(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.memmap:
    """The array in a file; its pages leave memory when all pages mapped take more than `memory_limit()`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "numbers.raw"
        >>> _ = path.write_bytes(np.arange(6, dtype=np.int32).tobytes())
        >>> mapped(path, np.dtype(np.int32), (2, 3)).tolist()
        [[0, 1, 2], [3, 4, 5]]
    """
    array = np.memmap(path, dtype, mode="c", shape=shape)
    if sys.platform == "linux" and isinstance(array.base, mmap.mmap):
        with _lock:
            alone = not _watched
            _watched.add(array.base)
        if alone:
            threading.Thread(target=_watch, name="mapped pages", daemon=True).start()
    return array


def resident() -> int:
    """Bytes of files that are mapped and in memory."""
    return int(Path("/proc/self/statm").read_text().split()[2]) * os.sysconf("SC_PAGE_SIZE")


def _watch() -> None:
    """Until no map is left."""
    while True:
        time.sleep(PAUSE)
        with _lock:
            if not _watched:
                return
        give_back(memory_limit())


def give_back(limit: int) -> None:
    """Let go of all mapped pages if they take more than `limit` bytes; nothing wrote to them, so nothing is lost."""
    if resident() > limit:
        with _lock:
            for held in _watched:
                held.madvise(mmap.MADV_DONTNEED)
