"""Leaks and drift: found when they are there, silent when they are not."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import rankdata
from sklearn import datasets

from trainwell.core.recipe import Recipe
from trainwell.data.build import build
from trainwell.data.data import Data
from trainwell.data.leaks import LEAK, _normal_score, drift, tells
from trainwell.data.readers.read import read


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def codes_of(data: Data) -> set[str]:
    return {check.code for check in data.card.checks if check.verdict != "PASS"}


@pytest.mark.parametrize("n", [100, 1_000, 20_000])
@pytest.mark.parametrize("classes", [2, 7])
def test_a_copy_of_the_classes_is_a_leak(n: int, classes: int) -> None:
    target = rng().integers(0, classes, n)
    assert tells(target.astype(np.int32), target, classes=True) >= LEAK
    assert tells((target * 3.5 - 1).astype(np.float32), target, classes=True) >= LEAK


@pytest.mark.parametrize("draw", ["normal", "standard_cauchy", "exponential"])
def test_a_copy_of_the_number_is_a_leak_however_heavy_its_tails(draw: str) -> None:
    target = getattr(rng(), draw)(size=5_000)
    assert tells((7 - 2 * target).astype(np.float64), target, classes=False) >= LEAK
    assert tells(np.exp(np.clip(target, -50, 50)), target, classes=False) >= LEAK


@pytest.mark.parametrize("seed", range(30))
def test_noise_is_never_a_leak(seed: int) -> None:
    n, draw = (100, 300, 2_000)[seed % 3], rng(seed)
    many = draw.integers(0, n // 2, n).astype(np.int32)
    for column in (draw.normal(size=n), draw.integers(0, 5, n).astype(np.int32), many, np.arange(n, dtype=float)):
        assert tells(column, draw.integers(0, 2, n), classes=True) < 0.6
        assert tells(column, (draw.random(n) < 0.03).astype(int), classes=True) < 0.6
        assert tells(column, draw.normal(size=n), classes=False) < 0.6


def test_the_remedy_for_a_leak_can_be_pasted_into_a_shell() -> None:
    y = rng().integers(0, 2, 400)
    data = build(
        read({"x": rng(1).normal(size=400), "Status (intern)": np.where(y == 1, "u", "v"), "y": y}), Recipe(target="y")
    )
    (told,) = [check.text for check in data.card.checks if check.code == "leak"]
    (key,) = [word for word in shlex.split(told.partition("leave it out with ")[2]) if "=" in word]
    assert key.rstrip(".") == "columns.Status (intern)=ignore"


def test_a_good_column_is_not_a_leak() -> None:
    target = rng().integers(0, 2, 4_000)
    strong = np.where(rng(1).random(4_000) < 0.97, target, 1 - target)
    assert 0.9 < tells(strong.astype(np.int32), target, classes=True) < LEAK


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_no_false_alarm_on_honest_tables(name: str) -> None:
    table = getattr(datasets, f"load_{name}")(as_frame=True).frame
    assert not codes_of(build(read(table), Recipe(target="target"))) & {"leak", "drift", "identifier"}


def test_what_is_done_about_a_leak_follows_the_recipe() -> None:
    x, y = rng().normal(size=400), rng(1).integers(0, 2, 400)
    source = read({"x": x, "copy": np.where(y == 1, "u", "v"), "y": y})
    kept = build(source, Recipe(target="y"))
    assert "FAIL" in {check.verdict for check in kept.card.checks if check.code == "leak"}
    assert kept.shape.names == ("number", "category")
    dropped = build(source, Recipe(target="y", prepare={"leaks": "drop"}))
    assert dropped.shape.names == ("number",)
    assert "leak" in codes_of(dropped)
    assert "leak" not in codes_of(build(source, Recipe(target="y", prepare={"leaks": "keep"})))


@pytest.mark.parametrize("seed", range(20))
def test_samples_of_one_distribution_do_not_drift(seed: int) -> None:
    draw = rng(seed)
    assert drift(draw.normal(size=800), draw.normal(size=200)) < 0.15
    assert drift(draw.integers(0, 150, 800), draw.integers(0, 150, 200)) < 0.15


def test_shifted_samples_drift() -> None:
    assert drift(rng().normal(size=800), rng(1).normal(size=200) + 1) > 0.3
    assert drift(rng().integers(0, 5, 800), rng(1).integers(3, 8, 200)) > 0.3
    assert drift(np.zeros(10), np.ones(10)) == 0


def test_ranks_of_equal_numbers_agree_with_scipy() -> None:
    target = rng().integers(0, 9, 300).astype(float)
    assert np.allclose(_normal_score(target), ndtri((rankdata(target) - 0.5) / 300))
