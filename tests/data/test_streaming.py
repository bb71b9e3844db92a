"""A table left on disk gives what the same table in memory gives, to the bit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError, RecipeError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.data.readers.memory import parse_bytes
from trainwell.data.stored import Stored
from trainwell.train.fit import fit


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little memory that every table is left on disk."""
    monkeypatch.setenv("TRAINWELL_MEMORY", "1kB")


def table(n: int = 900, *, seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    days = pl.Series(np.datetime64("2024-01-01") + draw.integers(0, 400, n))
    y = draw.integers(0, 3, n)
    frame = pl.DataFrame(
        {
            "x": draw.normal(size=n),
            "gaps": pl.Series(draw.normal(size=n)).set(pl.Series(draw.random(n) < 0.1), None),
            "whole": draw.integers(0, 40, n),
            "label": pl.Series(["red", "green", "a rare one", "blue"]).gather(draw.choice(4, n, p=[0.4, 0.3, 0.005, 0.295])),
            "yes": draw.random(n) < 0.3,
            "when": days,
            "number_text": [f"{v:.2f}" for v in draw.normal(size=n)],
            "constant": np.ones(n),
            "customer_id": np.arange(n) + 5,
            "leak": y + draw.normal(size=n) / 1e6,
            "y": pl.Series(["a", "b", "c"]).gather(y),
        }
    )
    return pl.concat([frame, frame.head(30)])  # rows that repeat


def written(folder: Path, frame: pl.DataFrame, files: int = 3) -> Path:
    folder.mkdir()
    size = -(-len(frame) // files)
    for i in range(files):
        frame[i * size : (i + 1) * size].write_parquet(folder / f"part-{i}.parquet")
    return folder


def assert_same(one: Data, other: Data) -> None:
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert array.dtype == other.arrays[name].dtype
        np.testing.assert_array_equal(array, other.arrays[name])
    for part, rows in one.rows.items():
        np.testing.assert_array_equal(rows, other.rows[part])
    assert one.preparation.digest() == other.preparation.digest()
    assert one.facts == other.facts
    assert one.fingerprint == other.fingerprint
    left = {"streamed", "near_duplicates"}  # the first says so, the second is not looked for in files
    assert [c for c in one.card.checks if c.code not in left] == [c for c in other.card.checks if c.code not in left]
    assert one.card.columns == other.card.columns
    assert one.card.rows == other.card.rows


def both(source: object, monkeypatch: pytest.MonkeyPatch, **given: object) -> tuple[Data, Data]:
    held = load(source, **given)  # type: ignore[arg-type]
    monkeypatch.setenv("TRAINWELL_MEMORY", "1kB")
    left = load(source, **given)  # type: ignore[arg-type]
    monkeypatch.delenv("TRAINWELL_MEMORY")
    assert not isinstance(held.source.frame, Stored)
    assert isinstance(left.source.frame, Stored)
    assert "streamed" in {check.code for check in left.card.checks}
    assert all(isinstance(array, np.memmap) for array in left.arrays.values())
    return held, left


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(target="y"),
        Recipe(target="x", prepare={"outliers": "drop", "leaks": "drop", "missing": "mean"}),
        Recipe(target="y", split={"how": "group", "by": "whole"}),
        Recipe(target="y", split={"how": "time", "by": "when"}, prepare={"duplicates": "drop", "scale": "standard"}),
        Recipe(target="y", columns={"whole": {"kind": "category"}, "label": {"kind": "ignore"}}, split={"bag": 1}),
    ],
    ids=["classes", "numbers", "groups", "times", "bag"],
)
def test_streaming_changes_no_bit(home: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe) -> None:
    assert_same(*both(str(written(home / "parts", table())), monkeypatch, recipe=recipe))


@pytest.mark.data
def test_adult_streamed_is_adult(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path(os.environ.get("TRAINWELL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "adult"
    if not place.exists():
        pytest.skip(f"needs the adult data in {place}")
    frame = load(str(place), target="income").source.table
    folder = written(home / "adult", frame, files=4)
    held, left = both(str(folder), monkeypatch, target="income")
    assert_same(held, left)


def test_csv_files_are_converted_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "parts"
    folder.mkdir()
    frame = table()
    for i in range(2):
        frame[i * 465 : (i + 1) * 465].write_csv(folder / f"{i}.csv")
    held, left = both(f"{folder}/*.csv", monkeypatch, target="y")
    np.testing.assert_array_equal(held.arrays["number"], left.arrays["number"])
    assert held.fingerprint == left.fingerprint


def test_the_second_time_nothing_is_read(home: Path, little: None, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(written(home / "parts", table()))
    first = load(folder, target="y")
    monkeypatch.setattr(Stored, "blocks", None)
    monkeypatch.setattr(Stored, "__getitem__", None)
    assert str(load(folder, target="y").card) == str(first.card)


def test_changed_files_are_prepared_anew(home: Path, little: None) -> None:
    folder = written(home / "parts", table())
    first = load(str(folder), target="y")
    known = first.fingerprint
    table(seed=1).head(310).write_parquet(folder / "part-0.parquet")
    again = load(str(folder), target="y")
    assert (first.arrays["number"][:310] != again.arrays["number"][:310]).any()
    assert known != again.fingerprint
    with pytest.raises(DataError, match="has changed since it was opened"):
        first.source.table.clear()


def test_test_rows_decide_nothing(home: Path, little: None) -> None:
    """Other cells in validation and test rows leave everything that was fitted as it was."""
    train, other = table(), table(400, seed=3)
    train.write_parquet(home / "train.parquet")
    preparations = []
    for place, frame in enumerate((other, other.with_columns(x=pl.col("x") * 1e9, label=pl.lit("poison"), gaps=pl.lit(None)))):
        frame.write_parquet(home / f"test{place}.parquet")
        data = load(str(home / "train.parquet"), target="y", test=str(home / f"test{place}.parquet"))
        assert isinstance(data.source.frame, Stored)
        preparations.append(data.preparation.digest())
    assert preparations[0] == preparations[1]


def test_training_from_the_map_is_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(target="y", model="mlp", steps=12, batch_size=32)
    ends = []
    for data in both(str(written(home / "parts", table())), monkeypatch, recipe=recipe):
        run = fit(recipe, data, seed=0)
        ends.append({name: tensor.numpy().copy() for name, tensor in run.network.state_dict().items()})
    for name, array in ends[0].items():
        np.testing.assert_array_equal(array, ends[1][name])


def test_another_recipe_splits_and_prepares_anew(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, left = both(str(written(home / "parts", table())), monkeypatch, target="y")
    recipe = Recipe(target="y", split={"seed": 7})
    assert_same(held.under(recipe), left.under(recipe))


def test_other_columns_are_one_sentence_with_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(home / "parts", table())
    table().drop("label").with_columns(more=1).write_parquet(folder / "part-1.parquet")
    for memory in ("1kB", "1GB"):
        monkeypatch.setenv("TRAINWELL_MEMORY", memory)
        with pytest.raises(DataError, match=r"part-1\.parquet.*lacks the column 'label'.*has the column 'more'"):
            load(str(folder), target="y")


def test_types_that_differ_between_files_are_widened(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(home / "parts", table())
    frame = pl.read_parquet(folder / "part-1.parquet")
    frame.with_columns(pl.col("whole").cast(pl.Float64) + 0.5).write_parquet(folder / "part-1.parquet")
    assert_same(*both(str(folder), monkeypatch, target="y"))


def test_columns_that_no_network_reads_are_made_plain(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table().with_columns(
        price=pl.col("x").round(2).cast(pl.Decimal(12, 2)),
        kind=pl.col("label").cast(pl.Categorical),
        big=pl.col("whole").cast(pl.UInt64),
        both=pl.struct(a=pl.col("x") * 2, b=pl.col("label")),
    )
    assert_same(*both(str(written(home / "parts", frame)), monkeypatch, target="y"))


def test_a_forest_needs_memory(home: Path, little: None) -> None:
    folder = written(home / "parts", table())
    with pytest.raises(RecipeError, match="isolation forest"):
        load(str(folder), recipe=Recipe(target="y", prepare={"outlier_rule": "forest", "outliers": "drop"}))


def test_damage_is_one_sentence(home: Path, little: None) -> None:
    folder = written(home / "parts", table())
    (folder / "part-2.parquet").write_bytes(b"PAR1 but then nothing that a Parquet file has")
    with pytest.raises(DataError, match=r"part-2\.parquet.*damaged"):
        load(str(folder), target="y")


def test_a_pattern_without_files_is_one_sentence(home: Path) -> None:
    with pytest.raises(DataError, match="no file fits"):
        load(f"{home}/*.parquet", target="y")


def test_parts_of_several_files_each(home: Path) -> None:
    frame = table()
    for part, begin in (("train-00000-of-00002", 0), ("train-00001-of-00002", 300), ("test-00000-of-00001", 600)):
        frame[begin : begin + 300].write_parquet(home / f"{part}.parquet")
    data = load(str(home), target="y")
    assert len(data.rows["test"]) == 300
    assert data.rows["test"].min() == 600


@pytest.mark.parametrize(("text", "size"), [("6GB", 6_000_000_000), ("500 mb", 500_000_000), ("12", 12)])
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


def test_a_wrong_size_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_bytes("much")
