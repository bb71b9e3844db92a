"""Names of rows and free text are told from measurements and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from trainwell.data.id_columns import called_id, names_rows
from trainwell.data.kinds.kind import Raw

N = 50
SHUFFLED = np.random.Generator(np.random.Philox(0)).permutation(N) * 3


def raw_of(name: str, cells: Any, rows: np.ndarray | None = None) -> Raw:
    series = pl.Series(name, cells)
    return Raw(name, series, np.arange(len(series)) if rows is None else rows)


@pytest.mark.parametrize(
    "name", ["id", "ID", "customerID", "customer_id", "userId", "id_customer", "Unnamed: 0", "", "row.index", "uuid"]
)
def test_names_that_say_id(name: str) -> None:
    assert called_id(name)


@pytest.mark.parametrize("name", ["humid", "grid", "idle", "paid", "age", "monkey", "price", "validity", "Android"])
def test_names_that_do_not(name: str) -> None:
    assert not called_id(name)


@pytest.mark.parametrize(
    ("name", "cells", "expected"),
    [
        ("ticket", [f"t-{i}" for i in range(N)], True),
        ("customer_id", SHUFFLED.tolist(), True),
        ("anything", list(range(100, 100 + N)), True),
        ("price", SHUFFLED.tolist(), False),
        ("year", [2000 + i // 2 for i in range(N)], False),
        ("id", [i % 7 for i in range(N)], False),
        ("label", [f"t-{i % 20}" for i in range(N)], False),
        ("short", [f"t-{i}" for i in range(10)], False),
        ("x", np.random.Generator(np.random.Philox(1)).normal(size=N).tolist(), False),
    ],
)
def test_columns_that_name_rows(name: str, cells: list[Any], expected: bool) -> None:
    assert bool(names_rows(raw_of(name, cells))) == expected


def test_running_numbers_are_judged_by_train_rows_alone() -> None:
    cells = [*range(40), *[999] * 10]
    assert names_rows(raw_of("n", cells, np.arange(0, 40, 2)))
