"""A folder of pictures beside a folder of their masks, paired by name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.readers import parts
from trainwell.data.readers.pictures import PART_NAMES, PICTURE_SUFFIXES, names_below, part_folders
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source

PICTURES = ("images", "image", "imgs", "img", "pictures", "photos", "jpegimages", "leftimg8bit")
MASKS = (
    "masks",
    "mask",
    "labels",
    "annotations",
    "annots",
    "segmentationclass",
    "gtfine",
    "gt",
    "groundtruth",
    "trimaps",
    "label",
    "segmentation",
    "segmentations",
    "seg",
    "ground_truth",
    "groundtruths",
)
"""What folders of pictures and of masks are called, in lower case."""
ENDINGS = ("_mask", "-mask", "_masks", "_label", "_labels", "_gt", "_seg", "_l", "_labelids", "_leftimg8bit", "_gtfine")
"""What the names of pictures or masks have behind the part that they share."""
NAMES_FILES = ("classes.txt", "codes.txt", "class_names.txt")
"""Files whose lines name the classes of the values 0, 1, …"""


def is_mask_folder(folder: Path) -> bool:
    """Whether a folder, or its part for training, holds a folder of pictures and one of masks."""
    return any(_pair(one) is not None for one in (folder, *part_folders(folder).values()))


def read_mask_folder(folder: Path) -> Source:
    """Paths (relative to `base`) of pictures and of their masks: `images/a.jpg` belongs to `masks/a.png` or `masks/a_mask.png`.

    Parts may lie above (`train/images`, `train/masks`) or below (`images/train`, `masks/train`).

    Raises:
        DataError: no picture has a mask, or a picture has several.
    """
    above = part_folders(folder)
    if _pair(folder) is None:
        found = {part: _read(path, folder) for part, path in above.items() if _pair(path) is not None}
        return _named(parts.join(found), folder)
    source = _read(folder, folder)
    below = [_part(cell) for cell in source.frame["picture"].to_list()]
    if all(below):
        source.parts = pl.Series(below, dtype=pl.String).to_numpy()
    return _named(source, folder)


def _pair(folder: Path) -> tuple[Path, Path] | None:
    below = {p.name.lower(): p for p in sorted(folder.iterdir()) if p.is_dir()}
    pictures = next((below[name] for name in PICTURES if name in below), None)
    masks = next((below[name] for name in MASKS if name in below), None)
    return (pictures, masks) if pictures is not None and masks is not None else None


def _read(folder: Path, base: Path) -> Source:
    pair = _pair(folder)
    assert pair is not None
    pictures, masks = (_by_name(one) for one in pair)
    if not pictures.keys() & masks.keys():
        pictures, masks = _without_folders(pictures), _without_folders(masks)
    both = sorted(pictures.keys() & masks.keys())
    if not both:
        remedy = "Call a mask as its picture, whatever the suffix: images/a.jpg and masks/a.png."
        raise DataError("no picture has a mask of its name", where=str(folder), remedy=remedy)
    frame = pl.DataFrame(
        {"picture": [_below(base, pictures[name]) for name in both], "mask": [_below(base, masks[name]) for name in both]}
    )
    said = f"Found {counted(len(both), 'picture')} with a mask in {pair[0].name} and {pair[1].name}."
    checks = [Check("pictures", "PASS", said, "picture", len(both))]
    for what, own, other in (("picture", pictures, masks), ("mask", masks, pictures)):
        alone = sorted(own.keys() - other.keys())
        if alone:
            missing = "a mask" if what == "picture" else "a picture"
            text = f"Left out {counted(len(alone), what)} without {missing} of the same name."
            checks.append(Check(f"{what}_alone", "WARN", text, what, len(alone), tuple(own[n].name for n in alone[:5])))
    kinds = {"picture": "picture", "mask": "mask"}
    return Source(frame, str(base), target="mask", kinds=kinds, checks=checks, base=str(base))


def _by_name(folder: Path) -> dict[str, Path]:
    """The picture files below a folder by what a picture and its mask share in their names."""
    found = {name: folder / name for name in names_below(folder) if Path(name).suffix.lower() in PICTURE_SUFFIXES}
    shared = {name: _shared(name) for name in found}
    twice = [name for name, n in Counter(shared.values()).items() if n > 1]
    if twice:
        files = ", ".join(sorted(name for name, head in shared.items() if head == twice[0])[:3])
        raise DataError(f"several files are called {twice[0]!r}: {files}", where=str(folder), remedy="Leave one of them.")
    return {shared[name]: path for name, path in found.items()}


def _without_folders(found: dict[str, Path]) -> dict[str, Path]:
    """The same by the last part of the name, if all differ: `images/a.jpg` belongs to `annotations/trimaps/a.png`."""
    short = {Path(name).name: path for name, path in found.items()}
    return short if len(short) == len(found) else found


def _shared(name: str) -> str:
    """A path without its suffix and the endings of masks.

    Example:
        >>> _shared("train/a_gtFine_labelIds.png"), _shared("a.jpg")
        ('train/a', 'a')
    """
    stem = os.path.splitext(name)[0]
    while ending := next((e for e in ENDINGS if stem.lower().endswith(e) and len(stem) > len(e)), ""):
        stem = stem[: -len(ending)]
    return stem


def _below(base: Path, path: Path) -> str:
    return path.relative_to(base).as_posix()


def _part(cell: str) -> str:
    """The part that a folder below the pictures names: `images/val/a.jpg` is of validation."""
    names = [name.lower() for name in Path(cell).parts[1:-1]]
    return next((part for part, words in PART_NAMES.items() if names and names[0] in words), "")


def _named(source: Source, folder: Path) -> Source:
    source.class_names = next(_lines(folder), ())
    return source


def _lines(folder: Path) -> Iterator[tuple[str, ...]]:
    for name in NAMES_FILES:
        path = folder / name
        if path.is_file():
            text = path.read_text(encoding="utf-8-sig", errors="replace")
            yield tuple(line.strip() for line in text.splitlines() if line.strip())
