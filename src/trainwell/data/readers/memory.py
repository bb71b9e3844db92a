"""How much of the machine's memory one array may take, and where it goes beyond that."""

from __future__ import annotations

import os
import re
from pathlib import Path

from trainwell.core.errors import UsageError

ASSUMED = 16 << 30
"""Bytes of memory assumed where the system does not say."""


def memory_limit() -> int:
    """Bytes that one column, or a table that is not streamed, may take: a quarter of the memory there is.

    That is the machine's memory, the control group's where that is less, or what `TRAINWELL_MEMORY` says (`6GB`).

    Example:
        >>> memory_limit() > 0
        True
    """
    if said := os.environ.get("TRAINWELL_MEMORY"):
        return parse_bytes(said) // 4
    sizes = [ASSUMED]
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    group = Path("/sys/fs/cgroup/memory.max")
    if group.is_file() and (text := group.read_text().strip()).isdigit():
        sizes.append(int(text))
    return min(sizes) // 4


def parse_bytes(text: str) -> int:
    """`6GB`, `500 MB` or plain bytes as a number.

    Raises:
        UsageError: it is no size.

    Example:
        >>> parse_bytes("1.5GB")
        1500000000
    """
    found = re.fullmatch(r"\s*([\d.]+)\s*([kmgt]?)b?\s*", text, re.I)
    try:
        number = float(found[1]) if found else -1.0
    except ValueError:
        number = -1.0
    if found is None or number < 0:
        raise UsageError(f"TRAINWELL_MEMORY={text} is no size", remedy="Write 6GB or 500MB.")
    return int(number * 1000 ** " kmgt".index(found[2].lower() or " "))


def spill_folder() -> Path:
    """Where spilled arrays lie: `TRAINWELL_CACHE`, else `~/.cache/trainwell` (the temporary folder is often memory itself)."""
    folder = Path(os.environ.get("TRAINWELL_CACHE") or Path.home() / ".cache" / "trainwell")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
