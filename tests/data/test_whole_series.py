"""Whole series from every form they come in: files, wide and long tables, arrays, lists; unequal lengths and holes."""

from __future__ import annotations

import gzip

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.data.preparation import Preparation

HEAD = "# made here\n@problemName Waves\n@univariate {one}\n@classLabel true slow fast\n@data\n"


def waves(n: int = 24, channels: int = 1, length: int = 12) -> tuple[np.ndarray, list[str]]:
    draw = np.random.default_rng(0)
    fast = np.arange(n) % 2
    x = np.sin(np.arange(length) * (0.4 + 0.6 * fast[:, None, None])) + draw.normal(0, 0.1, (n, channels, length))
    return x.round(4), ["slow", "fast"] * (n // 2)


def ts_text(x: np.ndarray, labels: list[str]) -> str:
    lines = [":".join([*(",".join(map(str, c)) for c in one), label]) for one, label in zip(x, labels, strict=True)]
    return HEAD.format(one=str(x.shape[1] == 1).lower()) + "\n".join(lines) + "\n"


@pytest.mark.parametrize("channels", [1, 3])
def test_a_ts_file_holds_what_was_written(tmp_path, channels: int) -> None:
    x, labels = waves(channels=channels)
    (tmp_path / "Waves_TRAIN.ts").write_text(ts_text(x, labels))
    (tmp_path / "Waves_TEST.ts.gz").write_bytes(gzip.compress(ts_text(x + 0.5, labels).encode()))
    data = load(tmp_path)
    assert (len(data.rows["test"]), data.classes) == (24, ("fast", "slow"))
    assert data.source.arrays["series"] == pytest.approx(np.concatenate([x, x + 0.5]), rel=1e-6)
    assert data.arrays["series"][np.r_[data.rows["train"], data.rows["valid"]]].shape == (24, channels, 12)


def test_an_arff_file_of_numbered_columns_is_series_and_of_others_a_table(tmp_path) -> None:
    x, labels = waves()
    steps = "\n".join(f"@attribute att{i} numeric" for i in range(12))
    rows = "\n".join(",".join([*map(str, one[0]), label]) for one, label in zip(x, labels, strict=True))
    (tmp_path / "waves.arff").write_text(f"@relation waves\n{steps}\n@attribute kind {{slow,fast}}\n@data\n{rows}\n")
    assert load(tmp_path / "waves.arff").source.arrays["series"][:, 0] == pytest.approx(x[:, 0], rel=1e-6)
    people = "@relation p\n@attribute age numeric\n@attribute 'home town' {Oslo,'Rio, RJ'}\n@data\n3,'Rio, RJ'\n?,Oslo\n"
    (tmp_path / "people.arff").write_text(people * 1)
    from trainwell.data.readers.read import read

    frame = read(tmp_path / "people.arff").frame
    assert frame.rows() == [(3.0, "Rio, RJ"), (None, "Oslo")]


def test_wide_long_and_array_forms_say_the_same() -> None:
    x, labels = waves(channels=2)
    split = {"seed": 3}
    columns = {f"{stem}{i}": x[:, c, i] for c, stem in enumerate(("a_", "b_")) for i in range(12)}
    wide = load(
        pl.DataFrame({**columns, "y": labels}), target="y", recipe=Recipe(columns={"a_": "series", "b_": "series"}, split=split)
    )
    arrays = load((x, np.array(labels)), recipe=Recipe(columns={"input": "series"}, split=split))
    ids = np.repeat(np.arange(24) + 10, 12)
    long = pl.DataFrame(
        {"id": ids, "t": np.tile(np.arange(12), 24), "a": x[:, 0].ravel(), "b": x[:, 1].ravel(), "y": np.repeat(labels, 12)}
    )
    shuffled = long.sample(fraction=1.0, shuffle=True, seed=1)
    rows = load(shuffled, target="y", recipe=Recipe(series={"id": "id", "time": "t"}, split=split))
    for data in (wide, arrays, rows):
        assert data.shape.inputs[0].shape == (2, 12)
        assert data.source.arrays[data.shape.inputs[0].columns[0]] == pytest.approx(x, rel=1e-6)


def test_a_wide_table_is_gathered_again_at_prediction(tmp_path) -> None:
    x, labels = waves()
    frame = pl.DataFrame({f"t{i}": x[:, 0, i] for i in range(12)} | {"y": labels})
    data = load(frame, target="y", recipe=Recipe(columns={"t": "series"}))
    data.preparation.save(tmp_path)
    again = Preparation.load(tmp_path).encode(frame.drop("y").select(reversed(frame.columns[:-1])))
    assert np.array_equal(again.arrays["series"], data.arrays["series"])
    one = data.preparation.encode_row({"t": x[3, 0].tolist()})
    assert np.array_equal(one["series"][0], data.arrays["series"][3])


def test_holes_and_short_series_are_filled_and_told_by_a_channel() -> None:
    x, labels = waves(n=40)
    x[1, 0, 4:6], x[2, 0, 9:] = np.nan, np.nan
    data = load((x, np.array(labels)), recipe=Recipe(columns={"input": "series"}, split={"test": 0, "valid": 0}))
    series = data.arrays["series"]
    assert data.shape.inputs[0].shape == (2, 12)
    assert series[1, 1].tolist() == [1.0] * 4 + [0.0] * 2 + [1.0] * 6
    line = np.interp([4, 5], [3, 6], series[1, 0, [3, 6]])
    assert series[1, 0, 4:6] == pytest.approx(line, rel=1e-5)
    assert series[2, :, 9:].tolist() == [[0.0] * 3] * 2
    assert {"holes", "lengths"} <= {check.code for check in data.card.checks}


def test_series_of_other_lengths_are_answered_and_of_other_channels_refused() -> None:
    x, labels = waves()
    data = load((x, np.array(labels)), recipe=Recipe(columns={"input": "series"}))
    from trainwell.data.readers.arrays import read_array

    longer = read_array(np.concatenate([x, x], axis=2))
    encoded = data.preparation.encode(longer)
    assert np.array_equal(encoded.arrays["series"], data.arrays["series"])
    assert "longer than 12 steps" in encoded.problems[0][2]
    with pytest.raises(DataError, match="2 channels, those of the training 1"):
        data.preparation.encode(read_array(np.concatenate([x, x], axis=1)))


def test_parts_of_different_lengths_become_one_set(tmp_path) -> None:
    x, labels = waves()
    (tmp_path / "W_TRAIN.ts").write_text(ts_text(x, labels))
    (tmp_path / "W_TEST.ts").write_text(ts_text(x[:, :, :7], labels))
    data = load(tmp_path)
    assert np.isnan(data.source.arrays["series"][data.rows["test"]][:, :, 7:]).all()
    assert np.isfinite(data.arrays["series"]).all()


BROKEN = {
    "no data": ("@problemName x\n1,2,3:a\n", "no line @data"),
    "no series": (HEAD, "holds no series"),
    "a word": (HEAD + "1,2,x:slow\n", "'x', which is no number"),
    "other channels": (HEAD + "1,2:slow\n1,2:3,4:fast\n", "has 2 channels, the first series 1"),
    "only labels": (HEAD + ":slow\n:fast\n", "every series of the file is empty"),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_ts_file_is_refused_in_a_sentence(tmp_path, name: str) -> None:
    text, said = BROKEN[name]
    (tmp_path / "x.ts").write_text(text)
    with pytest.raises(DataError, match=said):
        load(tmp_path / "x.ts")


def test_empty_and_constant_series_are_named() -> None:
    x, labels = waves()
    x[5] = np.nan
    data = load((x, np.array(labels)), recipe=Recipe(columns={"input": "series"}))
    assert "empty_series" in {check.code for check in data.card.checks}
    with pytest.raises(DataError, match="no column is left"):
        load((np.ones_like(x), np.array(labels)), recipe=Recipe(columns={"input": "series"}))
    with pytest.raises(RecipeError, match="there are no columns q0"):
        load({"a": [1.0, 2.0] * 20, "y": ["u", "v"] * 20}, target="y", recipe=Recipe(columns={"q": "series"}))
