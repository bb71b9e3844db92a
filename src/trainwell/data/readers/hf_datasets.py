"""Folders written by `save_to_disk` of Hugging Face `datasets`: Arrow streams and a description, read without that library."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.readers import parts
from trainwell.data.readers.pictures import PART_NAMES
from trainwell.data.source import Source

Read = Callable[[list[Path], str], Source]


def is_saved(folder: Path) -> bool:
    """Whether a folder is a saved dataset, or a dictionary of them."""
    return (folder / "dataset_dict.json").is_file() or _is_one(folder)


def _is_one(folder: Path) -> bool:
    return (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()


def read_saved(folder: Path, read: Read) -> Source:
    """A saved dataset; of a dictionary, its train, validation and test parts.

    Class labels, which lie there as numbers, get their names back; a dataset with one such column declares it as target.

    Args:
        folder: the folder.
        read: reads files of the same columns.

    Raises:
        DataError: the description is damaged, or there is no train part.
    """
    if _is_one(folder):
        return _read_one(folder, read)
    names = _json(folder / "dataset_dict.json").get("splits", [])
    found = {part: folder / name for name in names for part, words in PART_NAMES.items() if name.lower() in words}
    if "train" not in found:
        what = f"the dataset has no train part (it has {', '.join(names) or 'none'})"
        raise DataError(what, where=str(folder), remedy="Give the folder of the part you want.")
    return parts.join({part: _read_one(path, read) for part, path in found.items()})


def _read_one(folder: Path, read: Read) -> Source:
    files = [folder / about["filename"] for about in _json(folder / "state.json").get("_data_files", [])]
    if not files:
        raise DataError("the saved dataset names no files", where=str(folder), remedy="Save it again.")
    source = read(files, str(folder))
    features = _json(folder / "dataset_info.json").get("features") or {}
    classes = {name: f["names"] for name, f in features.items() if f.get("_type") == "ClassLabel" and f.get("names")}
    classes = {name: names for name, names in classes.items() if name in source.frame.columns}
    source.frame = source.frame.with_columns([_named(name, names) for name, names in classes.items()])
    source.kinds |= dict.fromkeys(classes, "category")
    source.target = next(iter(classes)) if len(classes) == 1 else None
    return source


def _named(column: str, names: list[str]) -> pl.Expr:
    """Codes as names; -1, which stands for no label, is empty."""
    return pl.col(column).replace_strict(dict(enumerate(names)), default=None, return_dtype=pl.String)


def _json(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = None
    if not isinstance(held, dict):
        raise DataError("the description of the saved dataset is damaged", where=str(path), remedy="Save the dataset again.")
    return held
