"""From a source to data in one call, on real tables; under another recipe; as tensors for a module of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch.utils.data import TensorDataset

from trainwell.core.recipe import Recipe
from trainwell.data.load import load, wrap

HOME = Path(os.environ.get("TRAINWELL_DATA") or Path(__file__).parents[3] / "shared" / "data")


def place(*parts: str) -> str:
    path = HOME.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no real data at {path}")
    return str(path)


@pytest.mark.data
def test_adult_keeps_its_official_split_and_merges_its_labels() -> None:
    data = load(place("adult", "adult-train.csv"), test=place("adult", "adult-test.csv"), target="income")
    assert data.classes == ("<=50K", ">50K")
    assert len(data.rows["test"]) == 16_281
    assert len(data.rows["train"]) + len(data.rows["valid"]) == 32_561
    assert data.arrays["number"].shape == (48_842, 6)
    assert data.arrays["category"].shape == (48_842, 8)
    assert data.card.verdict == "WARN"
    for row in range(0, 48_842, 977):
        one = data.preparation.encode_row(data.source.frame.row(row, named=True))
        assert all(one[name].tobytes() == data.arrays[name][row].tobytes() for name in one)


@pytest.mark.data
def test_california_housing_is_a_scaled_regression() -> None:
    data = load(place("california_housing", "housing.csv"), target="median_house_value")
    assert (data.task, data.n_out) == ("regression", 1)
    assert data.shape.of_kind("number").columns[5] == "total_bedrooms.missing"
    assert data.arrays["target"][data.rows["train"]].std() == pytest.approx(1, abs=1e-5)


@pytest.mark.data
def test_telco_reads_blank_charges_as_missing_and_leaves_the_customer_number_out() -> None:
    data = load(place("telco_churn", "Telco-Customer-Churn.csv"), target="Churn")
    columns = {column["name"]: column for column in data.card.columns}
    assert columns["TotalCharges"]["kind"] == "number"
    assert columns["TotalCharges"]["missing"] == 11
    assert columns["customerID"]["role"] == "left out"
    assert columns["Partner"]["kind"] == "boolean"


TABLE = {"x": [float(i * i % 17) for i in range(90)], "c": ["u", "v", "w"] * 30, "y": [i % 2 for i in range(90)]}


def test_the_same_recipe_is_the_same_data_and_another_one_is_not() -> None:
    data = load(TABLE, "y")
    assert data.under(Recipe(target="y", epochs=3)) is data
    assert data.under(Recipe(lr=0.1)) is data
    other = data.under(Recipe(split={"seed": 1}))
    assert other.fingerprint != data.fingerprint
    assert other.source is data.source
    assert data.under(Recipe(target="x", task="regression")).task == "regression"
    assert data.under(Recipe(columns={"c": "ignore"})).shape.names == ("number",)


def test_the_fingerprint_is_of_the_content_alone() -> None:
    one, two = load(TABLE, "y"), load(pl.DataFrame(TABLE), "y")
    assert one.fingerprint == two.fingerprint
    for name, cell in (("x", 0.5), ("c", "z"), ("c", None)):
        changed = {**TABLE, name: [cell, *TABLE[name][1:]]}
        assert load(changed, "y").fingerprint != one.fingerprint
    assert (
        load({**TABLE, "c": ["uv", "", "w"] * 30}, "y").fingerprint
        != load({**TABLE, "c": ["u", "v", "w"] * 30}, "y").fingerprint
    )


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    code = f"from trainwell.data.load import load; print(load({TABLE!r}, 'y').fingerprint)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == load(TABLE, "y").fingerprint


def test_columns_treated_one_by_one() -> None:
    rules = {"x": {"scale": "none"}, "c": {"missing": "mode"}}
    data = load(TABLE, "y", recipe=Recipe(columns=rules))
    assert data.arrays["number"][:, 0].tolist() == TABLE["x"]
    assert load(TABLE, "y", recipe=Recipe(columns={"x": "category"})).shape.names == ("category",)


def test_the_card_reads_as_text() -> None:
    text = str(load(TABLE, "y").card)
    assert "rows: " in text
    assert "3 values: " in text
    assert "2 classes" in text


def test_datasets_are_passed_on_as_they_are() -> None:
    x, y = torch.randn(60, 2, 5), torch.arange(60) % 3
    data = wrap(TensorDataset(x, y))
    assert data.shape.inputs[0].kind == "tensor"
    assert np.array_equal(data.arrays["input"], x.numpy())
    assert data.arrays["target"].tolist() == y.tolist()
    flat = wrap((x[:, 0].numpy(), torch.randn(60).numpy()))
    assert np.array_equal(flat.arrays["input"], x[:, 0].numpy())
    assert flat.preparation.target.spread == (1.0,)
    two = wrap(TensorDataset(x[:, 0], x[:, 1, :3], y))
    assert two.shape.names == ("input0", "input1")
    assert np.array_equal(two.arrays["input1"], x[:, 1, :3].numpy())


def test_pictures_of_a_dataset_keep_their_shape_and_colour() -> None:
    grey = torch.full((30, 3, 5, 9), 7, dtype=torch.uint8) + torch.arange(30)[:, None, None, None].byte()
    data = wrap(TensorDataset(grey, torch.arange(30) % 2))
    assert np.array_equal(data.arrays["picture"], grey.numpy())
    assert data.under(Recipe(split={"seed": 3})).shape.inputs[0].shape == (3, 5, 9)


def test_another_dataset_is_encoded_like_the_first() -> None:
    first = wrap((np.arange(80.0).reshape(40, 2), np.array(["a", "b"] * 20)))
    other = wrap((np.ones((4, 2)), np.array(["b", "a", "b", "b"])), like=first)
    assert other.arrays["target"].tolist() == [1, 0, 1, 1]
    assert {name: len(rows) for name, rows in other.rows.items()} == {"train": 0, "valid": 0, "test": 4}
    assert other.preparation is first.preparation


def test_nan_in_a_tensor_is_said() -> None:
    x = np.zeros((40, 3, 2), np.float32)
    x[5] = np.nan
    x += np.arange(40, dtype=np.float32)[:, None, None]
    assert any(check.code == "nonfinite" and check.verdict == "FAIL" for check in wrap((x, np.arange(40) % 2)).card.checks)
