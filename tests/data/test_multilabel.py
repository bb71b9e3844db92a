"""Targets of several labels and of ranks: how they are recognised, read, and said again."""

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.data.kinds.words import words_of
from trainwell.data.load import load
from trainwell.data.multilabel import lists_of, separator_of
from trainwell.data.preparation import Preparation

X = np.random.default_rng(0).normal(size=90)
CELLS = ["red; blue", "blue", "red;green ", None, "green"] * 18
LISTS = [["red", "blue"], ["blue"], ["red", "green"], [], ["green"]] * 18


def table(**columns):
    return pl.DataFrame({"x": X, **columns})


@pytest.mark.parametrize("cells", [CELLS, LISTS, [str(cell) for cell in LISTS]])
def test_labels_are_read_however_they_are_written(cells):
    recipe = Recipe(target="tags", task="multilabel" if isinstance(cells[0], str) and cells[0][0] == "[" else "auto")
    data = load(table(tags=cells), recipe=recipe)
    assert (data.task, data.n_out, data.classes) == ("multilabel", 3, None)
    assert data.preparation.target.labels == ("blue", "green", "red")
    assert data.arrays["target"][:5].tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 1, 0]]
    assert data.arrays["target"].dtype == np.float32
    assert Recipe.suggest(data).loss.name == "binary_cross_entropy"


def test_yes_no_columns_are_labels_and_numbers_are_not():
    flags = table(a=[0, 1] * 45, b=["yes", "no", "yes"] * 30)
    data = load(flags, target=["a", "b"])
    assert data.preparation.target.labels == ("a", "b")
    assert data.arrays["target"][:3].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert load(table(a=[0, 1] * 45, b=X), target=["a", "b"]).task == "regression"
    assert load(table(a=[0, 1] * 45, b=[1, 0] * 45), recipe=Recipe(target=["a", "b"], task="regression")).task == "regression"


def test_empty_cells_and_labels_without_rows_are_on_the_card():
    data = load(table(tags=CELLS), target="tags")
    found = {check.code: check for check in data.card.checks}
    assert found["empty_labels"].count == 18
    assert "3 labels" in found["labels"].text
    entry = next(column for column in data.card.columns if column["name"] == "tags")
    assert set(entry["top"]) == {"blue", "green", "red"}


def test_a_null_among_lists_is_no_target():
    data = load(table(tags=[*LISTS[:-1], None]), target="tags")
    assert sum(len(rows) for rows in data.rows.values()) == 89


def test_saved_and_read_again_they_encode_alike(tmp_path):
    data = load(table(tags=CELLS), target="tags")
    data.preparation.save(tmp_path)
    again = Preparation.load(tmp_path)
    assert again.target == data.preparation.target
    cells = pl.Series("tags", ["blue; purple", None])
    assert again.encode_target(cells).tolist() == [[1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("cells", "said", "mark"),
    [
        (["Berlin, Germany", "Oslo, Norway"] * 9, False, ""),
        (["a, b", "b"] * 9, True, ","),
        ([f"row {i}; note {i}" for i in range(40)], False, ""),
        (["a|b", "b", "a"] * 9, False, "|"),
    ],
)
def test_separators_are_not_guessed_where_they_may_be_text(cells, said, mark):
    words = words_of(pl.Series(cells))
    assert separator_of(words.texts, words.counts(np.arange(len(cells))), said=said) == mark


def test_a_label_is_said_once():
    assert lists_of(pl.Series(["a; a;; b "]), ";") == [["a", "b"]]


def test_one_label_alone_is_refused():
    with pytest.raises(DataError, match="1 different labels"):
        load(table(tags=[["red"], []] * 45), target="tags")


def test_ranks_stand_in_the_order_that_is_given():
    sizes = ["small", "large", "medium"] * 30
    recipe = Recipe(target="size", columns={"size": {"order": ["small", "medium", "large"]}})
    data = load(table(size=sizes), recipe=recipe)
    assert (data.classes, data.facts.ordered) == (("small", "medium", "large"), True)
    assert data.arrays["target"][:3].tolist() == [0, 2, 1]
    assert Recipe.suggest(data).loss.name == "ordinal"
    assert load(table(stars=[1, 10, 2] * 30), recipe=Recipe(target="stars", task="ordinal")).classes == ("1", "2", "10")


def test_an_unknown_order_is_asked_for():
    with pytest.raises(RecipeError, match=r"columns\.size\.order"):
        load(table(size=["s", "l", "m"] * 30), recipe=Recipe(target="size", task="ordinal"))
    with pytest.raises(RecipeError, match="lacks the classes m"):
        load(table(size=["s", "l", "m"] * 30), recipe=Recipe(target="size", columns={"size": {"order": ["s", "l"]}}))


@pytest.mark.parametrize(("words", "rule", "classes"), [
    (("ja", "nein"), {}, ("nein", "ja")),
    (("是", "否"), {}, ("否", "是")),
    (("stays", "leaves"), {}, ("leaves", "stays")),
    (("stays", "leaves"), {"order": ["stays", "leaves"]}, ("stays", "leaves")),
])  # fmt: skip
def test_of_two_classes_yes_is_the_second_or_whichever_the_order_says(words, rule, classes):
    frame = pl.DataFrame({"x": [i % 7 for i in range(40)], "y": words * 20})
    data = load(frame, recipe=Recipe(target="y", columns={"y": rule} if rule else {}))
    assert (data.classes, data.task, data.facts.ordered) == (classes, "classification", False)
    second = data.source.frame["y"] == classes[1]
    assert np.array_equal(data.arrays["target"] == 1, second.to_numpy())


def test_a_feature_of_several_labels_is_told_and_one_of_plain_ones_is_not():
    tags = ["red;blue", "blue", "red;green", "green;blue", "red"] * 12
    data = load({"tags": tags, "plain": ["u", "v", "w"] * 20, "y": ["a", "b"] * 30}, "y")
    assert [(check.column, "columns.tags=text" in check.text) for check in data.card.checks if check.code == "lists"] == [
        ("tags", True)
    ]
