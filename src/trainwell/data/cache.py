"""A content-addressed cache on disk: a key names exactly one content, so an entry is whole and right, or not there.

An entry is built in a temporary folder beside its place, flushed to the disk and renamed. Runs that build the same entry at the
same time do not disturb each other (the first rename wins), and a killed build leaves only a temporary folder.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from trainwell.core.atomic import flush_folder
from trainwell.core.errors import DataError

_log = logging.getLogger("trainwell")
_MANIFEST = "manifest.json"
_SAMPLE = 1 << 20
_SAMPLES = 16
_STALE_SECONDS = 24 * 3600.0


def cache_home() -> Path:
    """The cache folder: `TRAINWELL_CACHE`, else `~/.cache/trainwell`."""
    return Path(os.environ.get("TRAINWELL_CACHE") or Path.home() / ".cache" / "trainwell")


def place_of(key: str) -> Path:
    """Where the entry of a hex `key` lies, whether it exists or not."""
    return cache_home() / key[:2] / key


def find(key: str) -> Path | None:
    """The folder of a whole entry, or None; a damaged one is said, removed and not returned."""
    folder = place_of(key)
    if not folder.is_dir():
        return None
    if _whole(folder):
        return folder
    _log.warning("the cache entry %s is damaged; it is built anew", folder)
    _discard(folder)
    return None


def build(key: str, fill: Callable[[Path], None], *, about: str = "") -> Path:
    """The folder of an entry that `fill` writes, unless another run has finished it meanwhile.

    Args:
        key: hex digest that names the content.
        fill: writes the entry's files into the folder that it is given.
        about: what it is and what it was made from, for `trainwell cache ls`.

    Raises:
        DataError: the cache folder cannot be written, or the disk is full.
    """
    folder = place_of(key)
    temporary = folder.with_name(f".{key}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir(parents=True)
        _remove_stale(folder.parent)
        fill(temporary)
        _seal(temporary, about)
        return _publish(temporary, folder)
    except OSError as error:
        raise DataError(
            f"the cache cannot be written: {error.strerror or error}",
            where=str(cache_home()),
            remedy="Free some space, or set TRAINWELL_CACHE to a folder with space.",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def need_space(size: int) -> None:
    """Raises DataError when the cache's disk has fewer than `size` bytes left, before anything is written."""
    home = cache_home()
    while not home.exists():
        home = home.parent
    free = shutil.disk_usage(home).free
    if free < size:
        raise DataError(
            f"the decoded pictures need {size / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            where=str(cache_home()),
            remedy="Free some space, set TRAINWELL_CACHE to another disk, or choose a smaller prepare.picture_size.",
        )


def _publish(temporary: Path, folder: Path) -> Path:
    try:
        os.rename(temporary, folder)
    except OSError:
        if not (folder.is_dir() and _whole(folder)):
            raise
    flush_folder(folder.parent)
    return folder


def _seal(folder: Path, about: str) -> None:
    files = {p.name: {"bytes": p.stat().st_size, "crc": sampled_crc(p)} for p in sorted(folder.iterdir())}
    for path in folder.iterdir():
        _flush(path)
    body = json.dumps(files)
    manifest = folder / _MANIFEST
    manifest.write_text(json.dumps({"files": body, "crc": crc32(body.encode()), "about": about}))
    _flush(manifest)
    flush_folder(folder)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _whole(folder: Path) -> bool:
    """Whether every file has the length and the checksum that the manifest says."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        body = manifest["files"]
        if crc32(body.encode()) != manifest["crc"]:
            return False
        for name, about in json.loads(body).items():
            path = folder / name
            if path.stat().st_size != about["bytes"] or sampled_crc(path) != about["crc"]:
                return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def sampled_crc(path: Path) -> int:
    """CRC-32 of up to 16 pieces of 1 MiB spread over the file: finds lost pages without reading gigabytes."""
    size, crc = path.stat().st_size, 0
    last = max(0, size - _SAMPLE)
    with open(path, "rb") as file:
        for piece in range(_SAMPLES):
            file.seek(last * piece // (_SAMPLES - 1))
            crc = crc32(file.read(_SAMPLE), crc)
            if last == 0:
                break
    return crc


def _discard(folder: Path) -> None:
    """Remove an entry in one instant for others: rename first, delete then."""
    doomed = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    try:
        os.rename(folder, doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)


def _remove_stale(parent: Path) -> None:
    """Temporary folders of builds that were killed more than a day ago."""
    for path in parent.glob(".*.tmp"):
        try:
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        except FileNotFoundError:
            continue
