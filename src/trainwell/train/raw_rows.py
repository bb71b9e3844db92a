"""Raw rows in any form that `Run.predict` takes: tables, mappings, pictures and folders of them, as columns."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image

from trainwell.core.errors import DataError
from trainwell.data.demand import as_trained
from trainwell.data.kinds.words import cell_text
from trainwell.data.preparation import Preparation
from trainwell.data.readers.pictures import PICTURE_SUFFIXES
from trainwell.data.readers.read import read
from trainwell.data.source import Source

#: Cells that hold more than one value; a column of them has no text beside them.
_WHOLE = (bytes, list, tuple, dict, np.ndarray)
#: Modes of Pillow that PNG holds as they are.
_PNG_MODES = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")
#: Those that no file holds, and what they are written as.
_WRITTEN_AS = {"HSV": "RGB", "La": "LA", "RGBa": "RGBA", "I;16N": "I;16"}
_ORIENTATION = 0x0112
#: Types that one column may mix.
_ALIKE: tuple[set[type], ...] = ({int, float, bool}, {dt.date, dt.datetime})


def as_source(rows: Any, preparation: Preparation) -> Source:
    """Raw rows in any form, as `Run.predict` takes them, read as the preparation's columns."""
    refuse_answers(preparation)
    refuse_masks(preparation)
    return source_of(rows, preparation)


def source_of(rows: Any, preparation: Preparation) -> Source:
    """The same whatever the network does with them."""
    if isinstance(rows, Source):
        return rows
    if all(x.kind == "tensor" for x in preparation.shape.inputs) and (arrays := _arrays(rows)):
        arrays = as_trained(arrays, preparation.shape)
        return Source(pl.DataFrame(), "array", arrays=dict(zip(preparation.shape.names, arrays, strict=True)))
    pictures = picture_columns(preparation)
    cells = (pillow_files(rows) or picture_paths(rows)) if len(pictures) == 1 else []
    return read(as_table(pl.DataFrame({pictures[0]: cells}) if cells else rows))


def _arrays(rows: Any) -> list[np.ndarray]:
    """Rows given as one array or tensor, or as a tuple of them, one per input; none when they are something else."""
    given = rows if isinstance(rows, tuple) else (rows,)
    if not all(isinstance(one, (np.ndarray, torch.Tensor)) for one in given):
        return []
    return [array_of(one) if isinstance(one, torch.Tensor) else one for one in given]


def array_of(tensor: torch.Tensor) -> np.ndarray:
    """A tensor as an array, wherever it lies; bfloat16, which NumPy has not, as float32."""
    found = tensor.detach().cpu()
    return (found.float() if found.dtype == torch.bfloat16 else found).numpy()


def picture_columns(preparation: Preparation) -> list[str]:
    """The columns of pictures that a network looks at."""
    return [name for x in preparation.shape.inputs if x.kind == "picture" for name in x.columns]


def picture_paths(rows: Any) -> list[str]:
    """The picture files that a path, a list of paths or a folder stands for; none when it is something else.

    Example:
        >>> picture_paths(["cat.png", "dog.jpg"]), picture_paths("people.csv")
        (['cat.png', 'dog.jpg'], [])
    """
    given = rows if isinstance(rows, list) else [rows]
    if not all(isinstance(one, (str, Path)) for one in given) or not (isinstance(rows, list) or Path(rows).exists()):
        return []
    paths = [path for one in given for path in (sorted(Path(one).rglob("*")) if Path(one).is_dir() else [Path(one)])]
    found = [str(path) for path in paths if path.suffix.lower() in PICTURE_SUFFIXES]
    # A word of a list that is no picture must not vanish: the reader of tables says what it is.
    return found if len(found) == len(paths) or not isinstance(rows, list) else []


def pillow_files(rows: Any) -> list[bytes | None]:
    """A Pillow image, or a list of them, as files without loss; none when it is something else.

    Example:
        >>> [file[1:3] for file in pillow_files([Image.new("L", (2, 2)), Image.new("CMYK", (2, 2))])]
        [b'PN', b'I*']
    """
    given = list(rows) if isinstance(rows, (list, tuple)) else [rows]
    return [_file_of(one) for one in given] if all(isinstance(one, Image.Image) for one in given) else []


def _file_of(image: Image.Image) -> bytes | None:
    """The image as a file; nothing where it cannot be read, which is then said of its row."""
    file, turned = BytesIO(), Image.Exif()
    try:
        turned[_ORIENTATION] = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged: the formats' readers raise what they like
        turned[_ORIENTATION] = 1
    try:
        plain = image.convert(_WRITTEN_AS[image.mode]) if image.mode in _WRITTEN_AS else image.copy()
        plain.info = {k: v for k, v in plain.info.items() if k == "transparency"}
        plain.save(file, "PNG" if plain.mode in _PNG_MODES else "TIFF", exif=turned)
    except Exception:  # truncated, closed, without pixels
        return None
    return file.getvalue()


def refuse_answers(preparation: Preparation) -> None:
    """Networks that write or make pictures have no answer for a row.

    Raises:
        DataError: naming what to do instead.
    """
    preparation.demand_rows()
    if preparation.target.task == "generation":
        remedy = "Use `trainwell sample`, or `trainwell translate` for a network that turns pictures into others."
        raise DataError("a network that makes pictures has no answer for rows", remedy=remedy)


def refuse_masks(preparation: Preparation) -> None:
    """Networks that tell the class of every pixel have no one answer for a row.

    Raises:
        DataError: naming what to do instead.
    """
    if preparation.target.task == "segmentation":
        remedy = "Use `trainwell segment`, or tw.segment(run, pictures), which give a mask for each picture."
        raise DataError("a network for masks has no one answer for a row", remedy=remedy)


def as_table(rows: Any) -> Any:
    """A list of row dicts as a frame, in which a key that some rows lack is empty there; anything else as it is."""
    if isinstance(rows, Mapping) and not any(isinstance(v, (list, tuple, np.ndarray)) for v in rows.values()):
        rows = [rows]
    if isinstance(rows, list) and rows and all(isinstance(r, Mapping) for r in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        return pl.DataFrame({name: column_of(name, [row.get(name) for row in rows]) for name in names})
    return rows


def column_of(name: str, cells: list[Any]) -> pl.Series:
    """Python cells as a column, in which an odd one does not change what the others are.

    Numbers among words are words; where most cells are lists or bytes, what is neither is empty.

    Example:
        >>> column_of("x", [1.5, "two", dt.date(2020, 1, 1)]).to_list(), column_of("x", [b"a", "b", b"c"]).to_list()
        (['1.5', 'two', '2020-01-01'], [b'a', None, b'c'])
    """
    kinds = Counter(type(cell) for cell in cells if cell is not None)
    if len(kinds) > 1 and not any(kinds.keys() <= alike for alike in _ALIKE):
        main = kinds.most_common(1)[0][0]
        cells = [cell if type(cell) is main else None for cell in cells] if main in _WHOLE else [cell_text(c) for c in cells]
    try:
        return pl.Series(name, cells, strict=False)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(name, [cell_text(cell) for cell in cells], dtype=pl.String)
