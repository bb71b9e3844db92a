"""Targets: the task follows the cells, classes stand in a stable order, spellings are merged and said."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError
from trainwell.core.recipe import Recipe
from trainwell.data.target import Found, in_order, read_target, spellings


def found(cells: Any, kinds: dict[str, str] | None = None, **rules: Any) -> Found:
    return read_target(pl.DataFrame({"y": cells}, strict=False), ("y",), Recipe(target="y", **rules), kinds or {})


@pytest.mark.parametrize(
    ("cells", "task", "n_out"),
    [
        (["a", "b"] * 9, "classification", 2),
        ([True, False] * 9, "classification", 2),
        ([0, 1] * 9, "classification", 2),
        ([0.0, 1.0, None] * 9, "classification", 2),
        ([-1, 1] * 9, "classification", 2),
        (["1", "2", "3"] * 9, "classification", 3),
        (list(range(10)) * 20, "classification", 10),
        (list(range(50)) * 20, "regression", 1),
        (list(range(10)), "regression", 1),
        ([0.5, 1.5, 2.5] * 30, "regression", 1),
        (["1,5", "2,5", "3,75"] * 30, "regression", 1),
    ],
)
def test_the_task_follows_the_cells(cells: list[Any], task: str, n_out: int) -> None:
    target = found(cells).target
    assert (target.task, target.n_out) == (task, n_out)


def test_the_recipe_overrules_the_cells() -> None:
    assert found([3, 4, 5] * 10, task="regression").target.task == "regression"
    assert found([3, 4, 5] * 10, columns={"y": "number"}).target.task == "regression"
    assert found([0.5, 1.5] * 10, task="classification").target.classes == ("0.5", "1.5")
    assert found(list(range(50)) * 2, columns={"y": "category"}).target.task == "classification"
    assert found(list(range(50)) * 2, kinds={"y": "category"}).target.n_out == 50


def test_classes_stand_in_an_order_that_rows_do_not_change() -> None:
    cells = ["10", "9", "1", "b", "a"]
    assert found(cells * 4).target.classes == found(cells[::-1] * 4).target.classes == ("1", "9", "10", "a", "b")
    assert in_order({"true", "false"}) == ["false", "true"]
    assert in_order({"nan", "1"}) == ["1", "nan"]


def test_spellings_are_merged_and_said() -> None:
    one = found(["<=50K", ">50K"] * 5 + ["<=50K.", ">50K."] * 2)
    assert one.target.classes == ("<=50K", ">50K")
    assert one.values.tolist() == [0, 1] * 7
    assert [check.code for check in one.checks] == ["labels"]
    assert spellings(["a", "A"], np.array([1, 1])) == {}
    assert spellings(["01", "1", "1.0"], np.array([1, 5, 2])) == {"01": "1", "1.0": "1"}
    assert spellings([".", "..", "x."], np.array([1, 1, 1])) == {}


def test_classes_of_one_mark_keep_the_words_none_and_na() -> None:
    target = found(["none", "mild", "NA"] * 5).target
    assert target.classes == ("NA", "mild", "none")


def test_codes_and_labels_lead_to_each_other() -> None:
    one = found(["u", None, "v", "u"] * 5)
    assert one.values[:4].tolist() == [0, -1, 1, 0]
    assert one.target.decode(np.array([0, 1, -1])).tolist() == ["u", "v", None]
    assert one.target.read(pl.DataFrame({"y": ["v", "w", " u "]})).tolist() == [1, -1, 0]


def test_several_numbers_are_predicted_together() -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0, 4.0], "b": ["10%", "20%", "40%"]})
    one = read_target(frame, ("a", "b"), Recipe(target=["a", "b"]), {})
    target = one.target.fitted(one.values, np.array([0, 1]), scale=True)
    assert target.n_out == 2
    assert target.centre == (1.5, 15.0)
    assert target.scaled(one.values).tolist() == [[-1, -1], [1, 1], [5, 5]]
    assert np.allclose(target.decode(target.scaled(one.values)), one.values)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([1.5] * 9, "only the value 1.5"),
        (["a"] * 9, "one class"),
        ([None] * 9, "no value"),
        ([[1]] * 9, "List"),
        ([str(i) + "x" for i in range(50)], "its own value"),
    ],
)
def test_what_cannot_be_predicted_is_one_sentence(cells: list[Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        found(cells)
