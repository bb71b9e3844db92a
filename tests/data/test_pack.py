"""Pictures in the cells of a table larger than memory: the same data as in memory, read from one file of the cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import trainwell as tw
from trainwell.core.errors import DataError
from trainwell.core.recipe import Recipe
from trainwell.data import cache
from trainwell.data.data import Data
from trainwell.data.pack import content, is_packed, pack

from .readers.test_pictures_in_tables import png

PICTURES = np.random.default_rng(0).integers(0, 255, (120, 12, 12, 3), np.uint8)
FILES = [png(picture) for picture in PICTURES]
LABELS = ["cat", "dog"] * 60


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path / "cache"))


def both(source: Path | str, monkeypatch: pytest.MonkeyPatch, recipe: Recipe | None = None) -> tuple[Data, Data]:
    given = {"target": "label"} if recipe is None else {"recipe": recipe}
    held = tw.load(source, **given)
    monkeypatch.setenv("TRAINWELL_MEMORY", "1kB")
    return held, tw.load(source, **given)


def test_each_cell_comes_back(tmp_path: Path) -> None:
    cells = [b"one", None, b"", b"x" * 5000, b"last"]
    column = pack(iter([pl.Series(cells[:2]), pl.Series(cells[2:])]), "1", about="")
    assert column.is_null().to_list() == [cell is None for cell in cells]
    assert column.dtype == pl.Binary
    assert [content(cell) for cell in column.drop_nulls()] == [cell for cell in cells if cell is not None]
    assert all(map(is_packed, column.drop_nulls()))
    assert content(b"itself") == b"itself"
    assert pack(iter([]), "1", about="").to_list() == column.to_list()  # found, and so not asked for


@pytest.mark.parametrize("files", [1, 3])
@pytest.mark.parametrize("form", ["bytes", "structs"])
def test_the_same_data_as_in_memory(form: str, files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = [*FILES[:-5], b"", None, b"no picture", FILES[0], FILES[1][:60]]
    cells = odd if form == "bytes" else [None if f is None else {"bytes": f, "path": f"{i}.png"} for i, f in enumerate(odd)]
    table = pl.DataFrame({"number": np.arange(120) % 7, "image": cells, "note": [b"\x00\x01"] * 120, "label": LABELS})
    for i in range(files):
        table[i * 120 // files : (i + 1) * 120 // files].write_parquet(tmp_path / f"{i}.parquet", row_group_size=16)
    held, unpacked = both(tmp_path / "0.parquet" if files == 1 else str(tmp_path / "*.parquet"), monkeypatch)
    assert is_packed(unpacked.source.frame["image"][0])
    assert held.source.frame["image"][0] == FILES[0]
    assert held.arrays.keys() == unpacked.arrays.keys()
    assert all((held.arrays[name] == unpacked.arrays[name]).all() for name in held.arrays)
    assert all((held.rows[part] == unpacked.rows[part]).all() for part in held.rows)
    assert held.preparation.digest() == unpacked.preparation.digest()
    assert held.fingerprint == unpacked.fingerprint
    said = [check.text for check in unpacked.card.checks if check.code != "unpacked"]
    assert len(said) == len(unpacked.card.checks) - 1
    assert said == [check.text for check in held.card.checks]


def test_structs_without_bytes_are_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i, file in enumerate(FILES):
        (tmp_path / f"{i}.png").write_bytes(file)
    cells = [{"bytes": None, "path": str(tmp_path / f"{i}.png")} for i in range(120)]
    schema = {"image": pl.Struct({"bytes": pl.Binary, "path": pl.String}), "label": pl.String}
    pl.DataFrame({"image": cells, "label": LABELS}, schema=schema).write_parquet(tmp_path / "a.parquet")
    held, left = both(tmp_path / "a.parquet", monkeypatch)
    assert (held.arrays["picture"] == left.arrays["picture"]).all()
    assert left.source.frame["image"].to_list() == [cell["path"] for cell in cells]


def test_trained_judged_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pl.DataFrame({"image": FILES, "label": LABELS}).write_parquet(tmp_path / "a.parquet")
    recipe = Recipe(preset="quick", steps=4, threads=1)
    runs = []
    for i, data in enumerate(both(tmp_path / "a.parquet", monkeypatch)):
        runs.append(tw.fit(recipe, data, folder=tmp_path / str(i)))
        found = tw.evaluate(runs[-1], data, baselines=False)
        assert found.worst
        assert not any("image" in example.cells for example in found.worst)
    one, other = ((tmp_path / str(i) / "weights.safetensors").read_bytes() for i in range(2))
    assert one == other
    answers = runs[1].predict(tmp_path / "a.parquet")
    assert answers.equals(runs[0].predict(pl.read_parquet(tmp_path / "a.parquet").select("image")))


def test_a_cache_that_was_removed_is_one_sentence(tmp_path: Path) -> None:
    column = pack(iter([pl.Series([b"one"])]), "2", about="")
    shutil.rmtree(cache.cache_home())
    with pytest.raises(DataError, match="cannot be read from the cache"):
        content(column[0])


def test_files_are_closed_when_others_are_read(tmp_path: Path) -> None:
    cells = [pack(iter([pl.Series([b"%d" % i])]), f"many {i}", about="")[0] for i in range(40)]
    before = len(os.listdir("/proc/self/fd"))
    assert [content(cell) for cell in cells * 2] == [b"%d" % i for i in range(40)] * 2
    assert len(os.listdir("/proc/self/fd")) <= before + 16


def test_tables_of_nothing_but_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = [png((picture[..., 0] > 127).astype(np.uint8)) for picture in PICTURES]
    pl.DataFrame({"image": FILES, "mask": masks}).write_parquet(tmp_path / "a.parquet")
    recipe = Recipe(task="segmentation", target="mask")
    held, unpacked = both(tmp_path / "a.parquet", monkeypatch, recipe=recipe)
    assert all((held.arrays[name] == unpacked.arrays[name]).all() for name in held.arrays)
    assert held.fingerprint == unpacked.fingerprint


@pytest.mark.parametrize("memory", ["1kB", "60kB"])  # all parts in files, or the first alone
def test_parts_in_folders_of_their_own(memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pl.DataFrame({"image": FILES, "label": LABELS})
    places = {part: tmp_path / part / "x.parquet" for part in ("train", "valid", "test")}
    for place, (start, stop) in zip(places.values(), ((0, 80), (80, 100), (100, 120)), strict=True):
        place.parent.mkdir()
        table[start:stop].write_parquet(place)
    assert places["test"].stat().st_size < 15_000 < places["train"].stat().st_size
    held = tw.load(places["train"], target="label", valid=places["valid"], test=places["test"])
    monkeypatch.setenv("TRAINWELL_MEMORY", memory)
    left = tw.load(places["train"], target="label", valid=places["valid"], test=places["test"])
    assert is_packed(left.source.frame["image"][0])
    assert is_packed(left.source.frame["image"][-1]) == (memory == "1kB")
    assert (held.arrays["picture"] == left.arrays["picture"]).all()
    assert held.fingerprint == left.fingerprint


@pytest.mark.parametrize("form", ["bytes", "structs"])
def test_pictures_that_begin_late(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [None] * 150 + FILES
    cells = files if form == "bytes" else [{"bytes": f, "path": f"{i}.png"} for i, f in enumerate(files)]
    pl.DataFrame({"image": cells, "number": np.arange(270) % 9, "label": ["cat", "dog"] * 135}).write_parquet(
        tmp_path / "a.parquet"
    )
    held, left = both(tmp_path / "a.parquet", monkeypatch)
    assert (held.arrays["picture"] == left.arrays["picture"]).all()
    assert held.fingerprint == left.fingerprint


def test_a_file_without_the_column_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [{"bytes": f, "path": None} for f in FILES]
    schema = {"image": pl.Struct({"bytes": pl.Binary, "path": pl.String}), "label": pl.String}
    pl.DataFrame({"image": cells, "label": LABELS}, schema=schema).write_parquet(tmp_path / "0.parquet")
    pl.DataFrame({"label": LABELS}).write_parquet(tmp_path / "1.parquet")
    monkeypatch.setenv("TRAINWELL_MEMORY", "1kB")
    with pytest.raises(DataError, match="image"):
        tw.load(str(tmp_path / "*.parquet"), target="label")
