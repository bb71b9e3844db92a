"""A content-addressed cache on disk: a key names exactly one content, so an entry is whole and right, or not there.

An entry is built in a temporary folder beside its place, flushed to the disk and renamed. Runs that build the same entry at the
same time do not disturb each other (the first rename wins), and a killed build leaves only a temporary folder.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from trainwell.core.atomic import flush
from trainwell.core.errors import DataError, UsageError

_log = logging.getLogger("trainwell")
_MANIFEST = "manifest.json"
#: Of how an entry is kept; entries of another version are built anew.
VERSION = 2
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
        _note_use(folder)
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


def need_space(
    size: int, what: str = "the decoded pictures", *, smaller: str = "choose a smaller prepare.picture_size"
) -> None:
    """Raises DataError when the cache's disk has fewer than `size` bytes left, before anything is written.

    Args:
        size: bytes.
        what: what needs them.
        smaller: what makes it need less, as the end of a sentence.
    """
    home = cache_home()
    while not home.exists():
        home = home.parent
    free = shutil.disk_usage(home).free
    if free < size:
        raise DataError(
            f"{what} need {size / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            where=str(cache_home()),
            remedy=f"Free some space (trainwell cache rm), set TRAINWELL_CACHE to another disk, or {smaller}.",
        )


def _publish(temporary: Path, folder: Path) -> Path:
    try:
        os.rename(temporary, folder)
    except OSError:
        if not (folder.is_dir() and _whole(folder)):
            raise
    flush(folder.parent)
    return folder


def _seal(folder: Path, about: str) -> None:
    files = {p.name: {"bytes": p.stat().st_size, "crc": sampled_crc(p)} for p in sorted(folder.iterdir())}
    for path in folder.iterdir():
        flush(path)
    body = json.dumps(files)
    manifest = folder / _MANIFEST
    manifest.write_text(
        json.dumps({"version": VERSION, "files": body, "crc": crc32(body.encode()), "about": about, "made": time.time()})
    )
    flush(manifest)
    flush(folder)


def _whole(folder: Path) -> bool:
    """Whether every file has the length and the checksum that the manifest says."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        body = manifest["files"]
        if manifest["version"] != VERSION or crc32(body.encode()) != manifest["crc"]:
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


def _note_use(folder: Path) -> None:
    """The manifest's time is the entry's last use."""
    with contextlib.suppress(OSError):  # a cache that can only be read serves as well
        os.utime(folder / _MANIFEST)


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


@dataclass(frozen=True)
class Entry:
    """One entry of the cache, as `trainwell cache ls` lists it.

    Args:
        key: its name.
        about: what it is, and what it was made from.
        bytes: what it takes on the disk.
        made, used: seconds since 1970; use is noted whenever the entry is found.
        whole: False for what a killed build has left, which goes by itself after a day.
    """

    key: str
    about: str
    bytes: int
    made: float
    used: float
    whole: bool = True


def entries() -> list[Entry]:
    """Everything in the cache that can be made again, the last used first."""
    folders = [p for p in cache_home().glob("[0-9a-f][0-9a-f]/*") if p.is_dir()]
    return sorted((found for p in folders if (found := _entry(p)) is not None), key=lambda entry: -entry.used)


def _entry(folder: Path) -> Entry | None:
    try:
        size, changed = sum(p.stat().st_size for p in folder.iterdir() if p.is_file()), folder.stat().st_mtime
        path = folder / _MANIFEST
        if not path.exists():
            return Entry(folder.name, "an unfinished build", size, changed, changed, whole=False)
        manifest, used = json.loads(path.read_text()), path.stat().st_mtime
    except (OSError, ValueError):  # removed meanwhile, or torn
        return None
    return Entry(folder.name, manifest.get("about", ""), size, manifest.get("made", changed), used)


def remove(keys: Iterable[str]) -> list[Entry]:
    """Remove entries by the beginnings of their keys; a run that has one open keeps it until it ends.

    Raises:
        UsageError: no entry, or more than one, begins like this.
    """
    known = {entry.key: entry for entry in entries()}
    gone = []
    for key in keys:
        matching = [name for name in known if name.startswith(key)]
        if len(matching) != 1 or not key:
            what = f"{len(matching)} entries of the cache begin with {key!r}"
            raise UsageError(what, remedy="See `trainwell cache ls`, and write one of its names.")
        gone.append(known[matching[0]])
    for entry in gone:
        _discard(cache_home() / entry.key.lstrip(".")[:2] / entry.key)
    return gone
