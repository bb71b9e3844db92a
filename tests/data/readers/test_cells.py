"""Clean cells: what the reader counted on the way is what the columns hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.data.kinds import words as words_file
from trainwell.data.kinds.words import words_of
from trainwell.data.readers.cells import clean_cells
from trainwell.data.readers.read import read

CELLS = (
    st.sampled_from(["a", " a", "b ", "", " ", "?", "NA", " NA ", "nan", "-nan", "None", "n/a", "7", "null", "é"]) | st.none()
)


@given(cells=st.lists(CELLS, min_size=1, max_size=40))
def test_words_left_by_the_reader_are_those_of_the_clean_column(cells: list[str | None]) -> None:
    clean = clean_cells(pl.DataFrame({"c": pl.Series(cells, dtype=pl.String)}))
    if clean.frame.schema["c"] != pl.String:
        assert not clean.words
        return
    again = words_of(clean.frame["c"])
    assert clean.words["c"].texts.to_list() == again.texts.to_list()
    assert np.array_equal(clean.words["c"].codes, again.codes)


@given(cells=st.lists(CELLS, min_size=3, max_size=40))
def test_many_different_cells_are_cleaned_like_few(cells: list[str | None]) -> None:
    frame = pl.DataFrame({"c": pl.Series(cells, dtype=pl.String)})
    few = clean_cells(frame)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words_file, "_HEAD", 3)  # every column counts as one of many different cells
        many = clean_cells(frame)
    assert many.frame.equals(few.frame)
    assert [(c.code, c.count) for c in many.checks] == [(c.code, c.count) for c in few.checks]


def test_words_do_not_follow_into_a_copy_with_other_cells(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\na,1\nb,2\na,3\n")
    source = read(tmp_path / "a.csv")
    assert source.words["x"].texts.to_list() == ["a", "b"]
    assert not replace(source, frame=source.frame.with_columns(x=pl.lit("c"))).words
