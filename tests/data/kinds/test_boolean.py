"""Yes/no columns: recognised by their two words only, encoded as -1, 0, +1."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError
from trainwell.data.kinds import boolean
from trainwell.data.kinds.kind import Raw, Rule


def raw_of(cells: Any) -> Raw:
    series = pl.Series("b", cells, strict=False)
    return Raw("b", series, np.arange(len(series)))


@pytest.mark.parametrize(
    "cells",
    [
        [True, False, None],
        ["Yes", "no", "YES"],
        ["y", "N"],
        [0, 1, 1],
        [1.0, 0.0, None],
        ["true", "FALSE", " "],
        ["1", "0"],
        ["On", "off"],
    ],
)
def test_the_usual_pairs_are_recognised_and_encoded(cells: list[Any]) -> None:
    guess = boolean.recognise(raw_of(cells))
    assert guess is not None
    cleaned = boolean.clean(raw_of(cells), guess.form, Rule())
    state = boolean.fit(cleaned, np.arange(len(cells)), Rule())
    out = boolean.encode(state, cleaned)[:, 0]
    expected = [{"y": 1, "t": 1, "1": 1, "on": 1, "n": -1, "f": -1, "0": -1, "of": -1}.get(_word(cell), 0) for cell in cells]
    assert out.tolist() == expected


def _word(cell: Any) -> str:
    text = str(cell).lower() if cell is not None else " "
    return text[:2] if text.startswith("o") else text[:1]


@pytest.mark.parametrize("cells", [["yes"], [0, 1, 2], [1, 1], ["male", "female"], [0.5, 1.0], ["yes", "no", "maybe"], [2, 3]])
def test_other_columns_are_left_to_other_kinds(cells: list[Any]) -> None:
    assert boolean.recognise(raw_of(cells)) is None


def test_any_two_words_on_request_and_never_three() -> None:
    guess = boolean.recognise(raw_of(["male", "female"]), forced=True)
    assert guess is not None
    assert guess.form == {"yes": "male", "no": "female"}
    with pytest.raises(DataError, match="3 different values"):
        boolean.recognise(raw_of(["a", "b", "c"]), forced=True)


@pytest.mark.parametrize(("rule", "value"), [({}, 0), ({"missing": "mode"}, 1), ({"missing": "constant", "fill": "no"}, -1)])
def test_empty_cells_by_rule(rule: dict[str, Any], value: int) -> None:
    raw = raw_of(["yes", "yes", "no", None])
    cleaned = boolean.clean(raw, {"yes": "yes", "no": "no"}, Rule(**rule))
    state = boolean.fit(cleaned, raw.rows, Rule(**rule))
    assert boolean.encode(state, cleaned)[-1, 0] == value
    assert boolean.decode(state, np.array([[1.0], [-1.0], [0.0]])).to_list() == [True, False, None]


def test_a_third_word_is_unreadable() -> None:
    cleaned = boolean.clean(raw_of(["yes", "perhaps", None, "no"]), {"yes": "yes", "no": "no"}, Rule())
    assert cleaned.unreadable.tolist() == [1]
    assert cleaned.missing.tolist() == [False, True, True, False]
