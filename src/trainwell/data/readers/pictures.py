"""Folders of pictures by class: paths and labels only; decoding is somebody else's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.readers import parts
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jfif"))

PART_NAMES = {
    "train": ("train", "training", "trn"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing", "tst"),
}
"""Words by which files and folders name the parts of a data set."""


def part_folders(folder: Path) -> dict[str, Path]:
    """The subfolders that are official parts, by part; empty without a training folder.

    Example:
        >>> part_folders(Path("/nowhere"))
        {}
    """
    below = [p for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
    found = {part: p for p in sorted(below) for part, words in PART_NAMES.items() if p.name.lower() in words}
    return found if "train" in found else {}


def holds_pictures(folder: Path) -> bool:
    """Whether a subfolder of `folder` (two levels deep) holds a picture file."""
    return any(_is_picture(entry) for depth in ("*/*", "*/*/*") for entry in folder.glob(depth))


def _is_picture(path: Path) -> bool:
    return _named_picture(path.name)


def _named_picture(name: str) -> bool:
    stem, suffix = os.path.splitext(name.rpartition("/")[2])
    return suffix.lower() in PICTURE_SUFFIXES and not stem.startswith(".")


def read_picture_folder(folder: Path) -> Source:
    """Paths (relative to `base`) and labels of a folder with one subfolder per class, or of its train/valid/test subfolders.

    The frame has the columns "picture" (a path with forward slashes) and "label" (the subfolder's name), sorted by path, so the
    order does not depend on the file system.

    Raises:
        DataError: a part has no picture, or the parts name different classes.
    """
    subfolders = part_folders(folder)
    if not subfolders:
        return _read_classes(folder, folder)
    found = {part: _read_classes(path, folder) for part, path in subfolders.items()}
    same_classes(found, folder)
    return parts.join(found)


def same_classes(found: Mapping[str, Source], folder: Path) -> None:
    """Refuse a part with a class that the training part lacks.

    Raises:
        DataError: naming the class.
    """
    train = set(found["train"].frame["label"].unique())
    for part, source in found.items():
        if extra := sorted(set(source.frame["label"].unique()) - train):
            what = f"the {part} folder has the class {extra[0]!r}, which the train folder lacks"
            raise DataError(what, where=str(folder), remedy="Give every part the same class folders.")


def _read_classes(folder: Path, base: Path) -> Source:
    rows: list[tuple[str, str]] = []
    others: list[str] = []
    above = "" if folder == base else folder.relative_to(base).as_posix() + "/"
    for name in names_below(folder):
        label, below, _ = name.partition("/")
        if below and _named_picture(name):
            rows.append((above + name, label))
        else:
            others.append(above + name)
    if not rows:
        raise DataError(
            "no picture was found in the class folders", where=str(folder), remedy="Put pictures into one folder per class."
        )
    rows.sort()
    frame = pl.DataFrame(rows, schema={"picture": pl.String, "label": pl.String}, orient="row")
    return Source(
        frame,
        str(base),
        target="label",
        kinds={"picture": "picture", "label": "category"},
        checks=_checks(frame, others),
        base=str(base),
    )


def files_below(folder: Path) -> Iterator[Path]:
    """All files of a folder and its subfolders, each folder once even where links form a ring."""
    return (folder / name for name in names_below(folder))


def names_below(folder: Path) -> Iterator[str]:
    """The same as texts relative to `folder`, with forward slashes; quick for millions of files."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [f for f in sorted(folders) if os.path.realpath(Path(place, f)) not in seen]  # links may form a ring
        seen.update(os.path.realpath(Path(place, f)) for f in folders)
        inside = os.path.relpath(place, folder).replace(os.sep, "/")
        yield from (name if inside == "." else f"{inside}/{name}" for name in files)


def _checks(frame: pl.DataFrame, others: list[str]) -> list[Check]:
    classes = frame["label"].n_unique()
    checks = [
        Check(
            "pictures",
            "PASS",
            f"Found {counted(len(frame), 'picture file')} in {counted(classes, 'class folder')}.",
            "picture",
            len(frame),
        )
    ]
    if others:
        text = f"Left out {counted(len(others), 'file')} that are no pictures in a class folder."
        checks.append(Check("other_files", "WARN", text, count=len(others), examples=tuple(sorted(others)[:5])))
    if classes == 1:
        checks.append(Check("one_class", "WARN", "All pictures lie in one class folder.", "label", len(frame)))
    return checks
