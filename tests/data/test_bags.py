"""Bags: a bootstrap sample of the training rows, whole units, every class, and nothing fitted on what lies outside."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Split
from trainwell.data.load import load
from trainwell.data.splits import Table, draw_bag


@given(n=st.integers(4, 300), seed=st.integers(0, 9), bag=st.integers(0, 99), units=st.none() | st.integers(2, 100))
@settings(max_examples=100, deadline=None)
def test_whole_units_are_drawn(n, seed, bag, units):
    draw = np.random.default_rng(seed)
    unit = draw.integers(0, units, n) if units else np.arange(n)
    table, pool = Table(np.ones(n, bool), unit), np.flatnonzero(draw.random(n) < 0.8)
    drawn = draw_bag(Split(bag=bag, seed=seed), pool, table) if len(pool) else pool
    assert np.isin(drawn, pool).all()
    assert (np.diff(drawn) >= 0).all()
    times = np.bincount(drawn, minlength=n)
    for u in np.unique(unit[pool]):
        assert len(np.unique(times[pool][unit[pool] == u])) == 1
    if units is None:
        assert len(drawn) == len(pool)


def test_a_bag_holds_about_632_of_1000_rows_and_keeps_the_classes():
    labels = np.repeat([0, 1, 2], [900, 95, 5])
    table = Table(np.ones(1000, bool), np.arange(1000), labels)
    bags = [draw_bag(Split(bag=b), np.arange(1000), table) for b in range(50)]
    shares = [len(np.unique(bag)) / 1000 for bag in bags]
    assert abs(np.mean(shares) - (1 - 1 / np.e)) < 0.01  # deviation of one bag: 0.01, of the mean of fifty: 0.0014
    assert all(np.array_equal(np.bincount(labels[bag]), [900, 95, 5]) for bag in bags)
    assert len({bag.tobytes() for bag in bags}) == 50


def people(n: int = 300) -> pl.DataFrame:
    draw = np.random.default_rng(3)
    age = draw.integers(18, 80, n)
    names = [f"person {i}" for i in range(n)]
    return pl.DataFrame({"age": age, "name": names, "town": draw.choice(["a", "b", "c"], n), "rich": age > 45})


def test_in_the_bag_and_out_of_it_make_up_the_training_rows():
    whole = load(people(), target="rich")
    bagged = whole.under(Recipe(split={"bag": 7}))
    inside, outside = bagged.rows["train"], bagged.rows["out_of_bag"]
    assert not set(inside) & set(outside)
    assert set(inside) | set(outside) == set(whole.rows["train"])
    assert all(np.array_equal(whole.rows[part], bagged.rows[part]) for part in ("valid", "test"))
    assert bagged.fingerprint not in (whole.fingerprint, whole.under(Recipe(split={"bag": 8})).fingerprint)
    assert bagged.card.rows["out_of_bag"] == len(outside)


def test_preparation_is_fitted_on_the_bag_alone():
    frame = people()
    bagged = load(frame, target="rich", recipe=Recipe(split={"bag": 1}, prepare={"duplicates": "keep"}))
    ages = frame["age"].to_numpy().copy()
    ages[bagged.rows["out_of_bag"]] += 1000
    moved = load(
        frame.with_columns(age=pl.Series(ages)),
        target="rich",
        recipe=Recipe(split={"bag": 1}, prepare={"duplicates": "keep"}),
    )
    assert np.array_equal(moved.rows["train"], bagged.rows["train"])
    assert moved.preparation.digest() == bagged.preparation.digest()


def test_a_column_that_names_the_rows_is_still_seen_as_one():
    frame = people()
    bagged = load(frame, target="rich", recipe=Recipe(split={"bag": 0}))
    assert [c["role"] for c in bagged.card.columns if c["name"] == "name"] == ["left out"]


def test_a_row_drawn_twice_makes_no_rare_label_frequent():
    frame = people()
    rows = load(frame, target="rich", recipe=Recipe(split={"bag": 0})).rows["train"]
    twice = int(np.flatnonzero(np.bincount(rows) >= 2)[0])
    towns = frame["town"].to_list()
    towns[twice] = "nowhere else"
    bagged = load(frame.with_columns(town=pl.Series(towns)), target="rich", recipe=Recipe(split={"bag": 0}))
    assert bagged.arrays["category"][twice, 0] == 0  # the code of rare labels
