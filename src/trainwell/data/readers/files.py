"""One file or folder as a `Source`: by what it holds first, by its name second."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.readers import (
    arff,
    arrays,
    cifar,
    hf_datasets,
    idx,
    many_files,
    mask_folders,
    parts,
    pictures,
    tables,
    texts,
    ts,
)
from trainwell.data.readers.csv import read_csv
from trainwell.data.readers.names_file import find_names
from trainwell.data.readers.sniff import TABLES, sniff, suffix_format
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source

Target = str | list[str] | None


def read_path(path: Path, target: Target = None) -> Source:
    """A file or folder as a `Source`.

    Args:
        path: the file or folder.
        target: the name for a last column that a UCI `.names` file leaves unnamed.

    Raises:
        DataError: nothing is there, it cannot be opened, or it holds nothing that can be read.
    """
    try:
        if path.is_dir():
            return read_folder(path, target)
        if path.is_file():
            return read_file(path, target)
    except PermissionError as error:
        raise idx.cannot_open(path, error) from None
    raise DataError("there is no such file or folder", where=str(path), remedy=_nearby(path))


def _nearby(path: Path) -> str:
    folder = path.parent
    held = [p.name for p in folder.iterdir()] if folder.is_dir() and os.access(folder, os.R_OK) else []
    close = get_close_matches(path.name, held, n=2)
    return f"Did you mean {' or '.join(close)}?" if close else "Give a path, or a public set's name such as digits."


def read_file(path: Path, target: Target = None) -> Source:
    """One file by its content; a name that says something else is noted."""
    held = sniff(path)
    if held == "idx":
        return idx.read_idx_file(path)
    if held not in TABLES:
        raise DataError(f"this is {held}, no table", where=str(path), remedy=_instead(held))
    whole = partial(_read_table, held=held, target=target)
    source = many_files.read_large(path, held, whole) or whole(path)
    promised = suffix_format(path)
    if promised and promised.removesuffix("_stream") != held.removesuffix("_stream") and {promised, held} != {"json", "ndjson"}:
        text = f"The name ends in {path.suffix} and the file holds {held}; it was read as {held}."
        source.checks.append(Check("wrong_suffix", "WARN", text, examples=(path.name,)))
    return source


def _instead(held: str) -> str:
    if held == "one picture":
        return "Give the folder that holds the class folders."
    if "archive" in held:
        return "Unpack it and give the file or folder inside."
    return "Give CSV, Parquet, Arrow, JSON Lines, Excel, NumPy or IDX."


def _read_table(path: Path, held: str, target: Target) -> Source:
    if held == "csv":
        names = find_names(path, target)
        source = read_csv(path, names.columns if names else None)
        if names and source.frame.columns == names.columns:
            source.checks.append(names.check(target))
            source.target = names.target
        return source
    if held in ("npy", "npz"):
        return arrays.read_npz(path) if held == "npz" else arrays.read_npy(path)
    if held in ("ts", "arff"):
        return ts.read_ts(path) if held == "ts" else arff.read_arff(path)
    source = tables.READERS[held](path)
    source.base = str(path.parent)
    return source


def read_folder(folder: Path, target: Target = None) -> Source:
    """A folder: the MNIST family, CIFAR-10 batches, class folders of pictures or texts, or tables that are one set's parts.

    Raises:
        DataError: the folder is empty, or holds several tables whose names do not say what they are.
    """
    if idx.is_idx_folder(folder):
        return idx.read_idx_folder(folder)
    if cifar.is_cifar_folder(folder):
        return cifar.read_cifar_folder(folder)
    if hf_datasets.is_saved(folder):
        return hf_datasets.read_saved(folder, lambda files, origin: read_together(files, origin, target))
    if mask_folders.is_mask_folder(folder):
        return mask_folders.read_mask_folder(folder)
    found = [p for p in sorted(folder.iterdir()) if p.is_file() and _is_table(p)]
    if found:
        return _read_tables(folder, found, target)
    if pictures.holds_pictures(folder):
        return pictures.read_picture_folder(folder)
    if texts.holds_texts(folder):
        return texts.read_text_folder(folder)
    below = [p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    if len(below) == 1:
        return read_folder(below[0], target)
    what = (
        "the folder is empty"
        if not any(folder.iterdir())
        else "the folder holds no table, IDX file or class folders of pictures or texts"
    )
    raise DataError(
        what, where=str(folder), remedy="Give a table, or a folder with one subfolder of pictures or texts per class."
    )


def _is_table(path: Path) -> bool:
    suffix = suffix_format(path)
    return bool(suffix) and path.stat().st_size > 0 and not path.name.startswith(".") and not _is_note(path)


def _is_note(path: Path) -> bool:
    words = ("readme", "license", "licence", "citation", "notes", "index")
    return path.suffix.lower() == ".txt" and path.stem.lower().startswith(words)


def read_together(paths: Sequence[Path], origin: str, target: Target = None) -> Source:
    """Files of the same columns, one under the other.

    Raises:
        DataError: one of them is no table, or has other columns than the first.
    """
    return many_files.read_many(paths, origin, lambda path: _read_small(path, target))


def _read_small(path: Path, target: Target) -> Source:
    held = sniff(path)
    if held not in TABLES:
        raise DataError(f"this is {held}, no table", where=str(path), remedy=_instead(held))
    return _read_table(path, held, target)


def read_copies(found: list[Path], origin: str, target: Target = None) -> Source:
    """Local copies of files that lie elsewhere."""
    source = _read_tables(Path(origin), found, target)
    source.origin = origin
    return source


def _read_tables(folder: Path, found: list[Path], target: Target) -> Source:
    """One table, the parts of a split whose names say which, or files of the same columns."""
    if len(found) == 1:
        return read_file(found[0], target)
    named = {p: part_of(p) for p in found}
    if not any(named.values()):
        _demand_one_format(folder, found)
        return read_together(found, str(folder), target)
    by_part = {part: [p for p, q in named.items() if q == part] for part in parts.PART_ORDER}
    if not by_part["train"]:
        shown = ", ".join(p.name for p in found[:5])
        remedy = "Give one of them, or call two of them …train… and …test…"
        raise DataError(f"the folder holds {len(found):,} tables ({shown})", where=str(folder), remedy=remedy)
    joined = parts.join({part: _read_part(paths, folder, target) for part, paths in by_part.items() if paths})
    others = [p.name for p, part in named.items() if not part]
    if others:
        text = f"Left out {counted(len(others), 'table')} of the folder that no part's name fits."
        joined.checks.append(Check("other_files", "WARN", text, count=len(others), examples=tuple(others[:5])))
    return joined


def _read_part(paths: list[Path], folder: Path, target: Target) -> Source:
    return read_file(paths[0], target) if len(paths) == 1 else read_together(paths, str(folder), target)


def _demand_one_format(folder: Path, found: list[Path]) -> None:
    formats = {suffix_format(path) for path in found}
    if len(formats) > 1:
        shown = ", ".join(p.name for p in found[:5])
        what = f"the folder holds {len(found):,} tables of different formats ({shown})"
        raise DataError(what, where=str(folder), remedy="Give one of them, or a pattern such as 'folder/*.parquet'.")


def part_of(path: Path) -> str:
    """The part a file's name speaks of, or "".

    Example:
        >>> part_of(Path("adult-test.csv")), part_of(Path("dev.tsv")), part_of(Path("latest.csv"))
        ('test', 'valid', '')
    """
    words = re.split(r"[^a-z]+", path.name.lower())
    return next((part for part, known in pictures.PART_NAMES.items() if any(word in known for word in words)), "")
