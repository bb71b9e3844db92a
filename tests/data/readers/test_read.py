"""One door: frames, arrays, archives, picture folders, and the real data."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from trainwell.core.errors import DataError
from trainwell.data.readers import arrays, frames
from trainwell.data.readers.read import read
from trainwell.data.source import Source

DATA = Path(os.environ.get("TRAINWELL_DATA") or Path(__file__).parents[4] / "shared" / "data")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA}")

COLUMNS = {"n": [1, 2, 3], "x": [0.5, None, 2.5], "s": ["a", None, "c"], "t": [True, False, True]}


@pytest.mark.parametrize(
    "make",
    [pl.DataFrame, lambda c: pl.DataFrame(c).lazy(), pd.DataFrame, pa.table, dict, lambda c: pl.DataFrame(c).to_dicts()],
    ids=["polars", "lazy", "pandas", "arrow", "mapping", "rows"],
)
def test_every_kind_of_frame_gives_the_same_columns(make) -> None:
    assert read(make(COLUMNS)).frame.to_dict(as_series=False) == COLUMNS


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow", "feather", "jsonl", "json", "xlsx", "csv.gz"])
def test_every_file_format_gives_the_same_columns(tmp_path: Path, suffix: str) -> None:
    frame, path = pl.DataFrame(COLUMNS), tmp_path / f"a.{suffix}"
    write = {
        "csv": lambda: frame.write_csv(path),
        "csv.gz": lambda: path.write_bytes(gzip.compress(frame.write_csv().encode())),
        "parquet": lambda: frame.write_parquet(path),
        "arrow": lambda: frame.write_ipc(path),
        "feather": lambda: pa.feather.write_feather(frame.to_arrow(), path),
        "jsonl": lambda: frame.write_ndjson(path),
        "json": lambda: frame.write_json(path),
        "xlsx": lambda: frame.write_excel(path),
    }
    if suffix == "feather":
        import pyarrow.feather  # noqa: F401 (pa.feather is a module of its own)
    write[suffix]()
    source = read(path)
    assert source.frame.to_dict(as_series=False) == COLUMNS
    assert not [c for c in source.checks if c.code == "wrong_suffix"]
    assert source.base == str(tmp_path)


def test_pandas_peculiarities() -> None:
    frame = pd.DataFrame([[1, "a", float("nan")], [2, None, 3.0]], columns=["x", "x", 5], index=pd.Index([7, 8], name="key"))
    source = read(frame)
    assert source.frame.to_dict(as_series=False) == {"key": [7, 8], "x": [1, 2], "x_2": ["a", None], "5": [None, 3.0]}
    assert {c.code for c in source.checks} == {"index", "duplicate_names"}


def test_pandas_without_pyarrow_gives_the_same_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames.importlib.util, "find_spec", lambda name: None)
    frame = pd.DataFrame(COLUMNS).assign(
        c=pd.Categorical(["u", None, "v"]), d=pd.to_datetime(["2024-01-01", None, "2024-03-01"])
    )
    source = read(frame)
    assert source.frame.drop("c", "d").to_dict(as_series=False) == COLUMNS
    assert source.frame["c"].to_list() == ["u", None, "v"]
    assert source.frame["d"].dtype == pl.Datetime
    assert source.frame["d"].null_count() == 1


def test_large_npy_stays_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waves = np.random.default_rng(0).normal(size=(50, 2, 9)).astype(np.float32)
    np.save(tmp_path / "a.npy", waves)
    monkeypatch.setattr(arrays, "memory_limit", lambda: 1000)
    held = read(tmp_path / "a.npy").arrays["input"]
    assert isinstance(held, np.memmap)
    np.testing.assert_array_equal(held, waves)


def test_pandas_frame_and_series_as_a_pair() -> None:
    source = read((pd.DataFrame({"a": [1, 2]}), pd.Series([0, 1], name="label")))
    assert (source.frame.columns, source.target) == (["a", "label"], "label")


def shapes(source: Source) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in source.arrays.items()}


def test_arrays_are_told_apart_by_shape_and_type() -> None:
    y = np.array([0, 1])
    assert read((np.zeros((2, 5), np.float32), y)).frame.columns == ["x0", "x1", "x2", "x3", "x4", "target"]
    assert shapes(read((np.zeros((2, 8, 8), np.uint8), y))) == {"picture": (2, 8, 8, 1)}
    assert shapes(read((np.zeros((2, 3, 8, 9), np.uint8), y))) == {"picture": (2, 8, 9, 3)}
    assert shapes(read((np.zeros((2, 8, 9, 3), np.float32), y))) == {"picture": (2, 8, 9, 3)}
    assert shapes(read((np.random.default_rng(0).normal(size=(2, 7, 4)), y))) == {"input": (2, 7, 4)}
    assert read(np.random.default_rng(0).normal(size=(2, 3, 8, 8))).arrays["input"].dtype == np.float32


def test_scaled_pictures_lose_nothing() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
    source = read(((pictures / 255).astype(np.float32).transpose(0, 3, 1, 2), np.arange(4)))
    np.testing.assert_array_equal(source.arrays["picture"], pictures)
    assert source.kinds == {"picture": "picture", "label": "category"}


def test_targets_of_several_shapes() -> None:
    x = np.arange(6.0).reshape(3, 2)
    assert read((x, np.eye(3))).frame["target"].to_list() == [0, 1, 2]
    assert read((x, np.ones((3, 1)))).frame["target"].to_list() == [1.0, 1.0, 1.0]
    two = read((x, np.array([[0.1, 2], [3, 4], [5, 6]])))
    assert (two.frame.columns[-2:], two.target) == (["target0", "target1"], None)
    assert read((x, ["a", "b", "a"])).frame["target"].to_list() == ["a", "b", "a"]


def test_archives_by_their_usual_names(tmp_path: Path) -> None:
    x, y = np.zeros((4, 8, 8), np.uint8), np.arange(4)
    np.savez(tmp_path / "keras.npz", x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    np.savez_compressed(tmp_path / "medical.npz", train_images=x, train_labels=y[:, None], val_images=x, val_labels=y[:, None])
    np.savez(tmp_path / "plain.npz", a=np.arange(3), b=np.array(["x", "y", "z"]), c=np.zeros((3, 2)))
    np.save(tmp_path / "table.npy", np.eye(3))
    assert read(tmp_path / "keras.npz").parts.tolist() == ["train"] * 4 + ["test"] * 2  # type: ignore[union-attr]
    assert read(tmp_path / "medical.npz").parts.tolist() == ["train"] * 4 + ["valid"] * 4  # type: ignore[union-attr]
    assert read(tmp_path / "plain.npz").frame.columns == ["a", "b", "c0", "c1"]
    assert read(tmp_path / "table.npy").frame.columns == ["x0", "x1", "x2"]


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.astype(np.uint8).tobytes()


def test_idx_folder_and_file(tmp_path: Path) -> None:
    pictures, labels = np.arange(3 * 4 * 5).reshape(3, 4, 5), np.array([2, 0, 1])
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pictures)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    source = read(tmp_path)
    np.testing.assert_array_equal(source.arrays["picture"][:3, ..., 0], pictures)
    assert source.frame["label"].to_list() == [2, 0, 1, 2, 0, 1]
    assert source.parts.tolist() == ["train"] * 3 + ["test"] * 3  # type: ignore[union-attr]
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert read(tmp_path / "t10k-images-idx3-ubyte.gz").target is None


def test_cifar_batches(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    labels = draw.integers(0, 10, 20, dtype=np.uint8)
    records = np.concatenate([labels[:, None], pictures.transpose(0, 3, 1, 2).reshape(20, -1)], axis=1).astype(np.uint8)
    (tmp_path / "data_batch_1.bin").write_bytes(records[:8].tobytes())
    (tmp_path / "data_batch_2.bin").write_bytes(records[8:16].tobytes())
    (tmp_path / "test_batch.bin").write_bytes(records[16:].tobytes())
    names = [f"class{i}" for i in range(10)]
    (tmp_path / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    source = read(tmp_path)
    np.testing.assert_array_equal(source.arrays["picture"], pictures)
    assert source.frame["label"].to_list() == [names[i] for i in labels]
    (tmp_path / "data_batch_2.bin").write_bytes(b"x" * 5000)
    with pytest.raises(DataError, match="whole number of records"):
        read(tmp_path)


def test_class_folders_are_listed(tmp_path: Path) -> None:
    for name in ("cat/2.JPG", "cat/1.png", "dog/deep/3.webp", "dog/notes.txt", "stray.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    source = read(tmp_path)
    assert source.frame.rows() == [("cat/1.png", "cat"), ("cat/2.JPG", "cat"), ("dog/deep/3.webp", "dog")]
    assert (source.target, source.base) == ("label", str(tmp_path))
    other = next(c for c in source.checks if c.code == "other_files")
    assert (other.count, other.examples) == (2, ("dog/notes.txt", "stray.png"))


def test_imagenet_layout(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "test/dog/4.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    source = read(tmp_path)
    assert list(zip(source.frame["picture"], source.parts, strict=True)) == [  # type: ignore[arg-type]
        ("train/cat/1.png", "train"), ("train/dog/2.png", "train"), ("val/cat/3.png", "valid"), ("test/dog/4.png", "test"),
    ]  # fmt: skip
    (tmp_path / "val/fox").mkdir()
    (tmp_path / "val/fox/5.png").write_bytes(b"")
    with pytest.raises(DataError, match="'fox'"):
        read(tmp_path)


def test_two_picture_folders_share_a_base(tmp_path: Path) -> None:
    for name in ("a/cat/1.png", "a/dog/2.png", "b/cat/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    source = read(tmp_path / "a", test=tmp_path / "b")
    assert all(Path(source.base, cell).is_file() for cell in source.frame["picture"])


@needs_data
def test_adult_as_published() -> None:
    source = read(DATA / "adult", target="income")
    assert source.parts is not None
    assert ((source.parts == "train").sum(), (source.parts == "test").sum()) == (32_561, 16_281)
    assert source.frame.columns[-1] == "income"
    assert sorted(source.frame["income"].unique()) == ["<=50K", ">50K"]
    assert source.frame.null_count().sum_horizontal().item() == 4_262 + 2_203
    assert source.frame["age"].dtype == pl.Int64


@needs_data
@pytest.mark.parametrize(
    ("place", "rows", "columns"),
    [("california_housing", 20_640, 10), ("telco_churn", 7_043, 21), ("sst2", 9_613, 2), ("waimai_10k", 11_987, 2)],
)
def test_real_tables(place: str, rows: int, columns: int) -> None:
    assert read(DATA / place).frame.shape == (rows, columns)


@needs_data
def test_real_pictures() -> None:
    fashion = read(DATA / "fashion_mnist")
    assert shapes(fashion) == {"picture": (70_000, 28, 28, 1)}
    assert np.bincount(fashion.frame["label"][:60_000]).tolist() == [6_000] * 10
    flowers = read(DATA / "flowers_small")
    assert dict(flowers.frame["label"].value_counts().iter_rows()) == {
        "daisy": 764, "dandelion": 1052, "rose": 784, "sunflower": 733, "tulip": 984,
    }  # fmt: skip


def test_an_array_of_objects_is_read_column_by_column() -> None:
    mixed = pd.DataFrame({"a": [1.5, 2.5, 3.5], "s": ["u", None, "v"], "n": [1, np.nan, 3]}).to_numpy()
    source = read((mixed, np.array(["x", "y", "x"], dtype=object)))
    assert source.frame.dtypes == [pl.Float64, pl.String, pl.Float64, pl.String]
    assert source.frame["x2"].null_count() == source.frame["x1"].null_count() == 1
    assert read(np.array([[1, 2], [3, 4]], dtype=object)).frame.dtypes == [pl.Int64, pl.Int64]
    with pytest.raises(DataError, match="neither numbers nor text"):
        read(np.array([[1, [2]], [3, [4]]], dtype=object))
