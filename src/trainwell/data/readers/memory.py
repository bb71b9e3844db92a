"""How much of the machine's memory one array may take, and where it goes beyond that."""

from __future__ import annotations

import os
from pathlib import Path

ASSUMED = 16 << 30
"""Bytes of memory assumed where the system does not say."""


def memory_limit() -> int:
    """Bytes that one column may take in memory: a quarter of the machine's, or of the control group's where that is less.

    Example:
        >>> memory_limit() > 0
        True
    """
    sizes = [ASSUMED]
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    group = Path("/sys/fs/cgroup/memory.max")
    if group.is_file() and (text := group.read_text().strip()).isdigit():
        sizes.append(int(text))
    return min(sizes) // 4


def spill_folder() -> Path:
    """Where spilled arrays lie: `TRAINWELL_CACHE`, else `~/.cache/trainwell` (the temporary folder is often memory itself)."""
    folder = Path(os.environ.get("TRAINWELL_CACHE") or Path.home() / ".cache" / "trainwell")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
