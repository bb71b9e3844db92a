"""Categories: codes for labels seen often enough, 0 for all others, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from trainwell.data.kinds import category
from trainwell.data.kinds.kind import Cleaned, Raw, Rule


def fitted(cells: list[Any], rows: list[int] | None = None, **rule: Any) -> tuple[category.State, Cleaned]:
    series = pl.Series("c", cells, strict=False)
    raw = Raw("c", series, np.arange(len(series)))
    cleaned = category.clean(raw, {}, Rule(**rule))
    return category.fit(cleaned, np.array(rows) if rows is not None else raw.rows, Rule(**rule)), cleaned


def test_the_most_frequent_label_comes_first_and_rare_ones_share_zero() -> None:
    state, cleaned = fitted(["b", "a", "b", "c", "a", "b", "once", None])
    assert state.labels == ["b", "a"]
    assert category.encode(state, cleaned).tolist() == [1, 2, 1, 0, 2, 1, 0, 3]
    assert state.cardinality == 4


def test_at_most_so_many_labels_and_every_one_of_them() -> None:
    assert fitted(["a", "a", "a", "b", "b", "c"], max_categories=2, rare=1)[0].labels == ["a", "b"]
    assert fitted(["a", "b", "c"], rare=1)[0].labels == ["a", "b", "c"]


def test_labels_of_other_rows_than_the_train_rows_are_unseen() -> None:
    state, cleaned = fitted(["a", "a", "z", "z"], rows=[0, 1])
    assert category.encode(state, cleaned).tolist() == [1, 1, 0, 0]
    assert [row for row, _ in category.unusual(state, cleaned)] == [2, 3]


def test_empty_cells_by_rule() -> None:
    cells = ["a", "a", "a", "b", "b", None]
    assert category.encode(*fitted(cells))[-1] == 3
    assert category.encode(*fitted(cells, missing="mode"))[-1] == 1
    assert category.encode(*fitted(cells, missing="constant", fill="b"))[-1] == 2
    state, cleaned = fitted(cells, missing="constant", fill="elsewhere")
    assert state.labels[category.encode(state, cleaned)[-1] - 1] == "elsewhere"
    state, _ = fitted(cells, rows=[0, 1, 3, 4])
    assert (state.missing, state.cardinality) == (0, 3)


def test_numbers_and_their_texts_are_the_same_label() -> None:
    state, _ = fitted(["1", "1", "2", "2"])
    for cells in ([1, 2], [1.0, 2.0], ["1", " 2 "]):
        cleaned = category.clean(Raw("c", pl.Series("c", cells), np.arange(2)), {}, Rule())
        assert category.encode(state, cleaned).tolist() == [1, 2]


@given(cells=st.lists(st.none() | st.text(max_size=4), min_size=1, max_size=40))
def test_decoding_undoes_encoding_for_labels_that_have_a_code(cells: list[str | None]) -> None:
    state, cleaned = fitted(pl.Series(cells, dtype=pl.String).to_list(), rare=1)
    codes = category.encode(state, cleaned)
    assert codes.min() >= 0
    assert codes.max() < state.cardinality
    for cell, code, back in zip(cells, codes, category.decode(state, codes), strict=True):
        if code and back is not None:
            assert cell is not None
            assert pl.Series([cell]).str.strip_chars().item() == back


def test_the_card_counts_labels() -> None:
    state, cleaned = fitted(["b", "a", "b", "a", "b", "rare"])
    told = category.describe(cleaned, np.arange(6), state)
    assert told == {"distinct": 3, "cells": 6, "top": {"b": 3, "a": 2, "rare": 1}, "rare": 1, "codes": 3}


def test_zeros_in_front_are_nothing_where_training_read_whole_numbers() -> None:
    def codes(trained: list[str], cells: list[str]) -> list[int]:
        state, _ = fitted(trained * 9)
        found = category.encode(state, category.clean(Raw("c", pl.Series(cells), np.arange(len(cells))), {}, Rule())).tolist()
        one = category.encode_cell(state)
        assert [one(cell) for cell in cells] == found
        return found

    assert codes(["8937", "0"], ["08937", "8937", "000", "0", "04711", "0x12"]) == [2, 2, 1, 1, 0, 0]
    assert codes(["8937", "01234"], ["08937", "8937", "01234", "1234"]) == [0, 2, 1, 0]
