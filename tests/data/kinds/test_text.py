"""The text kind: what is a text, what is fitted, the same codes for a row alone and in a table."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from trainwell.core.recipe import Recipe
from trainwell.data.kinds import text
from trainwell.data.kinds.kind import Raw, Rule
from trainwell.data.kinds.known import kind_of
from trainwell.data.load import load
from trainwell.data.preparation import Preparation

N = 60
SAID = ["the soup was cold", "a fine place to eat", "never again in this town", "my friends and I loved it"]
REVIEWS = [f"{SAID[i % 4]} and {SAID[i // 4 % 4]} {i}" for i in range(N)]
MEALS = [f"味道很好吃送餐也快{i}号店" if i % 2 else f"太慢了而且菜是冷的{i}号店" for i in range(N)]


def raw(cells: list[str | None]) -> Raw:
    return Raw("t", pl.Series("t", cells, dtype=pl.String), np.arange(len(cells)))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (REVIEWS, "text"),
        (MEALS, "text"),
        (["the quick brown fox jumps often", "it was a dark and stormy night"] * 25, "category"),
        ([f"Station {i}" for i in range(N)], "category"),
        (["北京", "上海", "广州"] * 20, "category"),
        ([f"{i} 17" for i in range(5)], "category"),
    ],
)
def test_sentences_are_texts_and_names_are_not(cells: list[str], kind: str) -> None:
    assert kind_of(raw(cells))[0] == kind


def test_ways_follow_the_script() -> None:
    assert text.ways_for(REVIEWS, "auto") == ["words", "characters"]
    assert text.ways_for(MEALS, "auto") == ["characters"]
    assert text.ways_for(MEALS, ["words"]) == ["words"]


def test_only_train_rows_are_fitted() -> None:
    rows = np.arange(30)
    one, other = ([*REVIEWS[:30], *tail] for tail in (REVIEWS[30:], ["zebra xylophone quartz"] * 30))
    states = [text.fit(text.clean(raw(cells), {}, Rule()), rows, Rule()) for cells in (one, other)]
    assert states[0] == states[1]


def table(**more: list[object]) -> dict[str, list[object]]:
    return {
        "review": list(REVIEWS),
        "stars": [i % 7 for i in range(N)],
        "good": [("no", "yes")[i % 2] for i in range(N)],
        **more,
    }


@pytest.mark.parametrize("tokens", ["auto", ["words"], ["characters"], ["bpe"]])
def test_a_row_alone_has_the_codes_it_has_in_the_table(tokens: object, tmp_path) -> None:
    if tokens == ["bpe"]:
        pytest.importorskip("tokenizers")
    cells = table()
    cells["review"][:4] = [None, "  ", "n/a", "Ｎew <b>words</b>\x00 &amp; 🙂"]
    data = load(cells, target="good", recipe=Recipe(prepare={"tokens": tokens, "vocabulary": 400}))
    data.preparation.save(tmp_path)
    kept = Preparation.load(tmp_path)
    assert kept.digest() == data.preparation.digest()
    for row in range(8):
        alone = kept.encode_row({name: column[row] for name, column in cells.items()})
        assert set(alone) == {i.name for i in data.shape.inputs}
        for name, array in alone.items():
            np.testing.assert_array_equal(array[0], data.arrays[name][row])


def test_each_way_is_an_input_behind_numbers() -> None:
    data = load(table(note=[f"some other remark of many words {i}" for i in range(N)]), target="good")
    assert data.shape.names == ("number", "review", "review.characters", "note", "note.characters")
    assert data.arrays["review.characters"].shape == (N, data.shape.inputs[2].size)


def test_what_is_odd_about_new_texts_is_said_by_row() -> None:
    data = load(table(), target="good")
    new = pl.DataFrame({"review": ["the soup was cold", "xq zv kj", "", "the " * 600], "stars": [1, 2, 3, 4]})
    problems = {row: sentence for row, _, sentence in data.preparation.encode(new).problems}
    assert set(problems) == {1, 2, 3}
    assert "not seen in training" in problems[1]
    assert problems[2] == "the text is empty"
    assert "only the first" in problems[3]


def test_the_card_says_how_texts_are_cut() -> None:
    entry = next(c for c in load(table(), target="good").card.columns if c["name"] == "review")
    assert list(entry["tokens"]) == ["words", "characters"]
    assert "half the texts have" in str(load(table(), target="good").card)


def test_large_columns_are_memory_maps_with_the_same_codes(monkeypatch, tmp_path) -> None:
    small = load(table(), target="good").arrays["text"]
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path))
    monkeypatch.setattr(text, "_IN_MEMORY", 0)
    monkeypatch.setattr(text, "_BLOCK", 7)
    large = load(table(), target="good").arrays["text"]
    assert isinstance(large, np.memmap)
    np.testing.assert_array_equal(small, large)


def test_decode_gives_the_known_tokens_back() -> None:
    data = load(table(), target="good", recipe=Recipe(prepare={"tokens": "words"}))
    column = next(c for c in data.preparation.columns if c.kind == "text")
    assert text.decode(column.state, data.arrays["text"])[0].startswith("the soup was cold and the soup was cold")


def test_two_columns_of_texts_and_labels_need_no_target() -> None:
    cells = table()
    data = load({"review": cells["review"], "good": cells["good"]})
    assert data.classes == ("no", "yes")
    assert [c.code for c in data.card.checks if c.code == "target_guess"] == ["target_guess"]
