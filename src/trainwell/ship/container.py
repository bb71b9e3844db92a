"""The container of a bundle: one file of named blocks of bytes, each with its digest. It knows nothing of what they mean.

    bytes     what
    0-7       the letters that say what file this is, the last of them the version of the container
    8-15      length of the index, little endian
    16-47     SHA-256 of the index
    48-       the index, JSON: [[name, size, SHA-256 in hex], …], then the blocks in that order, without gaps

Every byte of the file is under a digest, sizes are compared with the size of the file before anything is allocated, and a name
is a key and never a path.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import CheckpointError

MAGIC = b"\x89tw\r\n\x1a\n"
VERSION = 1
_HEAD = len(MAGIC) + 1 + 8 + 32
#: Longest index that is read: thousands of blocks.
_LONGEST_INDEX = 1 << 20
#: What Python keeps of JSON at most: bytes per object, per list, per further value.
_OBJECT, _LIST, _VALUE = 232, 88, 80
#: Memory that opening may take beyond a multiple of the file.
_SPARE = 40 << 20


def write(path: Path, blocks: Mapping[str, bytes]) -> None:
    """Write blocks as one file, whole or not at all; the same blocks give the same bytes."""
    write_atomic(path, content(blocks))


def content(blocks: Mapping[str, bytes]) -> bytes:
    """The bytes of a container."""
    index = json.dumps([[name, len(blob), sha256(blob).hexdigest()] for name, blob in blocks.items()]).encode()
    if len(index) > _LONGEST_INDEX:
        raise CheckpointError(f"{len(blocks):,} blocks are more than one bundle holds", remedy="Ship fewer members.")
    head = MAGIC + bytes([VERSION]) + len(index).to_bytes(8, "little") + sha256(index).digest()
    return b"".join([head, index, *blocks.values()])


class Container:
    """An open container, whose blocks are read and checked one by one.

    Args:
        path: the file.

    Raises:
        CheckpointError: it is no container, of another version, damaged, or cut off.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "a.tw")
        >>> write(path, {"greeting": b"hello"})
        >>> with Container(path) as container:
        ...     container.read("greeting")
        b'hello'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise CheckpointError(f"cannot be read: {error.strerror}", where=str(path)) from None
        try:
            self._places = self._index()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Container:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._places)

    def read(self, name: str) -> bytes:
        """The bytes of a block."""
        if name not in self._places:
            raise self.refusal(f"it has no {name!r}")
        start, size, digest = self._places[name]
        self._file.seek(start)
        blob = self._file.read(size)
        if sha256(blob).hexdigest() != digest:
            raise self.refusal(f"the bytes of {name!r} are not those that were written")
        return blob

    def read_json(self, name: str) -> Any:
        """The value of a block of JSON, which may not take much more memory than the file is long."""
        return self._parse(self.read(name), name)

    def refusal(self, why: str) -> CheckpointError:
        """The error that refuses this file."""
        remedy = "Get a fresh copy, or write it again with trainwell bundle."
        return CheckpointError(f"not a sound bundle: {why}", where=str(self.path), remedy=remedy)

    def _index(self) -> dict[str, tuple[int, int, str]]:
        about = os.fstat(self._file.fileno())
        head = self._file.read(_HEAD) if stat.S_ISREG(about.st_mode) else b""
        if head[: len(MAGIC)] != MAGIC:
            remedy = "Give a file that trainwell bundle wrote."
            raise CheckpointError("this is no bundle", where=str(self.path), remedy=remedy)
        self.size = about.st_size
        if len(head) < _HEAD:
            raise self.refusal("it ends within its head")
        if head[len(MAGIC)] != VERSION:
            what = f"a bundle of version {head[len(MAGIC)]}, this trainwell reads version {VERSION}"
            raise CheckpointError(what, where=str(self.path), remedy="Install the trainwell that wrote it.")
        length = int.from_bytes(head[len(MAGIC) + 1 : -32], "little")
        if length > min(_LONGEST_INDEX, self.size - _HEAD):
            raise self.refusal(f"its index claims {length:,} bytes")
        index = self._file.read(length)
        if sha256(index).digest() != head[-32:]:
            raise self.refusal("the bytes of its index are not those that were written")
        return self._laid_out(self._parse(index, "index"), _HEAD + length)

    def _laid_out(self, index: Any, start: int) -> dict[str, tuple[int, int, str]]:
        """Where each block lies; they have to fill the file."""
        places: dict[str, tuple[int, int, str]] = {}
        for entry in index if isinstance(index, list) else [None]:
            if not isinstance(entry, list) or [type(part) for part in entry] != [str, int, str]:
                raise self.refusal("its index is no list of names, sizes and digests")
            name, size, digest = entry
            if name in places or not 0 <= size <= self.size - start:
                raise self.refusal(f"the block {name[:80]!r} is there twice or does not fit into the file")
            places[name] = (start, size, digest)
            start += size
        if start != self.size:
            raise self.refusal(f"it has {self.size:,} bytes where its index says {start:,}")
        return places

    def _parse(self, blob: bytes, name: str) -> Any:
        needed = len(blob) + _OBJECT * blob.count(b"{") + _LIST * blob.count(b"[") + _VALUE * blob.count(b",")
        if needed > self.size + _SPARE:
            raise self.refusal(f"{name!r} would need {needed >> 20:,} MB of memory")
        try:
            return json.loads(blob)
        except (ValueError, RecursionError) as error:
            raise self.refusal(f"{name!r} is no JSON ({error})") from None
