"""Pictures: paths, whole files or arrays in a column become `(N, C, H, W)` uint8.

The shape is chosen from the headers of the train rows; every row is then decoded once to that shape. What cannot be decoded is
set aside and named, what had to be converted is counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from trainwell.core.errors import DataError
from trainwell.data.card import Check, Verdict
from trainwell.data.decode_picture import (
    CONVERTED,
    UNUSABLE,
    Geometry,
    UnusableError,
    conform,
    conform_array,
    has_colour,
    quiet,
    read_bytes,
)
from trainwell.data.decode_picture import decode as decode_file
from trainwell.data.kinds.kind import Cleaned, Form, Guess, Raw, Rule
from trainwell.data.pictures import any_coloured, auto_geometry, auto_size, conform_all, load, pixel_hash
from trainwell.data.scan_pictures import Pile, scan
from trainwell.data.splits import spread

INPUT = "picture"

_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".avif", ".jp2")
#: From this share of cells that name picture files on, a column is one of pictures.
_MOSTLY = 0.8
_LOOKED_AT = 1_000
_DESCRIBED = 2_048


@dataclass(frozen=True)
class State:
    """The shape that every picture of the column has."""

    channels: int
    height: int
    width: int

    @property
    def geometry(self) -> Geometry:
        return Geometry(self.channels, self.height, self.width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(C, H, W)` of what a network sees."""
        return self.geometry.shape


def recognise(raw: Raw, *, forced: bool = False) -> Guess | None:
    """A claim on arrays of pictures, on picture files as bytes, and on text that names picture files which exist.

    The form holds the shape: `{"channels": 3, "height": 128, "width": 128}`, see `auto_geometry`.
    """
    if isinstance(raw.values, np.ndarray):
        if raw.values.ndim != 4 or raw.values.dtype != np.uint8:
            return None
        geometry, why = _geometry_of_array(raw.values, raw.rows), "the column holds pictures"
    else:
        share = _share_of_picture_names(raw)
        if not forced and share < _MOSTLY:
            return None
        pile = pile_of(raw)
        geometry = auto_geometry(scan(pile), raw.rows, lambda rows, shape: any_coloured(pile, rows, shape))
        why = f"{share:.0%} of the cells name picture files" if share else "the source says so"
    return Guess(why, {"channels": geometry.channels, "height": geometry.height, "width": geometry.width})


def holds_pictures(raw: Raw, asked: str) -> bool:
    """Whether a column is one of pictures, without a look into them.

    Args:
        raw: the column.
        asked: what the recipe or the source says it is; "auto" to find out.
    """
    if isinstance(raw.values, np.ndarray):
        return raw.values.ndim == 4
    return asked == "picture" or (asked == "auto" and _share_of_picture_names(raw) >= _MOSTLY)


def clean(raw: Raw, form: Form, rule: Rule) -> Cleaned:
    """Every picture at the form's shape, or at the rule's size and channels where the recipe names them."""
    geometry = geometry_under(form, rule)
    if isinstance(raw.values, np.ndarray):
        return _clean_array(raw, geometry)
    pile = pile_of(raw)
    headers = scan(pile)
    pictures = load(pile, headers, geometry)
    set_aside = pictures.set_aside
    checks = checks_of(raw.name, pile, headers, pictures.problems)
    return Cleaned(
        pictures.pixels,
        missing=set_aside,
        unreadable=np.flatnonzero(set_aside),
        checks=checks,
        set_aside=set_aside,
        scratch={"about": _about_files(headers.filter(~pl.Series(set_aside)))},
    )


def identical(raw: Raw) -> np.ndarray:
    """`(N,)` uint64, equal for rows with identical pixels whatever their files; 0 for rows that cannot be used.

    For a split that never separates identical pictures; it looks at all rows, before any is train or test.
    """
    if isinstance(raw.values, np.ndarray):
        return np.fromiter((pixel_hash(picture) for picture in raw.values), np.uint64, len(raw))
    pile = pile_of(raw)
    headers = scan(pile)
    geometry = auto_geometry(headers, np.arange(len(pile)), lambda rows, shape: any_coloured(pile, rows, shape))
    return load(pile, headers, geometry).hashes


def fit(cleaned: Cleaned, rows: np.ndarray, rule: Rule) -> State:
    """The shape; there is nothing else to learn (networks normalise channels themselves)."""
    if cleaned.set_aside is not None and cleaned.set_aside[rows].all():
        raise DataError("not one training picture can be used", remedy="See `trainwell look` for what is wrong with each file.")
    return State(*cleaned.values.shape[1:])


def features(state: State, name: str) -> tuple[str, ...]:
    """The column's own name."""
    return (name,)


def encode(state: State, cleaned: Cleaned) -> np.ndarray:
    """`(N, C, H, W)` uint8; rows that were set aside are zero."""
    if cleaned.values.shape[1:] != state.geometry.shape:
        raise DataError(f"pictures of shape {cleaned.values.shape[1:]} where {state.geometry.shape} was trained")
    return cleaned.values


def encode_cell(state: State) -> Callable[[Any], np.ndarray | None]:
    """One path, file content, Pillow image or array as `(C, H, W)` uint8; None for what cannot be decoded."""

    def one(cell: Any) -> np.ndarray | None:
        try:
            return encode_picture(cell, state.geometry)
        except DataError:
            return None

    return one


def encode_picture(cell: Any, geometry: Geometry) -> np.ndarray:
    """One picture as `(C, H, W)` uint8, with the bits that the training path gives it.

    Args:
        cell: a path, the bytes of a file, a Pillow image, or an array `(H, W)` or `(H, W, C)` uint8.
        geometry: the shape that was trained.

    A JPEG of at least four times the wanted size is decoded at a fraction of its own; given as an already decoded image or
    array it goes through the full size and may differ by a grey level or two.

    Raises:
        DataError: it cannot be read or decoded; the message says why.

    Example:
        >>> encode_picture(np.full((2, 2), 7, np.uint8), Geometry(1, 2, 2)).tolist()
        [[[7, 7], [7, 7]]]
    """
    try:
        with quiet():
            return _encode(cell, geometry)
    except UnusableError as error:
        where = str(cell) if isinstance(cell, str | Path) else ""
        detail = f" ({error.detail})" if error.detail else ""
        raise DataError(f"the picture cannot be used: {UNUSABLE[error.code]}{detail}", where=where) from None


def decode(state: State, encoded: np.ndarray) -> np.ndarray:
    """`(N, C, H, W)` as `(N, H, W, C)`."""
    return encoded.transpose(0, 2, 3, 1)


def unusual(state: State, cleaned: Cleaned) -> Iterator[tuple[int, str]]:
    """Nothing: a picture has no values that training could have missed by name."""
    return iter(())


def describe(cleaned: Cleaned, rows: np.ndarray, state: State) -> dict[str, Any]:
    """Shape, sizes, formats and modes of the files, and mean and deviation per channel in [0, 1] (of at most 2,048 rows)."""
    usable = rows if cleaned.set_aside is None else rows[~cleaned.set_aside[rows]]
    some = spread(usable, _DESCRIBED)
    total, squares = np.zeros(state.channels), np.zeros(state.channels)
    for start in range(0, len(some), 64):
        block = cleaned.values[some[start : start + 64]].astype(np.float32) / 255  # (b, C, H, W)
        total += block.mean((2, 3), dtype=np.float64).sum(0)
        squares += np.square(block).mean((2, 3), dtype=np.float64).sum(0)
    mean = total / max(1, len(some))
    deviation = np.sqrt(np.maximum(squares / max(1, len(some)) - mean**2, 0))
    statistics = {"mean": mean.round(4).tolist(), "deviation": deviation.round(4).tolist()}
    return {"shape": list(state.geometry.shape), "pictures": len(usable), **statistics, **cleaned.scratch.get("about", {})}


def pile_of(raw: Raw) -> Pile:
    """The column's cells as undecoded pictures: paths from the source's folder, or files as bytes."""
    series = raw.series
    if isinstance(series.dtype, pl.Struct):  # {"bytes", "path"}, as picture data sets in Parquet have it
        series = series.struct.field("bytes")
    if series.dtype not in (pl.String, pl.Binary):
        raise DataError(
            f"pictures are given as paths or bytes, this column holds {series.dtype}",
            where=f"column {raw.name!r}",
            remedy="Give the column another kind.",
        )
    return Pile(series.to_list(), raw.base)


def geometry_under(form: Form, rule: Rule) -> Geometry:
    """The form's shape, with what the recipe says about size and channels put in its place."""
    channels = form["channels"] if rule.picture_channels == "auto" else int(rule.picture_channels)
    if rule.picture_size == "auto":
        return Geometry(channels, form["height"], form["width"])
    return Geometry(channels, int(rule.picture_size), int(rule.picture_size))


def checks_of(column: str, pile: Pile, headers: pl.DataFrame, problems: Mapping[int, tuple[str, str]]) -> list[Check]:
    """What the card says: a line per kind of trouble and per kind of conversion, each with a count and up to five names."""
    return [*_set_aside_checks(column, pile, problems), *_conversion_checks(column, pile, headers, problems)]


def _set_aside_checks(column: str, pile: Pile, problems: Mapping[int, tuple[str, str]]) -> Iterator[Check]:
    for code, clause in UNUSABLE.items():
        rows = [row for row, (found, _) in sorted(problems.items()) if found == code]
        if rows:
            verdict: Verdict = "FAIL" if len(rows) * 2 > len(pile) else "WARN"
            examples = tuple(_example(pile.name(row), problems[row][1]) for row in rows[:5])
            yield Check(
                f"picture_{code}",
                verdict,
                f"Set aside {len(rows):,} of {len(pile):,} pictures: {clause}.",
                column,
                len(rows),
                examples,
            )


def _conversion_checks(
    column: str, pile: Pile, headers: pl.DataFrame, problems: Mapping[int, tuple[str, str]]
) -> Iterator[Check]:
    noted = headers.select("notes").with_row_index("row").filter(pl.col("notes") != "")
    noted = noted.filter(~pl.col("row").is_in(list(problems)))
    for code, clause in CONVERTED.items():
        rows = noted.filter(pl.col("notes").str.split(",").list.contains(code))["row"]
        if len(rows):
            examples = tuple(pile.name(row) for row in rows[:5])
            yield Check(
                f"picture_{code}", "WARN", f"{len(rows):,} of {len(pile):,} pictures: {clause}.", column, len(rows), examples
            )


def _example(name: str, detail: str) -> str:
    return f"{name}: {detail}" if detail else name


def _about_files(headers: pl.DataFrame) -> dict[str, Any]:
    sizes = headers.select(size=pl.format("{}x{}", "width", "height"))["size"]
    sides = {side: [headers[side].min(), headers[side].median(), headers[side].max()] for side in ("width", "height")}
    return {
        "sizes": _most_frequent(sizes),
        **sides,
        "formats": _most_frequent(headers["format"]),
        "modes": _most_frequent(headers["mode"]),
    }


def _most_frequent(series: pl.Series) -> dict[str, int]:
    counts = series.value_counts(name="n").sort(["n", series.name], descending=[True, False]).head(5)
    return dict(counts.iter_rows())


def _clean_array(raw: Raw, geometry: Geometry) -> Cleaned:
    pixels = raw.values
    assert isinstance(pixels, np.ndarray)
    height, width, channels = pixels.shape[1:]
    checks = []
    if channels not in (1, 3) and channels != geometry.channels:
        text = f"{len(pixels):,} pictures of {channels} channels were laid on white and given {geometry.channels}."
        checks.append(Check("picture_alpha", "WARN", text, raw.name, len(pixels)))
    try:
        values = conform_all(pixels, geometry)
    except UnusableError as error:
        raise DataError(error.detail, where=f"column {raw.name!r}", remedy="Set prepare.picture_channels=auto.") from None
    about = {"sizes": {f"{width}x{height}": len(pixels)}}
    return Cleaned(values, missing=np.zeros(len(pixels), bool), checks=checks, scratch={"about": about})


def _geometry_of_array(pixels: np.ndarray, rows: np.ndarray) -> Geometry:
    height, width = auto_size(np.array(pixels.shape[1:2]), np.array(pixels.shape[2:3]))
    channels = pixels.shape[3]
    if channels == 3 and not any(has_colour(pixels[rows[i : i + 64]].transpose(0, 3, 1, 2)) for i in range(0, len(rows), 64)):
        channels = 1
    return Geometry(channels, height, width)


def _share_of_picture_names(raw: Raw) -> float:
    """Share of some train cells that end like a picture file, 0 if the first of them do not exist; 1 for bytes."""
    series = raw.series
    if series.dtype == pl.Binary or isinstance(series.dtype, pl.Struct):
        return float(_holds_bytes(series))
    if series.dtype != pl.String:
        return 0.0
    if len(raw.words.texts) < _LOOKED_AT and not any(text.lower().endswith(_SUFFIXES) for text in raw.words.texts):
        return 0.0
    some = series[raw.rows[:: max(1, len(raw.rows) // _LOOKED_AT)]].drop_nulls().to_list()
    named = [cell for cell in some if cell.lower().endswith(_SUFFIXES)]
    exist = any(os.path.isfile(os.path.join(raw.base, cell)) for cell in named[:20])
    return len(named) / len(some) if exist else 0.0


def _holds_bytes(series: pl.Series) -> bool:
    return series.dtype == pl.Binary or any(f.name == "bytes" for f in getattr(series.dtype, "fields", ()))


def _encode(cell: Any, geometry: Geometry) -> np.ndarray:
    if isinstance(cell, bytes):
        return decode_file(cell, geometry)
    if isinstance(cell, str | os.PathLike):
        return decode_file(read_bytes(cell), geometry)
    if isinstance(cell, Image.Image):
        return conform(cell, geometry)
    if isinstance(cell, np.ndarray) and cell.dtype == np.uint8 and cell.ndim in (2, 3):
        return conform_array(cell, geometry)
    found = f"{cell.dtype} of shape {cell.shape}" if isinstance(cell, np.ndarray) else type(cell).__name__
    raise DataError(
        f"a picture is a path, bytes, a Pillow image or a uint8 array (H, W) or (H, W, C), however: {found}",
        remedy="Convert it first.",
    )
