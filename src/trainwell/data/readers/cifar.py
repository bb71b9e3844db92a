"""The binary version of CIFAR-10: six files of 3,073-byte records."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainwell.core.errors import DataError
from trainwell.data.readers import arrays, parts
from trainwell.data.readers.idx import read_bytes
from trainwell.data.source import Source

SIDE, CHANNELS = 32, 3
RECORD = 1 + SIDE * SIDE * CHANNELS
"""One label byte, then the red, green and blue planes."""


def is_cifar_folder(folder: Path) -> bool:
    """Whether `folder` holds CIFAR-10 binary batches."""
    return (folder / "data_batch_1.bin").is_file()


def read_cifar_folder(folder: Path) -> Source:
    """CIFAR-10 binary batches as pictures `(N, 32, 32, 3)` and labels, named by `batches.meta.txt` where it is there.

    Raises:
        DataError: a batch is cut off, or a label lies outside 0 to 9.
    """
    files = {"train": sorted(folder.glob("data_batch_*.bin")), "test": sorted(folder.glob("test_batch*.bin"))}
    names = _class_names(folder)
    return parts.join({part: _read_batches(paths, names, folder) for part, paths in files.items() if paths})


def _class_names(folder: Path) -> list[str]:
    meta = folder / "batches.meta.txt"
    return meta.read_text(encoding="ascii", errors="replace").split() if meta.is_file() else []


def _read_batches(paths: list[Path], names: list[str], folder: Path) -> Source:
    records = np.concatenate([_records(path) for path in paths])
    pictures = records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
    labels = records[:, 0].astype(np.int64)
    named = np.array(names, dtype=object)[labels] if len(names) == 10 else labels
    return arrays.read_pair(np.ascontiguousarray(pictures), named, str(folder))


def _records(path: Path) -> np.ndarray:
    data = np.frombuffer(read_bytes(path), np.uint8)
    if not data.size or data.size % RECORD:
        what = f"{data.size:,} bytes are no whole number of records of {RECORD:,} bytes"
        raise DataError(what, where=str(path), remedy="Copy or download the batch again.")
    records = data.reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise DataError(
            f"a label is {records[:, 0].max()}, outside 0 to 9", where=str(path), remedy="Give CIFAR-10's binary version."
        )
    return records
