"""Distinct texts and places: every row leads back to its own text."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.data.kinds import words as words_file
from trainwell.data.kinds.words import EMPTY, cell_text, words_of


@given(cells=st.lists(st.none() | st.text(max_size=3), max_size=30))
def test_places_lead_back_to_the_texts(cells: list[str | None]) -> None:
    words = words_of(pl.Series("w", cells, dtype=pl.String))
    stripped = pl.Series(cells, dtype=pl.String).str.strip_chars().to_list()
    for cell, code in zip(stripped, words.codes, strict=True):
        empty = cell is None or cell.lower() in EMPTY
        assert (code == -1) if empty else (words.texts[int(code)] == cell)
    assert words.texts.n_unique() == len(words.texts)


@pytest.mark.parametrize("distinct", [5, 500, 30_000, 90_000])
def test_the_short_ways_through_long_columns_agree_with_the_plain_one(distinct: int, monkeypatch: pytest.MonkeyPatch) -> None:
    places = np.random.Generator(np.random.Philox(0)).integers(0, distinct, 100_000)
    series = pl.Series("w", [f"t{min(p, p // 2 + i // 50_000)}" for i, p in enumerate(places)]).set(
        pl.Series(places % 11 == 3), None
    )
    short = words_of(series)
    monkeypatch.setattr(words_file, "_HEAD", 10**9)
    plain = words_of(series)
    assert sorted(short.texts) == sorted(plain.texts)
    back = [
        short.texts.gather(np.maximum(w.codes, 0)) if w is short else w.texts.gather(np.maximum(w.codes, 0))
        for w in (short, plain)
    ]
    assert back[0].to_list() == back[1].to_list()
    assert np.array_equal(short.codes < 0, plain.codes < 0)


@pytest.mark.parametrize(
    ("cell", "text"),
    [(1, "1"), (1.0, "1"), (-0.5, "-0.5"), (True, "true"), ("x", "x"), (None, None), (1e300, "1e+300"), (float("inf"), "inf")],
)
def test_cells_as_text(cell: Any, text: str | None) -> None:
    assert cell_text(cell) == text


def test_one_value_per_text_spreads_over_the_rows() -> None:
    words = words_of(pl.Series(["a", None, "b", "a"]))
    assert words.spread(np.array([10.0, 20.0]), -1.0).tolist() == [10.0, -1.0, 20.0, 10.0]
    assert words.counts(np.array([0, 1, 3])).tolist() == [2, 0]


@given(st.lists(st.none() | st.integers(-4, 4) | st.integers(2**62, 2**63 - 1), max_size=30))
def test_whole_numbers_are_counted_as_texts_are(cells: list[int | None]) -> None:
    counted, plain = words_of(pl.Series(cells, dtype=pl.Int64)), words_of(pl.Series(cells, dtype=pl.Int64).cast(pl.String))
    assert counted.codes.tolist() == plain.codes.tolist()
    assert counted.texts.to_list() == plain.texts.to_list()


@given(st.lists(st.none() | st.integers(2**63 - 2, 2**63 + 2), max_size=12))
def test_whole_numbers_without_a_sign_are_counted_too(cells: list[int | None]) -> None:
    counted, plain = words_of(pl.Series(cells, dtype=pl.UInt64)), words_of(pl.Series(cells, dtype=pl.UInt64).cast(pl.String))
    assert counted.codes.tolist() == plain.codes.tolist()
    assert counted.texts.to_list() == plain.texts.to_list()
