"""Findings about rows: counted exactly, treated by the recipe, never silent."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.core.recipe import Recipe
from trainwell.data.build import build
from trainwell.data.card import Check
from trainwell.data.clean import few_lines, repeated, units_of
from trainwell.data.data import Data
from trainwell.data.source import Source


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def table(n: int = 100) -> pl.DataFrame:
    return pl.DataFrame({"x": rng().normal(size=n), "c": rng(1).integers(0, 9, n), "y": ["a", "b"] * (n // 2)})


def data_of(frame: pl.DataFrame, parts: list[str] | None = None, **rules: Any) -> Data:
    return build(Source(frame, "t", parts=None if parts is None else np.array(parts)), Recipe(target="y", **rules))


def check(data: Data, code: str) -> Check:
    return next(c for c in data.card.checks if c.code == code)


def test_equal_rows_share_a_unit_with_their_first() -> None:
    source = Source(pl.DataFrame({"x": [1, 2, 1, None, None, 2, 1], "y": list("abababa")}), "t")
    units = units_of(source, ["x"], {})
    assert units.tolist() == [0, 1, 0, 3, 3, 1, 0]
    assert repeated(units, np.array([False, True, True, True, True, True, True])).tolist() == [0, 0, 0, 0, 1, 1, 1]


@given(st.lists(st.tuples(st.sampled_from([None, 0, 1, 2]), st.sampled_from(["a", "b"])), min_size=1, max_size=40))
def test_a_unit_is_the_first_row_with_the_same_cells(rows: list[tuple[int | None, str]]) -> None:
    rows = rows * 2  # texts that all differ would count as names of rows
    frame = pl.DataFrame(rows, schema={"number": pl.Int64, "text": pl.String}, orient="row")
    assert units_of(Source(frame, "t"), frame.columns, {}).tolist() == [rows.index(row) for row in rows]


def test_rows_that_share_a_number_are_told_apart_by_their_text() -> None:
    numbers = np.append(np.arange(20_000), [5, 6])  # the first 10,000 differ in their number alone
    frame = pl.DataFrame({"number": numbers, "text": [*(["a"] * 20_000), "a", "b"]})
    assert np.flatnonzero(units_of(Source(frame, "t"), frame.columns, {}) != np.arange(20_002)).tolist() == [20_000]


def test_copies_stay_in_one_part_and_names_of_rows_do_not_hide_them() -> None:
    frame = pl.concat([table(), table()[:20]]).with_columns(key=pl.Series([f"id{i}" for i in range(120)]))
    for seed in range(10):
        data = data_of(frame, split={"seed": seed})
        part = {row: name for name, rows in data.rows.items() for row in rows.tolist()}
        assert all(part[row] == part[100 + row] for row in range(20))
        assert check(data, "duplicates").count == 20


def test_dropped_copies_leave_the_first() -> None:
    data = data_of(pl.concat([table(), table()[:20]]), prepare={"duplicates": "drop"})
    assert sum(len(rows) for rows in data.rows.values()) == 100
    assert max(int(rows.max()) for rows in data.rows.values()) < 100


def test_with_given_parts_a_dropped_copy_leaves_the_test_row() -> None:
    frame = pl.concat([table(), table()[:20]])
    data = data_of(frame, ["train"] * 100 + ["test"] * 20, prepare={"duplicates": "drop"})
    assert len(data.rows["test"]) == 20
    assert min(data.rows["train"].min(), data.rows["valid"].min()) >= 20
    kept = data_of(frame, ["train"] * 100 + ["test"] * 20, split={"valid": 0})
    assert check(kept, "straddle").count == 20


def test_coarse_tables_are_split_as_usual() -> None:
    frame = pl.DataFrame({"a": rng().integers(0, 3, 400), "b": rng(1).integers(0, 3, 400), "y": rng(2).integers(0, 2, 400)})
    data = data_of(frame)
    assert "coarse" in check(data, "duplicates").text
    assert len(data.rows["test"]) == 80


def test_conflicting_labels_are_counted() -> None:
    frame = pl.concat([table(), table()[:10].with_columns(y=pl.lit("c"))])
    assert check(data_of(frame), "conflicts").count == 20


def test_groups_never_part_even_through_copies() -> None:
    frame = pl.concat([table(), table()[:3]]).with_columns(g=pl.Series([*(np.arange(100) // 5), 30, 31, 32]))
    data = data_of(frame, split={"how": "group", "by": "g"})
    part = np.full(103, -1)
    for code, rows in enumerate(data.rows.values()):
        part[rows] = code
    assert all(len(set(part[frame["g"].to_numpy() == g])) == 1 for g in set(frame["g"]))
    assert (part[100:] == part[:3]).all()
    assert "g" not in data.shape.inputs[0].columns


def test_outliers_are_dropped_from_training_only() -> None:
    frame = table().with_columns(x=pl.Series([1e4 if i % 10 == 0 else v for i, v in enumerate(table()["x"])]))
    parts = ["train"] * 60 + ["valid"] * 20 + ["test"] * 20
    data = data_of(frame, parts, prepare={"outliers": "drop"})
    assert [len(rows) for rows in data.rows.values()] == [54, 20, 20]
    assert check(data, "dropped").count == 6
    one = data_of(frame, parts, columns={"x": {"outliers": "drop"}})
    assert len(one.rows["train"]) == 54


def test_the_forest_finds_rows_that_no_column_shows() -> None:
    line = rng().normal(size=200)
    frame = pl.DataFrame({"u": line, "v": line * 2, "y": ["a", "b"] * 100})
    frame[7, "u"], frame[7, "v"] = 25.0, -50.0
    data = data_of(
        frame, ["train"] * 160 + ["test"] * 40, prepare={"outliers": "drop", "outlier_rule": "forest"}, split={"valid": 0}
    )
    assert 7 not in data.rows["train"]
    assert len(data.rows["test"]) == 40


def test_a_linear_scale_makes_outliers_worth_a_look() -> None:
    frame = table().with_columns(x=pl.Series([1e4, *table()["x"][1:]]))
    assert check(data_of(frame), "outliers").verdict == "PASS"
    assert check(data_of(frame, prepare={"scale": "minmax"}), "outliers").verdict == "WARN"


def test_imbalance_is_measured() -> None:
    frame = table(400).with_columns(y=pl.Series(["rare" if i % 20 == 0 else "common" for i in range(400)]))
    data = data_of(frame)
    assert data.facts.imbalance == pytest.approx(19, rel=0.1)
    assert check(data, "imbalance").verdict == "WARN"


def test_a_class_of_the_test_part_alone_is_said() -> None:
    frame = table().with_columns(y=pl.Series(["a", "b"] * 40 + ["new"] * 20))
    data = data_of(frame, ["train"] * 80 + ["test"] * 20)
    assert data.classes == ("a", "b", "new")
    assert check(data, "classes").examples == ("new",)


def test_many_checks_alike_are_folded() -> None:
    folded = few_lines([Check("constant", "WARN", f"c{i}", f"c{i}") for i in range(50)])
    assert len(folded) == 9
    assert folded[-1].count == 42


def test_what_polars_lists_for_every_column_is_not_asked_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        pl.DataFrame, "schema", property(lambda frame, of=pl.DataFrame.schema.fget: asked.append(1) or of(frame))
    )

    def times(columns: int) -> int:
        asked.clear()
        data_of(pl.DataFrame({f"c{i}": rng(i).normal(size=40) for i in range(columns)} | {"y": ["a", "b"] * 20}))
        return len(asked)

    assert times(60) == times(20)
