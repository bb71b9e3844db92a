"""Test folds cover every row once, a test seed fixes the test part, and smaller samples are parts of larger ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.core.errors import RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Split
from trainwell.data.load import load
from trainwell.data.splits import NOWHERE, TEST, TRAIN, VALID, Table, assign, draw_sample


def table_of(n: int, *, classes: int = 1, group: int = 1, parts: list[str] | None = None) -> Table:
    rows = np.arange(n)
    return Table(np.ones(n, bool), rows // group, rows % classes, rows.astype(float), np.array(parts) if parts else None)


@given(n=st.integers(20, 90), folds=st.integers(2, 6), group=st.integers(1, 3), seed=st.integers(0, 5))
def test_test_folds_partition_the_rows_and_keep_units_whole(n: int, folds: int, group: int, seed: int) -> None:
    table = table_of(n, group=group)
    tested = np.zeros(n, int)
    for fold in range(folds):
        part = assign(Split(test_fold=fold, test_folds=folds, seed=seed), table)
        assert {TRAIN, VALID, TEST} >= set(part)
        tested += part == TEST
        for unit in np.unique(table.units):
            assert len(set(part[table.units == unit])) == 1
    assert (tested == 1).all()


def test_stratified_folds_hold_every_class_in_proportion() -> None:
    part = assign(Split(how="stratified", test_fold=2, test_folds=5), table_of(100, classes=4))
    assert np.bincount(np.arange(100)[part == TEST] % 4).tolist() == [5, 5, 5, 5]


def test_time_folds_judge_only_later_rows() -> None:
    for fold in range(4):
        part = assign(Split(how="time", by="t", test_fold=fold, test_folds=4, gap=0.02), table_of(100))
        test = np.flatnonzero(part == TEST)
        assert np.flatnonzero((part == TRAIN) | (part == VALID)).max() < test.min() - 1
        assert len(test) == 20
        assert (part[test.max() + 1 :] == NOWHERE).all()


def test_a_given_test_part_is_in_no_fold() -> None:
    parts = ["train"] * 60 + ["test"] * 20
    tested = [assign(Split(how="given", test_fold=fold, test_folds=3), table_of(80, parts=parts)) for fold in range(3)]
    assert all((part[60:] == NOWHERE).all() for part in tested)
    assert (sum((part[:60] == TEST).astype(int) for part in tested) == 1).all()


def test_a_fold_that_is_not_there_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"split\.test_fold=5 is not one of 0 to 4"):
        assign(Split(test_fold=5), table_of(50))


def test_inner_folds_leave_the_outer_one_alone() -> None:
    outer = [assign(Split(test_fold=1, fold=fold), table_of(100)) for fold in range(5)]
    assert all(((part == TEST) == (outer[0] == TEST)).all() for part in outer)
    assert (sum((part == VALID).astype(int) for part in outer) == (outer[0] != TEST)).all()


def test_with_a_test_seed_only_the_validation_part_moves() -> None:
    first, second = (assign(Split(seed=seed, test_seed=7), table_of(100)) for seed in (1, 2))
    assert ((first == TEST) == (second == TEST)).all()
    assert ((first == VALID) != (second == VALID)).any()
    assert ((assign(Split(seed=7), table_of(100)) == TEST) == (first == TEST)).all()


@given(shares=st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 1.0)), classes=st.integers(1, 5), group=st.integers(1, 3))
def test_samples_are_nested_and_hold_every_class(shares: tuple[float, float], classes: int, group: int) -> None:
    table, pool = table_of(120, classes=classes, group=group), np.arange(0, 120, 2)
    small, large = (draw_sample(Split(sample=share), pool, table) for share in sorted(shares))
    assert set(small) <= set(large) <= set(pool)
    labels = np.arange(120) % classes
    first = {int(unit): int(labels[pool][table.units[pool] == unit][0]) for unit in np.unique(table.units[pool])}
    assert {first[int(unit)] for unit in table.units[small]} == set(first.values())
    assert abs(len(large) - max(shares) * len(pool)) <= max(2 * group, classes * group)


def test_a_sample_of_the_data_changes_train_rows_alone_and_is_what_preparation_sees() -> None:
    data = load("iris", recipe=Recipe(split={"test": 0.2}))
    tenth = data.under(data.recipe.but(split__sample=0.1))
    assert set(tenth.rows["train"]) < set(data.rows["train"])
    assert (tenth.rows["valid"] == data.rows["valid"]).all()
    assert (tenth.rows["test"] == data.rows["test"]).all()
    assert tenth.preparation.digest() != data.preparation.digest()
    assert np.bincount(tenth.arrays["target"][tenth.rows["train"]], minlength=3).min() >= 3


def test_small_views_are_kept_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load("iris")
    recipes = [data.recipe.but(split__seed=seed) for seed in (1, 2, 3)]
    first, second = (data.under(recipe) for recipe in recipes[:2])
    assert data.under(recipes[0]) is first
    assert data.under(recipes[1]) is second
    monkeypatch.setattr("trainwell.data.data.VIEW_BYTES", 2 * first.nbytes)
    third = data.under(recipes[2])
    assert data.under(recipes[2]) is third
    assert data.under(recipes[1]) is second
    again = data.under(recipes[0])
    assert again is not first
    assert again.fingerprint == first.fingerprint


def test_columns_counted_for_one_split_are_the_same_for_another() -> None:
    rows = {"label": ["a", " b", "a ", None, "c"] * 12, "size": ["1", "2", "x", "4", ""] * 12, "y": ["yes", "no", "no"] * 20}
    data, recipe = load(rows, target="y"), Recipe(target="y", split=Split(seed=5))
    counted, fresh = data.under(recipe), load(rows, target="y", recipe=recipe)
    assert set(data.source.words) == {"label", "size", "y"}
    assert counted.preparation.digest() == fresh.preparation.digest()
    assert all((counted.arrays[name] == fresh.arrays[name]).all() for name in fresh.arrays)
