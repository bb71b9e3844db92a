"""Bad texts: each ends in codes that a network can be trained on with the oddity on the card, or in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainwell.core.errors import DataError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load

N = 60
ANSWERS = ["no", "yes"] * (N // 2)
GOOD = [f"the {word} was {('good', 'bad')[i % 2]} today {i}" for i, word in enumerate(["soup", "fish", "cake"] * (N // 3))]


def _some(*cells: Any) -> list[Any]:
    """Good texts, every seventh of which is one of `cells`."""
    return [cells[i // 7 % len(cells)] if i % 7 == 2 else text for i, text in enumerate(GOOD)]


#: Name → texts, and the code of the check that must be on the card; "" where nothing needs to be said.
TABLES: dict[str, tuple[list[Any], str]] = {
    "empty cells": (_some(None), "missing"),
    "blank cells": (_some("   ", "\t\n"), "missing"),
    "only markup": (_some("<br/><p></p>"), "markup"),
    "only invisible characters": (_some("\u200b\ufeff"), "control"),
    "one token": (_some("ok"), ""),
    "one letter": (_some("a", "b"), ""),
    "a line of a megabyte": (_some("word " * 200_000), ""),
    "a word of a megabyte": (_some("x" * 1_000_000), ""),
    "NUL": (_some("zero\x00 byte in the middle"), "control"),
    "control characters": (_some("bell\x07 and escape \x1b[31m red"), "control"),
    "wrong encoding": (_some("cafÃ© and naÃ¯ve and so on"), "broken"),
    "replacement characters": (_some("a \ufffd\ufffd b c d e"), "broken"),
    "half surrogates": (_some("half \ud83d of an emoji"), ""),
    "emoji": (_some("🙂🙃 👩\u200d👩\u200d👧 🇫🇷"), ""),
    "right to left": (_some("الطعام كان جيدا جدا"), "script"),
    "several scripts": (_some("еда была хорошая", "味道很好", "음식이 좋았다"), "script"),
    "only numbers": (_some("12 3.5 1e9 -7"), ""),
    "only signs": (_some("!!! ??? ... ;;;"), ""),
    "combining marks": (_some("e\u0301" * 300), ""),
    "markup and entities": (_some("<b>good</b> &amp; &#39;cheap&#39; <a href='x'>link</a>"), "markup"),
    "all alike": (["the soup was good today my friend"] * N, "constant"),
    "no letters at all": ([f"{i} ... {i * 7} !!! {i * 3} ???" for i in range(N)], ""),
}


def _load(texts: list[Any]) -> Data:
    seats = [i % 5 + 0.5 * (i % 3) for i in range(N)]
    return load({"said": texts, "seats": seats, "answer": ANSWERS}, "answer", recipe=Recipe(columns={"said": "text"}))


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_text_is_usable_and_said(name: str) -> None:
    texts, code = TABLES[name]
    data = _load([None if t is None else t.encode("utf-8", "replace").decode() for t in texts])
    for given in data.shape.inputs:
        array = data.arrays[given.name]
        if given.kind == "text":
            assert (array >= 0).all()
            assert (array < given.cardinalities[0]).all()
            assert array.shape == (N, given.size)
            assert given.size <= 2048
    said = {check.code for check in data.card.checks if check.verdict != "PASS"}
    assert not code or code in said
    assert str(data.card)
    row = {"said": texts[2], "seats": 1.0}
    for name_of, array in data.preparation.encode_row(row).items():
        assert np.isfinite(array).all(), name_of


def _jsonl(folder: Path, lines: list[str]) -> Path:
    path = folder / "texts.jsonl"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    return path


def _rows() -> list[str]:
    return [json.dumps({"said": text, "answer": answer}) for text, answer in zip(GOOD, ANSWERS, strict=True)]


def test_json_lines_of_texts_need_no_target(tmp_path: Path) -> None:
    data = load(_jsonl(tmp_path, _rows()))
    assert (data.classes, data.shape.of_kind("text") is not None) == (("no", "yes"), True)


def test_a_broken_json_line_is_left_out_and_named(tmp_path: Path) -> None:
    rows = _rows()
    data = load(_jsonl(tmp_path, [*rows[:30], '{"said": "cut off', *rows[30:]]))
    assert len(data) == N
    assert any(check.verdict == "WARN" and "31" in check.text + "".join(check.examples) for check in data.card.checks)


def test_an_empty_file_of_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty"):
        load(_jsonl(tmp_path, []))


def test_texts_alone_without_anything_to_predict_are_refused() -> None:
    with pytest.raises(DataError, match="not said which column"):
        load({"said": GOOD, "more": [f"{text} and more" for text in GOOD]})


def test_all_texts_empty_are_refused_in_a_sentence() -> None:
    with pytest.raises(DataError, match=r"no column is left to predict from.*every train row is empty"):
        load({"said": [None, "  "] * (N // 2), "answer": ANSWERS}, "answer", recipe=Recipe(columns={"said": "text"}))
