"""Files on other machines: `s3://…`, `gs://…`, `https://…`, whatever fsspec reaches; copied into the cache and read there."""

from __future__ import annotations

import importlib.util
import re
from hashlib import blake2b
from pathlib import Path
from typing import Any

from trainwell.core.errors import DataError, MissingExtra
from trainwell.data import cache
from trainwell.data.readers.many_files import is_pattern
from trainwell.data.readers.sniff import suffix_format


def is_remote(place: str) -> bool:
    """Whether a text names a file on another machine.

    Example:
        >>> is_remote("s3://bucket/rows.parquet"), is_remote("rows.parquet")
        (True, False)
    """
    return re.match(r"[a-z][a-z0-9+.-]+://", place, re.I) is not None


def fetch(place: str) -> list[Path]:
    """Local copies of the file, of the files that fit a pattern, or of the tables in a folder; sorted by name.

    A copy is kept in the cache until its original changes (its checksum, or its size and time, as the file system tells).
    Credentials are those of the machine (environment variables, configuration files), never part of the text.

    Raises:
        DataError: nothing is there, or it cannot be reached.
        MissingExtra: fsspec, or what it needs for this kind of place, is not installed.
    """
    if re.match(r"[^/]+://[^/]*@", place):
        what = "a place on another machine names no user or password"
        raise DataError(what, remedy="Set the environment variables of its service, such as AWS_ACCESS_KEY_ID.")
    if importlib.util.find_spec("fsspec") is None:
        raise MissingExtra("other machines need the extra remote", where=place, remedy='Run pip install "trainwell[remote]".')
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(place)
        names = _names(system, path)
        return [_copy(system, name, place) for name in names]
    except ImportError as error:
        raise MissingExtra(str(error).rstrip("."), where=place, remedy="Install it with pip.") from None
    except DataError:
        raise
    except Exception as error:  # every service has its own family of errors
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise DataError(f"it cannot be read ({reason})", where=place, remedy="Check the place and your credentials.") from None


def _names(system: Any, path: str) -> list[str]:
    """The files that a place names, as its file system calls them."""
    if is_pattern(path):
        found = sorted(name for name in system.glob(path) if system.isfile(name))
    elif system.isdir(path):
        found = sorted(name for name in system.ls(path, detail=False) if suffix_format(Path(name)) and system.isfile(name))
    else:
        found = [path] if system.exists(path) else []
    if not found:
        raise DataError("there is no such file, or no table in the folder", where=path, remedy="Check the place.")
    return found


def _copy(system: Any, name: str, place: str) -> Path:
    key = blake2b(f"copy {place} {name} {system.ukey(name)}".encode(), digest_size=20).hexdigest()
    local = Path(name).name
    size = int(system.size(name) or 0)
    folder = cache.find(key)
    if folder is None:
        cache.need_space(size, "the copied files", smaller="copy fewer of them")
        folder = cache.build(key, lambda entry: system.get_file(name, str(entry / local)), about=f"copy {name}")
    return folder / local
