"""Splits: parts are disjoint, cover what is usable, keep units together, keep shares, and depend on the seed alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Split
from trainwell.data.load import load
from trainwell.data.splits import NOWHERE, TEST, TRAIN, VALID, Table, assign


def table_of(n: int, seed: int, *, units: int | None = None, classes: int | None = None) -> Table:
    rng = np.random.Generator(np.random.Philox(seed))
    unit = rng.integers(0, units, n) if units else np.arange(n)
    labels = rng.integers(0, classes, n) if classes else None
    return Table(rng.random(n) > 0.1, unit, labels)


@given(
    n=st.integers(20, 300),
    seed=st.integers(0, 9),
    units=st.none() | st.integers(10, 200),
    classes=st.none() | st.integers(2, 6),
    test=st.sampled_from([0.0, 0.1, 0.2, 0.5]),
    valid=st.sampled_from([0.0, 0.15, 0.4]),
)
@settings(max_examples=150, deadline=None)
def test_parts_are_disjoint_cover_the_usable_rows_and_part_no_unit(
    n: int, seed: int, units: int | None, classes: int | None, test: float, valid: float
) -> None:
    table = table_of(n, seed, units=units, classes=classes)
    rule = Split(how="stratified" if classes else "random", test=test, valid=valid, seed=seed)
    part = assign(rule, table)
    assert ((part == NOWHERE) == ~table.usable).all()
    for unit in np.unique(table.units):
        assert len(np.unique(part[(table.units == unit) & table.usable])) <= 1
    assert np.array_equal(part, assign(rule, table))
    if classes:
        assert set(table.labels[table.usable]) == set(table.labels[part == TRAIN])
    if test == 0:
        assert not (part == TEST).any()
    if valid == 0:
        assert not (part == VALID).any()


@given(n=st.integers(40, 400), folds=st.integers(2, 6), seed=st.integers(0, 9), units=st.none() | st.integers(20, 100))
@settings(max_examples=60, deadline=None)
def test_folds_use_every_row_once_for_validation_and_share_one_test_part(
    n: int, folds: int, seed: int, units: int | None
) -> None:
    table = table_of(n, seed, units=units, classes=3)
    parts = [assign(Split(how="stratified", fold=k, folds=folds, seed=seed), table) for k in range(folds)]
    assert all(np.array_equal(part == TEST, parts[0] == TEST) for part in parts)
    times_valid = sum((part == VALID).astype(int) for part in parts)
    assert np.array_equal(times_valid == 1, table.usable & (parts[0] != TEST))
    sizes = [int((part == VALID).sum()) for part in parts]
    largest_unit = np.bincount(table.units).max()
    assert max(sizes) - min(sizes) <= largest_unit


def test_shares_are_kept_in_total_and_in_every_class() -> None:
    labels = np.repeat([0, 1, 2], [1_000, 300, 50])
    part = assign(Split(how="stratified", test=0.2, valid=0.25), Table(np.ones(1_350, bool), np.arange(1_350), labels))
    for label, size in enumerate((1_000, 300, 50)):
        counts = np.bincount(part[labels == label], minlength=3)
        assert abs(counts[TEST] - 0.2 * size) <= 1
        assert abs(counts[VALID] - 0.2 * size) <= 2


def test_many_tiny_classes_keep_the_total_share() -> None:
    labels = np.repeat(np.arange(100), 3)
    part = assign(Split(how="stratified", test=0.2, valid=0), Table(np.ones(300, bool), np.arange(300), labels))
    assert (part == TEST).sum() == 60


def test_a_class_of_one_row_trains() -> None:
    labels = np.array([0] * 30 + [1] * 30 + [2])
    for seed in range(20):
        part = assign(Split(how="stratified", seed=seed), Table(np.ones(61, bool), np.arange(61), labels))
        assert part[-1] == TRAIN


def test_groups_of_unequal_size_come_close_to_the_shares() -> None:
    units = np.repeat(np.arange(40), np.arange(1, 41))
    part = assign(Split(how="group", test=0.2, valid=0.2, by="g"), Table(np.ones(len(units), bool), units))
    counts = np.bincount(part, minlength=3) / len(units)
    assert abs(counts[TEST] - 0.2) < 0.05
    assert abs(counts[VALID] - 0.16) < 0.05


def test_one_giant_group_trains() -> None:
    units = np.concatenate([np.zeros(80, int), np.arange(1, 21)])
    part = assign(Split(how="group", by="g"), Table(np.ones(100, bool), units))
    assert (part[:80] == TRAIN).all()


def test_seeds_differ() -> None:
    table = table_of(200, 0)
    assert not np.array_equal(assign(Split(how="random", seed=0), table), assign(Split(how="random", seed=1), table))


@given(
    n=st.integers(30, 200), gap=st.sampled_from([0.0, 0.05]), moments=st.integers(10, 300), fold=st.none() | st.integers(0, 3)
)
@settings(max_examples=80, deadline=None)
def test_time_goes_forward_and_moments_stay_together(n: int, gap: float, moments: int, fold: int | None) -> None:
    rng = np.random.Generator(np.random.Philox(n))
    times = rng.integers(0, moments, n).astype(float)
    times[0] = np.nan
    part = assign(Split(how="time", by="t", gap=gap, fold=fold, folds=4), Table(np.ones(n, bool), np.arange(n), times=times))
    assert part[0] == NOWHERE
    for earlier, later in ((TRAIN, VALID), (VALID, TEST), (TRAIN, TEST)):
        if (part == earlier).any() and (part == later).any():
            assert times[part == earlier].max() < times[part == later].min()
    if not gap and fold is None:
        assert (part[1:] != NOWHERE).all()


def test_the_gap_leaves_rows_out_between_parts() -> None:
    times = np.arange(100.0)
    part = assign(
        Split(how="time", by="t", gap=0.05, test=0.2, valid=0.2), Table(np.ones(100, bool), np.arange(100), times=times)
    )
    assert (part[80:] == TEST).all()
    assert (part[75:80] == NOWHERE).all()
    assert (part[60:75] == VALID).all()
    assert (part[55:60] == NOWHERE).all()
    assert (part[:55] == TRAIN).all()


def test_given_parts_are_kept_and_validation_is_carved_from_training() -> None:
    names = np.array(["train"] * 80 + ["test"] * 20)
    part = assign(Split(how="given"), Table(np.ones(100, bool), np.arange(100), given=names))
    assert (part[80:] == TEST).all()
    assert (part == VALID).sum() == 12
    names = np.array(["Training"] * 70 + ["val"] * 10 + ["test"] * 20)
    part = assign(Split(how="column", by="p"), Table(np.ones(100, bool), np.arange(100), given=names))
    assert np.bincount(part).tolist() == [70, 10, 20]


def test_impossible_splits_are_sentences() -> None:
    with pytest.raises(RecipeError, match="not one of 0 to 4"):
        assign(Split(fold=7), table_of(50, 0))
    with pytest.raises(DataError, match="cannot make 5 folds"):
        assign(Split(how="group", by="g", fold=0, test=0), Table(np.ones(50, bool), np.arange(50) % 3))
    with pytest.raises(DataError, match="not the name of a part"):
        assign(Split(how="given"), Table(np.ones(2, bool), np.arange(2), given=np.array(["train", "tset"])))


@pytest.mark.parametrize(
    ("column", "at"), [("day", ["2024-03-01", "2024-03-21", "2024-03-31"]), ("number", ["60", "80", "90"])]
)
def test_parts_begin_at_moments(column, at):
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 4, 9), eager=True)  # 100 days; 1 March is the 61st
    frame = pl.DataFrame({"day": days, "number": range(100), "x": range(100), "y": [i % 7 + 0.5 for i in range(100)]})
    data = load(
        frame.sample(fraction=1, shuffle=True, seed=0), "y", recipe=Recipe(split={"how": "time", "by": column, "at": at})
    )
    numbers = data.source.frame["number"].to_numpy()
    found = {part: sorted(numbers[rows].tolist()) for part, rows in data.rows.items()}
    assert found == {"train": list(range(60)), "valid": list(range(60, 80)), "test": list(range(80, 90))}
