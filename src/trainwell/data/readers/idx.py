"""IDX files, the format of the MNIST family, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from trainwell.core.errors import DataError
from trainwell.data.readers import arrays, parts
from trainwell.data.source import Source

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""Type byte of the header → NumPy type; the format is big-endian."""

MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def read_bytes(path: Path) -> bytes:
    """The content of a file, unpacked if it is gzipped.

    Raises:
        DataError: the file cannot be opened, or its gzip stream is cut off or damaged.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError("the gzip file is cut off or damaged", where=str(path), remedy="Copy or download it again.") from None
    except OSError as error:
        raise cannot_open(path, error) from None


def cannot_open(path: Path, error: OSError) -> DataError:
    """The sentence for a file the system does not let us read."""
    reason = (error.strerror or str(error)).lower()
    return DataError(f"the file cannot be opened ({reason})", where=str(path), remedy="Check the path and its permissions.")


def read_idx_array(path: Path) -> np.ndarray:
    """The array in one IDX file.

    Raises:
        DataError: the header is no IDX header, or the file holds more or fewer values than its header says.
    """
    data = read_bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES:
        raise DataError("this is no IDX file", where=str(path), remedy="Copy or download it again.")
    dtype, axes = np.dtype(IDX_TYPES[data[2]]), data[3]
    shape = np.frombuffer(data, ">i4", count=axes, offset=4) if len(data) >= 4 + 4 * axes else np.zeros(0, int)
    start = 4 + 4 * axes
    expected = int(np.prod(shape.astype(np.int64))) * dtype.itemsize if axes else 0
    if len(shape) < axes or len(data) - start != expected:
        what = f"the IDX file holds {max(len(data) - start, 0):,} bytes of values where its header says {expected:,}"
        raise DataError(what, where=str(path), remedy="Copy or download it again.")
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def find_idx(folder: Path, name: str) -> Path | None:
    """The file `name` in `folder`, gzipped or not, with the dotted spelling some mirrors use."""
    for spelling in (name, name.replace("-idx", ".idx")):
        for path in (folder / spelling, folder / f"{spelling}.gz"):
            if path.is_file():
                return path
    return None


def is_idx_folder(folder: Path) -> bool:
    """Whether `folder` holds the training files of the MNIST family."""
    return all(find_idx(folder, name) for name in MNIST_FILES["train"])


def read_idx_folder(folder: Path) -> Source:
    """The MNIST family's four files as pictures `(N, H, W, 1)` and labels, with train and test parts.

    Raises:
        DataError: a file is damaged, or pictures and labels differ in number.
    """
    found = {}
    for part, names in MNIST_FILES.items():
        paths = [find_idx(folder, name) for name in names]
        if paths[0] and paths[1]:
            found[part] = arrays.read_pair(read_idx_array(paths[0]), read_idx_array(paths[1]), str(folder))
    return parts.join(found)


def read_idx_file(path: Path) -> Source:
    """One IDX file; beside a file of pictures the labels of the same part are found by name."""
    labels = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    if labels != path and labels.is_file():
        return arrays.read_pair(read_idx_array(path), read_idx_array(labels), str(path))
    return arrays.read_array(read_idx_array(path), str(path))
