"""The preparation: fitted on train rows alone, the same on a row as on a table, the same after a save."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from trainwell.core.errors import CheckpointError, DataError
from trainwell.core.recipe import Recipe
from trainwell.data.build import build
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.data.preparation import Preparation
from trainwell.data.source import Source

N = 200
SCALES = ("quantile", "standard", "minmax", "signed", "robust", "log", "none")


def table(seed: int = 0) -> pl.DataFrame:
    rng = np.random.Generator(np.random.Philox(seed))
    holes = rng.random(N) < 0.1
    return pl.DataFrame(
        {
            "number": pl.Series(rng.normal(size=N) * 50).set(pl.Series(holes), None),
            "whole": rng.integers(0, 30, N),
            "price": [f"${v:,.2f}" for v in rng.gamma(2, 900, N)],
            "label": pl.Series([f"L{v}" for v in rng.integers(0, 9, N)]).set(pl.Series(holes[::-1]), None),
            "yes": [("Yes", "no", None)[v] for v in rng.integers(0, 3, N)],
            "when": [dt.datetime(2020, 1, 1) + dt.timedelta(hours=int(h)) for h in rng.integers(0, 20_000, N)],
            "day": [str(dt.date(2020, 1, 1) + dt.timedelta(days=int(d))) for d in rng.integers(0, 900, N)],
            "y": rng.normal(size=N) * 7 + 100,
        }
    )


PARTS = np.array(["train"] * 120 + ["valid"] * 30 + ["test"] * 50)


def data_of(frame: pl.DataFrame | None = None, **rules: Any) -> Data:
    source = Source(table() if frame is None else frame, "t", parts=PARTS)
    return build(source, Recipe(target="y", **rules))


POISONS: dict[str, list[Any]] = {
    "number": [1e300, -1e300, None, math.nan, 12345.0],
    "whole": [10**12, -5, 7, None],
    "price": ["€9", "not a price", None, "1.234.567,8"],
    "label": ["never seen", None, "", "ÄÖ"],
    "yes": ["perhaps", "NO", None],
    "when": [dt.datetime(1, 1, 1), None, dt.datetime(9999, 1, 1)],
    "day": ["30.02.2020", "soon", None],
    "y": [1e9, -1e9, 0.0],
}


@pytest.mark.parametrize(
    ("scale", "outliers"),
    [*((scale, "leave") for scale in SCALES), ("quantile", "clip"), ("robust", "replace"), ("standard", "drop")],
)
def test_poisoned_validation_and_test_rows_change_no_fitted_number(scale: str, outliers: str) -> None:
    rules = {"prepare": {"scale": scale, "outliers": outliers}}
    clean = table()
    for seed in range(2):
        rng = np.random.Generator(np.random.Philox(seed))
        columns = {}
        for name, poison in POISONS.items():
            cells = clean[name].to_list()
            for row in range(120, N):
                cells[row] = poison[int(rng.integers(len(poison)))]
            columns[name] = pl.Series(name, cells, strict=False)
        poisoned = data_of(pl.DataFrame(columns), **rules)
        assert poisoned.preparation.digest() == data_of(clean, **rules).preparation.digest()


def test_poisoned_text_columns_are_still_read_as_the_train_rows_say() -> None:
    frame = table().with_columns(pl.col("whole").cast(pl.String))
    poisoned = frame.with_columns(whole=pl.Series([*frame["whole"][:120], *["poison"] * 80]))
    assert data_of(frame).preparation.digest() == data_of(poisoned).preparation.digest()


def test_train_rows_do_change_fitted_numbers() -> None:
    frame = table()
    changed = frame.with_columns(number=pl.Series([99.0, *frame["number"][1:]]))
    assert data_of(frame).preparation.digest() != data_of(changed).preparation.digest()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("rules", [{}, {"outliers": "clip"}, {"outliers": "replace"}, {"missing": "mean", "indicator": False}])
def test_one_row_has_the_bits_of_the_table(scale: str, rules: dict[str, Any]) -> None:
    data = data_of(prepare={"scale": scale, **rules})
    for row in range(0, N, 7):
        assert_same_bits(data, row, data.source.frame.row(row, named=True))


def assert_same_bits(data: Data, row: int, cells: dict[str, Any]) -> None:
    one = data.preparation.encode_row(cells)
    for name in data.shape.names:
        assert one[name].tobytes() == data.arrays[name][row : row + 1].tobytes(), (name, row)
        assert one[name].shape == data.arrays[name][row : row + 1].shape


ODD = st.one_of(
    st.none(), st.floats(), st.integers(-(2**70), 2**70), st.text(max_size=6), st.booleans(), st.dates(),
    st.sampled_from(["L1", " L1 ", "?", "NaN", "n/a", "Yes", "NO", "1e5", "$1,000.00", "2020-05-05", "05.05.2020", "−3"]),
)  # fmt: skip


@given(cells=st.fixed_dictionaries(dict.fromkeys(("number", "whole", "price", "label", "yes", "when", "day"), ODD)))
@settings(max_examples=100, deadline=None)
def test_any_cell_is_encoded_finite_and_alike_by_row_and_by_table(cells: dict[str, Any]) -> None:
    preparation = FITTED.preparation
    one = preparation.encode_row(cells)
    frame = pl.DataFrame({name: pl.Series(name, [cell], dtype=_dtype(cell), strict=False) for name, cell in cells.items()})
    many = preparation.encode(frame).arrays
    for name in one:
        assert np.isfinite(one[name]).all()
        assert one[name].tobytes() == many[name].tobytes(), name


def _dtype(cell: Any) -> Any:
    return pl.Object if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) >= 2**63 else None


FITTED = data_of()


def test_encoding_again_gives_the_same_arrays_and_names_nothing() -> None:
    data = data_of()
    again = data.preparation.encode(data.source.frame[:120])
    assert all(np.array_equal(again.arrays[name], data.arrays[name][:120]) for name in data.shape.names)
    assert again.problems == []


def test_columns_may_come_in_any_order_with_others_among_them() -> None:
    data, frame = data_of(), table()
    shuffled = frame.select(sorted(frame.columns, reverse=True)).with_columns(extra=pl.lit("?"))
    again = data.preparation.encode(shuffled).arrays
    assert all(np.array_equal(again[name], data.arrays[name]) for name in data.shape.names)


def test_the_order_of_columns_changes_only_the_order_of_inputs() -> None:
    frame = table()
    one, two = data_of(frame), data_of(frame.select(frame.columns[::-1]))
    order = [two.shape.of_kind("number").columns.index(name) for name in one.shape.of_kind("number").columns]
    assert np.array_equal(one.arrays["number"], two.arrays["number"][:, order])
    assert all(np.array_equal(one.rows[part], two.rows[part]) for part in one.rows)


def test_what_is_odd_is_named_by_row_and_column() -> None:
    frame = table()[:3].with_columns(
        label=pl.Series(["L1", "unheard of", None]), price=pl.Series(["$5", "cheap", None]), number=pl.Series(["1", "x", "2,5"])
    )
    problems = FITTED.preparation.encode(frame.drop("when")).problems
    assert {(row, column) for row, column, _ in problems} == {
        (-1, "when"), (1, "label"), (1, "price"), (1, "number"), (2, "number"),
    }  # fmt: skip
    assert "'unheard of'" in next(sentence for row, column, sentence in problems if (row, column) == (1, "label"))


def test_a_misspelt_column_is_suggested() -> None:
    problems = FITTED.preparation.encode(table()[:2].rename({"number": "nubmer"})).problems
    assert problems[0][:2] == (-1, "number")
    assert "Did you mean nubmer?" in problems[0][2]


def test_no_rows_and_no_columns() -> None:
    empty = FITTED.preparation.encode(table()[:0])
    assert {name: array.shape[0] for name, array in empty.arrays.items()} == {"number": 0, "category": 0}
    with pytest.raises(DataError, match="none of the columns"):
        FITTED.preparation.encode(pl.DataFrame({"other": [1]}))


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    FITTED.preparation.save(tmp_path / "p")
    loaded = Preparation.load(tmp_path / "p")
    assert loaded.digest() == FITTED.preparation.digest()
    assert loaded.shape == FITTED.shape
    assert loaded.target == FITTED.preparation.target
    again = loaded.encode(table()).arrays
    assert all(np.array_equal(again[name], FITTED.arrays[name]) for name in FITTED.shape.names)


@pytest.mark.parametrize("damage", ["missing", "torn", "version"])
def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path, damage: str) -> None:
    FITTED.preparation.save(tmp_path)
    file = tmp_path / "preparation.json"
    if damage == "missing":
        (tmp_path / "preparation.safetensors").unlink()
    else:
        text = file.read_text()
        file.write_text(text[:200] if damage == "torn" else text.replace('"version": 1', '"version": 99'))
    with pytest.raises(CheckpointError):
        Preparation.load(tmp_path)


def test_targets_are_scaled_by_train_rows_and_come_back_in_their_own_unit() -> None:
    data = data_of()
    own = data.source.frame["y"].to_numpy()
    assert data.arrays["target"][:120].mean() == pytest.approx(0, abs=1e-6)
    assert data.arrays["target"][:120].std() == pytest.approx(1, abs=1e-6)
    assert np.allclose(data.preparation.decode_target(data.arrays["target"])[:, 0], own, rtol=1e-6)
    assert np.array_equal(data.preparation.encode_target(data.source.frame["y"]), data.arrays["target"])
    plain = data_of(prepare={"scale_target": False})
    assert np.array_equal(plain.arrays["target"][:, 0], own.astype(np.float32))


def test_encoded_numbers_decode_to_the_cells() -> None:
    data = data_of()
    column = next(c for c in data.preparation.columns if c.name == "whole")
    place = data.shape.of_kind("number").columns.index("whole")
    decoded = column.does.decode(column.state, data.arrays["number"][:120, [place]])
    assert np.allclose(decoded.to_numpy(), data.source.frame["whole"][:120].to_numpy(), atol=1e-4)
    label = next(c for c in data.preparation.columns if c.name == "label")
    assert (
        label.does.decode(label.state, data.arrays["category"][:, 0]).to_list()[:120]
        == data.source.frame["label"].to_list()[:120]
    )


def test_pictures_of_the_size_that_was_asked_for_are_encoded_again_as_they_were(tmp_path: Path) -> None:
    draw = np.random.Generator(np.random.Philox(0))
    for i in range(24):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(tmp_path / "ab"[i % 2] / f"{i}.png")
    data = load(tmp_path, recipe=Recipe(prepare={"picture_size": 6, "picture_channels": 1}))
    assert data.arrays["picture"].shape == (24, 1, 6, 6)
    assert np.array_equal(data.preparation.encode(data.source).arrays["picture"], data.arrays["picture"])
