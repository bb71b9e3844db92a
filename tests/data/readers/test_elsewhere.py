"""Files on other machines, and folders that another library has saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError, MissingExtra
from trainwell.data import cache
from trainwell.data.load import load
from trainwell.data.readers import remote
from trainwell.data.readers.read import read
from trainwell.data.stored import Stored


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path / "cache"))
    return tmp_path


def table(seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    return pl.DataFrame({"x": draw.normal(size=60), "y": draw.integers(0, 2, 60)})


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder of a file system that is in no way local."""
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for number in range(2):
        with system.open(f"/bucket/part-{number}.parquet", "wb") as file:
            table(number).write_parquet(file)
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


@pytest.mark.parametrize("asked", ["", "/*.parquet"])
def test_files_elsewhere_are_one_table(bucket: str, asked: str) -> None:
    data = load(bucket + asked, target="y")
    assert data.source.table.equals(pl.concat([table(0), table(1)]))
    assert data.card.origin == bucket + asked
    assert data.origin is not None
    assert data.origin["source"] == bucket + asked


def test_a_copy_is_kept_until_the_original_changes(bucket: str) -> None:
    import fsspec

    place = f"{bucket}/part-0.parquet"
    read(place)
    read(place)
    assert [entry.about for entry in cache.entries()] == ["copy /bucket/part-0.parquet"]
    with fsspec.open(place, "wb") as file:
        table(7).write_parquet(file)
    assert read(place).table.equals(table(7))
    assert len(cache.entries()) == 2


@pytest.mark.parametrize(("place", "said"), [("/none.csv", "no such file"), ("/*.csv", "no such file")])
def test_nothing_there_is_one_sentence(bucket: str, place: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(bucket + place)


def test_passwords_do_not_belong_into_a_place() -> None:
    with pytest.raises(DataError, match="names no user or password") as caught:
        read("ftp://me:geheim@host/a.csv")
    assert "geheim" not in str(caught.value)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="Protocol not known: nothing-like-this"):
        read("nothing-like-this://bucket/a.csv")
    with pytest.raises(MissingExtra, match="s3fs"):
        read("s3://bucket/a.csv")
    monkeypatch.setattr(remote.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"trainwell\[remote\]"):
        read("s3://bucket/a.csv")


def saved(folder: Path, frame: pl.DataFrame) -> Path:
    """As `datasets` writes it: Arrow streams, and what the columns mean."""
    folder.mkdir(parents=True)
    files = []
    for number in range(2):
        files.append({"filename": f"data-{number:05}-of-00002.arrow"})
        frame[number * 30 : (number + 1) * 30].write_ipc_stream(folder / files[-1]["filename"])
    (folder / "state.json").write_text(json.dumps({"_data_files": files, "_fingerprint": "0"}))
    features = {"x": {"dtype": "float64", "_type": "Value"}, "y": {"names": ["bad", "good"], "_type": "ClassLabel"}}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


def expected(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.Series("y", ["bad", "good"]).gather(frame["y"]))


def test_a_saved_dataset_has_its_labels_by_name(home: Path) -> None:
    source = read(str(saved(home / "set", table())))
    assert source.table.equals(expected(table()))
    assert source.target == "y"


def test_a_saved_dataset_without_a_label_in_some_row(home: Path) -> None:
    frame = table().with_columns(y=pl.Series([-1] * 5 + [0, 1] * 27 + [0]))
    assert read(str(saved(home / "set", frame))).table["y"].null_count() == 5


def test_a_dictionary_of_saved_datasets_brings_its_parts(home: Path) -> None:
    for seed, part in enumerate(("train", "validation", "test")):
        saved(home / "sets" / part, table(seed))
    (home / "sets" / "dataset_dict.json").write_text('{"splits": ["train", "validation", "test"]}')
    data = load(str(home / "sets"))
    assert {part: len(rows) for part, rows in data.rows.items()} == {"train": 60, "valid": 60, "test": 60}
    assert data.classes == ("bad", "good")


def test_a_large_saved_dataset_stays_on_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = load(str(saved(home / "set", table())))
    monkeypatch.setenv("TRAINWELL_MEMORY", "1kB")
    left = load(str(home / "set"))
    assert isinstance(left.source.frame, Stored)
    np.testing.assert_array_equal(held.arrays["number"], left.arrays["number"])
    assert held.fingerprint == left.fingerprint


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("state.json", "{", "the description of the saved dataset is damaged"),
        ("state.json", "{}", "names no files"),
        ("dataset_dict.json", '{"splits": ["a", "b"]}', "has no train part"),
    ],
)
def test_a_damaged_description_is_one_sentence(home: Path, file: str, text: str, said: str) -> None:
    folder = saved(home / "set", table())
    if file == "dataset_dict.json":
        (folder / "state.json").unlink()
    (folder / file).write_text(text)
    with pytest.raises(DataError, match=said):
        read(str(folder))
