"""Slices find the group that is worse and raise no alarm where nothing is."""

import numpy as np
import polars as pl
import pytest

from trainwell.evaluate.slices import find_slices, tells_class


def frame(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "city": rng.choice(["Oslo", "Rome", "Lima", "Bern"], n),
            "age": rng.integers(18, 90, n),
            "size": rng.choice([1, 2, 3], n),
            "when": ["2026-01-01"] * n,
        }
    )


def test_the_bad_group_comes_first():
    data = frame()
    hit = np.random.default_rng(1).random(2000) < np.where(data["city"] == "Lima", 0.5, 0.9)
    found, looked = find_slices(data, hit.astype(float), share=True, higher_is_better=True)
    assert (found[0].column, found[0].value) == ("city", "Lima")
    assert found[0].stands_out
    assert found[0].difference == pytest.approx(-0.4, abs=0.07)
    assert not found[0].score.excludes(hit[(data["city"] == "Lima").to_numpy()].mean())
    assert looked == 4 + 4 + 3  # cities, quarters of age, sizes; `when` is the same everywhere


def test_larger_errors_are_worse():
    data = frame()
    old = data["age"].to_numpy() >= 72
    error = np.random.default_rng(1).exponential(np.where(old, 3.0, 1.0))
    found, _ = find_slices(data, error, share=False, higher_is_better=False)
    assert found[0].column == "age"
    assert found[0].value.endswith("to 89")
    assert found[0].difference < -1


def test_false_alarms_are_rare_however_many_groups_are_looked_at():
    alarms = 0
    for seed in range(60):
        hit = (np.random.default_rng(100 + seed).random(2000) < 0.8).astype(float)
        found, _ = find_slices(frame(seed=seed), hit, share=True, higher_is_better=True)
        alarms += any(s.stands_out for s in found)
    assert alarms <= 8  # Binomial(60, 0.05): 3 expected, more than 8 in 0.3% of cases


def test_missing_cells_are_a_group_and_small_groups_are_none():
    data = pl.DataFrame({"a": [None] * 40 + ["x"] * 100 + ["rare"] * 5 + ["y"] * 100, "b": [float("nan")] * 245})
    found, looked = find_slices(data, np.ones(245), share=True, higher_is_better=True)
    assert {s.value for s in found} == {"(missing)", "x", "y"}
    assert looked == 3
    assert find_slices(data.head(10), np.ones(10), share=True, higher_is_better=True) == ([], 0)


def test_the_classes_under_other_names_are_no_groups() -> None:
    target = np.arange(200) % 4 // 3
    told = pl.Series(np.where(target == 1, "lost", "held"))
    assert tells_class(told, target)
    assert not tells_class(pl.Series(np.arange(200) % 3), target)
    assert not tells_class(pl.Series(np.arange(200)), target)  # each row a value of its own says nothing
