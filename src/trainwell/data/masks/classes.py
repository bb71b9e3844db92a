"""Which classes the pixels of masks have: all values that occur, but those that mean "not judged"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from trainwell.core.errors import DataError
from trainwell.core.shape import UNJUDGED
from trainwell.data.decode_picture import UNUSABLE, UnusableError
from trainwell.data.masks.values import COLOUR, Masks, uncoloured
from trainwell.data.scan_pictures import in_blocks

#: Classes at most: a code is a byte, and one byte is for what is not judged.
MOST_CLASSES = 250


@dataclass(frozen=True)
class Classes:
    """The classes of masks.

    Args:
        values: the value of each class, ascending.
        names: what each is called.
        unjudged: the value of pixels without a class, or None.
    """

    values: tuple[int, ...]
    names: tuple[str, ...]
    unjudged: int | None = None

    def codes(self, values: np.ndarray) -> np.ndarray:
        """The class of each value, uint8 in the same shape; `UNJUDGED` for a value that is no class.

        Example:
            >>> Classes((0, 7), ("0", "7")).codes(np.array([[7, 0], [3, COLOUR]])).tolist()
            [[1, 0], [255, 0]]
        """
        known, values = np.array(self.values), uncoloured(values)
        places = np.searchsorted(known, values).clip(max=len(known) - 1)
        return np.where(known[places] == values, places, UNJUDGED).astype(np.uint8)


@dataclass
class Survey:
    """What every mask holds.

    Args:
        pixels: per row its values and how many pixels have them; empty for a mask that cannot be used.
        sizes: per row height and width; 0 where there is none.
        problems: row to code (`decode_picture.UNUSABLE`) and detail.
    """

    pixels: list[dict[int, int]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    problems: dict[int, tuple[str, str]] = field(default_factory=dict)

    @property
    def values(self) -> set[int]:
        """All values that occur."""
        return set().union(*self.pixels)

    @property
    def unjudged(self) -> int | None:
        """The value that marks pixels without a class, as `classes` says."""
        said = sorted(value for value in self.values if value >= 0)
        return 255 if len(said) > 2 and said[-1] == 255 and not _evenly_spaced(said) else None

    def classes(self, names: Sequence[str], column: str) -> Classes:
        """All classes of the masks.

        Two values, 0 and any other, are background and foreground. 255 among three values or more, and whatever is below 0,
        marks pixels without a class, as in the masks of Pascal VOC and of Cityscapes; but white at the end of evenly spaced
        greys (0, 128, 255) is a class as they are.

        Args:
            names: what the classes of the values 0, 1, … are called, where a file says so.
            column: for messages.

        Raises:
            DataError: fewer than two classes, or so many that these are no masks.
        """
        values = tuple(value for value in sorted(self.values) if value >= 0 and value != self.unjudged)
        if len(values) > MOST_CLASSES:
            what = f"the masks have {len(values):,} different values, and a mask has one for each class"
            remedy = "Save masks as PNG, not as JPEG, and without smooth edges."
            raise DataError(what, where=f"column {column!r}", remedy=remedy)
        if len(values) < 2:
            what = "the masks have one class" if values else "not one mask can be used"
            why = "".join(f" ({UNUSABLE[code]})" for code, _ in list(self.problems.values())[:1])
            raise DataError(
                f"{what}{why}, so nothing can be told apart", where=f"column {column!r}", remedy="Give other masks."
            )
        return Classes(values, _names(values, names), self.unjudged)


def _evenly_spaced(values: Sequence[int]) -> bool:
    """Whether these are grey levels from black to white at equal distances, but for rounding."""
    return all(abs(value - place * 255 / (len(values) - 1)) <= 1 for place, value in enumerate(values))


def survey(masks: Masks) -> Survey:
    """Look at every mask once, at its own size."""
    found = Survey()

    def block(start: int, stop: int) -> list[tuple[dict[int, int], tuple[int, int], tuple[str, str] | None]]:
        return [_look(masks, row) for row in range(start, stop)]

    for looked in in_blocks(len(masks), 16, block):
        for pixels, size, problem in looked:
            if problem is not None:
                found.problems[len(found.pixels)] = problem
            found.pixels.append(pixels)
            found.sizes.append(size)
    return found


def _look(masks: Masks, row: int) -> tuple[dict[int, int], tuple[int, int], tuple[str, str] | None]:
    try:
        values = masks.values(row)
    except UnusableError as error:
        return {}, (0, 0), (error.code, error.detail)
    if not values.size:
        return {}, (0, 0), ("broken", "no pixels")
    return _counts(values), (values.shape[0], values.shape[1]), None


def _counts(values: np.ndarray) -> dict[int, int]:
    """How many pixels have each value; counting is ten times as fast as sorting, where values are small."""
    flat = values.reshape(-1)
    if flat.min() >= 0 and flat.max() < COLOUR:
        counts = np.bincount(flat)
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    found: Counter[int] = Counter()
    for value, n in zip(*np.unique(flat, return_counts=True), strict=True):
        found[int(uncoloured(value[None])[0])] += int(n)
    return dict(found)


def _names(values: Sequence[int], names: Sequence[str]) -> tuple[str, ...]:
    if names:
        return tuple(names[value] if value < len(names) else str(value) for value in values)
    if len(values) == 2 and values[0] == 0:
        return ("background", "foreground")
    coloured = values[-1] >= COLOUR
    return tuple(
        f"#{value % COLOUR * (1 if value >= COLOUR else 0x010101):06x}" if coloured else str(value) for value in values
    )
