"""Pictures without labels, from which a network learns to make others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from trainwell.core.recipe import Recipe
from trainwell.data.readers.pictures import PICTURE_SUFFIXES
from trainwell.data.source import Source

#: The column, and the one class, of pictures that nobody labelled.
COLUMN, ONLY = "class", "picture"


def with_one_class(source: Source, recipe: Recipe) -> Source:
    """The source with a column that puts every row into one class, where neither it nor the recipe names a target.

    Example:
        >>> import numpy as np
        >>> bare = Source(pl.DataFrame(), "", arrays={"picture": np.zeros((3, 8, 8, 1), np.uint8)})
        >>> with_one_class(bare, Recipe(task="generation")).frame["class"].to_list()
        ['picture', 'picture', 'picture']
    """
    if recipe.target is not None or source.target is not None or COLUMN in source.frame.columns:
        return source
    column = pl.Series(COLUMN, [ONLY] * len(source), dtype=pl.String)
    frame = source.table.with_columns(column) if source.frame.width else pl.DataFrame([column])
    return replace(source, frame=frame, target=COLUMN, kinds={**source.kinds, COLUMN: "category"})


def loose_pictures(source: Any) -> Any:
    """The picture files that lie in a folder itself, as a table of one column; anything else as it is.

    Example:
        >>> loose_pictures("digits")
        'digits'
    """
    folder = Path(source) if isinstance(source, str | Path) else None
    if folder is None or not folder.is_dir():
        return source
    found = sorted(str(p.resolve()) for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    return pl.DataFrame({"picture": found}) if found else source
