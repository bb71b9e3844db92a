"""Folders of text files by class: each file is one example."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.readers import parts, pictures
from trainwell.data.readers.encodings import guess_encoding
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source

SUFFIX = ".txt"
#: Bytes that are read of one file; no network here reads on for so long.
MOST_BYTES = 1 << 20


def holds_texts(folder: Path) -> bool:
    """Whether a subfolder of `folder` (two levels deep) holds a text file."""
    return any(_is_text(entry) for depth in ("*/*", "*/*/*") for entry in folder.glob(depth))


def _is_text(path: Path) -> bool:
    return path.suffix.lower() == SUFFIX and not path.name.startswith(".")


def read_text_folder(folder: Path) -> Source:
    """Texts and labels of a folder with one subfolder of .txt files per class, or of its train/valid/test subfolders.

    The frame has the columns "text" and "label" (the subfolder's name), sorted by path, so the order does not depend on the
    file system. Each file is decoded by itself: UTF-8, UTF-16, GB18030 or Windows-1252, by its bytes.

    Raises:
        DataError: a part has no text file, or the parts name different classes.
    """
    subfolders = pictures.part_folders(folder)
    if not subfolders:
        return _read_classes(folder, folder)
    found = {part: _read_classes(path, folder) for part, path in subfolders.items()}
    pictures.same_classes(found, folder)
    return parts.join(found)


def _read_classes(folder: Path, base: Path) -> Source:
    paths = [p for p in pictures.files_below(folder) if len(p.relative_to(folder).parts) > 1]
    texts = sorted(path for path in paths if _is_text(path))
    if not texts:
        remedy = "Put .txt files into one folder per class."
        raise DataError("no text file was found in the class folders", where=str(folder), remedy=remedy)
    read = [_read(path) for path in texts]
    labels = [path.relative_to(folder).parts[0] for path in texts]
    frame = pl.DataFrame({"text": [text for text, _ in read], "label": labels}, schema={"text": pl.String, "label": pl.String})
    others = [path.relative_to(base).as_posix() for path in paths if not _is_text(path)]
    checks = _checks(frame, [encoding for _, encoding in read], texts, others)
    return Source(frame, str(base), target="label", kinds={"text": "text", "label": "category"}, checks=checks)


def _read(path: Path) -> tuple[str, str]:
    """A file's text and its encoding; only the first megabyte."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES)
    encoding = guess_encoding(data)
    name = "utf-8" if encoding == "utf-8 with errors" else encoding
    return data.decode(name, "replace"), encoding


def _checks(frame: pl.DataFrame, encodings: list[str], paths: list[Path], others: list[str]) -> list[Check]:
    classes = frame["label"].n_unique()
    text = f"Found {counted(len(frame), 'text file')} in {counted(classes, 'class folder')}."
    checks = [Check("texts", "PASS", text, "text", len(frame))]
    odd = [path for path, encoding in zip(paths, encodings, strict=True) if encoding not in ("utf-8", "utf-8-sig")]
    if odd:
        named = ", ".join(f"{n:,} {name}" for name, n in Counter(encodings).most_common())
        checks.append(Check("encoding", "WARN", f"The files are in several encodings: {named}.", "text", len(odd), _names(odd)))
    long = [path for path in paths if path.stat().st_size > MOST_BYTES]
    if long:
        text = f"Of {counted(len(long), 'file')} over 1 MB only the first megabyte was read."
        checks.append(Check("long_files", "WARN", text, "text", len(long), _names(long)))
    if others:
        text = f"Left out {counted(len(others), 'file')} that are no .txt files."
        checks.append(Check("other_files", "WARN", text, count=len(others), examples=tuple(sorted(others)[:5])))
    return checks


def _names(paths: list[Path]) -> tuple[str, ...]:
    return tuple(f"{path.parent.name}/{path.name}" for path in paths[:5])
