"""Pictures whose bytes lie in the cells of a table, as data sets in Parquet have them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import trainwell as tw
from trainwell.core.errors import DataError
from trainwell.core.recipe import Recipe


def png(array: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


PICTURES = np.random.default_rng(0).integers(0, 255, (40, 12, 12, 3), np.uint8)
FILES = [png(picture) for picture in PICTURES]
LABELS = ["cat", "dog"] * 20


@pytest.mark.parametrize("how", ["structs", "bytes"])
@pytest.mark.parametrize("form", ["parquet", "frame"])
def test_bytes_in_cells_are_pictures(how: str, form: str, tmp_path: Path) -> None:
    cells = [{"bytes": file, "path": f"{i}.png"} for i, file in enumerate(FILES)] if how == "structs" else FILES
    table = pl.DataFrame({"image": cells, "label": LABELS})
    table.write_parquet(tmp_path / "a.parquet")
    data = tw.load(tmp_path / "a.parquet" if form == "parquet" else table, target="label")
    assert (data.arrays["picture"] == PICTURES.transpose(0, 3, 1, 2)).all()
    assert data.classes == ("cat", "dog")


def test_structs_without_bytes_are_paths(tmp_path: Path) -> None:
    for i, file in enumerate(FILES):
        (tmp_path / f"{i}.png").write_bytes(file)
    cells = [{"bytes": None, "path": str(tmp_path / f"{i}.png")} for i in range(40)]
    schema = {"image": pl.Struct({"bytes": pl.Binary, "path": pl.String}), "label": pl.String}
    data = tw.load(pl.DataFrame({"image": cells, "label": LABELS}, schema=schema), target="label")
    assert (data.arrays["picture"] == PICTURES.transpose(0, 3, 1, 2)).all()


def test_trained_judged_on_more_and_asked(tmp_path: Path) -> None:
    table = pl.DataFrame({"image": FILES, "label": LABELS})
    table.write_parquet(tmp_path / "a.parquet")
    recipe = Recipe(preset="quick", steps=4, threads=1)
    run = tw.fit(recipe, tw.load(tmp_path / "a.parquet", target="label", recipe=recipe), folder=tmp_path / "run")
    more = tw.load(tmp_path / "a.parquet", target="label", test=tmp_path / "a.parquet", recipe=recipe)
    found = tw.evaluate(run, more, baselines=False)
    assert found.n == 40
    assert all(isinstance(cell, str) and len(cell) < 99 for example in found.worst for cell in example.cells.values())
    answers = run.predict(table.select("image"))
    assert answers.columns[0] == "prediction"
    assert "prediction" in answers.write_csv()


def test_masks_as_bytes_too() -> None:
    masks = (PICTURES[..., 0] > 99).astype(np.uint8)
    table = pl.DataFrame({"image": FILES, "mask": [png(mask) for mask in masks]})
    data = tw.load(table, target="mask", recipe=Recipe(task="segmentation"))
    assert (data.arrays["target"] == masks).all()


def test_bytes_that_are_no_pictures_are_set_aside() -> None:
    data = tw.load(pl.DataFrame({"raw": [b"\\x00\\x01"] * 40, "x": np.arange(40) % 7, "label": LABELS}), target="label")
    assert any(check.code == "set_aside" for check in data.card.checks)
    with pytest.raises(DataError, match="nothing but raw bytes"):
        tw.load(pl.DataFrame({"raw": [b"\\x00\\x01"] * 40}))
