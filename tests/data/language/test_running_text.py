"""Running text as windows of codes: nothing crosses a split, everything comes back to the letter."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.fingerprint import fingerprint_of
from trainwell.data.language.state import Language, blocks_of, fit_language, letter_counts
from trainwell.data.load import load
from trainwell.data.source import Source

PROSE = "It was the best of times, it was the worst of times.\n第一章 很好。\n" * 60


def loaded(text: str = PROSE, **changes: object) -> Data:
    recipe = Recipe(task="language", prepare={"text_length": 16}).but(**changes)
    return load([text], recipe=recipe)


@pytest.mark.parametrize("how", ["characters", "bpe"])
@given(text=st.text(max_size=60))
@settings(max_examples=40)
def test_codes_of_known_letters_come_back_as_the_text(how: str, text: str) -> None:
    text = text.replace("\r", "")
    state = _STATES.setdefault(how, fit_language(PROSE, how, vocabulary=400, window=8, column="text"))
    known = "".join(letter for letter in text if how == "bpe" or letter in PROSE)
    codes = state.codes(known)
    assert state.text(codes) == known
    assert state.letters[codes].sum() == len(known)


_STATES: dict[str, Language] = {}


@given(text=st.text(alphabet="ab \n\r\u2028", max_size=60), letters=st.integers(1, 9))
def test_blocks_are_whole_lines_in_their_order(text: str, letters: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainwell.data.language.state.LETTERS", letters)
        blocks = list(blocks_of(text))
    assert "".join(blocks) == text
    assert all(block.endswith("\n") for block in blocks[:-1])
    assert [line for block in blocks for line in block.splitlines(keepends=True)] == text.splitlines(keepends=True)


def test_few_windows_of_a_long_text_judge_and_the_card_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = loaded()
    monkeypatch.setattr("trainwell.data.language.build.JUDGED", 7)
    some = loaded()
    said = [check.text for check in some.card.checks if check.code == "judged"]
    n = len(whole.rows["test"])
    assert f"The test text has {n:,} windows; 7 of them, spread evenly over it, judge." in said
    assert len(said) == 2
    assert not [check for check in whole.card.checks if check.code == "judged"]
    assert (some.rows["train"] == whole.rows["train"]).all()
    assert (some.rows["test"] == whole.rows["test"][np.linspace(0, n - 1, 7).astype(int)]).all()


def test_subwords_of_a_long_text_are_learnt_from_parts_of_it_and_the_card_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    prose = "".join(f"{PROSE} {i} " for i in range(40))
    whole = loaded(prose, prepare__tokens="bpe")
    monkeypatch.setattr("trainwell.data.language.state.LEARNT_FROM", len(prose) // 2)
    monkeypatch.setattr("trainwell.data.language.state.LETTERS", 1000)
    some = loaded(prose, prepare__tokens="bpe")
    assert "learnt from one part in 2 of" in some.card.columns[0]["why"]
    assert "learnt from" not in whole.card.columns[0]["why"]
    assert all(prose.startswith(data.preparation.language.text(data.arrays["text"][0])) for data in (some, whole))


def test_no_window_crosses_a_split_even_when_training_moves_on() -> None:
    data = loaded()
    state, length = data.preparation.language, data.shape.window
    ends, whole = {}, len(data.arrays["text"]) + length
    for part, rows in data.rows.items():
        reach = length - 1 if part == "train" else 0
        ends[part] = (rows.min(), rows.max() + reach + length)
    assert ends["train"][1] < ends["valid"][0]
    assert ends["valid"][1] < ends["test"][0]
    assert ends["test"][1] < whole
    # The targets are the inputs one token on, and all together they are the text.
    row = data.rows["test"][0]
    assert np.array_equal(data.arrays["text"][row + 1], data.arrays["target"][row])
    assert state.text(data.arrays["text"][data.rows["train"]].reshape(-1)) in PROSE


def test_the_vocabulary_is_of_the_training_text_only() -> None:
    data = load(["abcab" * 40], recipe=Recipe(task="language", prepare={"text_length": 8}), test=["abcxyz" * 10])
    assert data.preparation.language.level.tokens == ("a", "b", "c")
    assert any(check.code == "unseen" and check.count == 30 for check in data.card.checks)
    other = load(["abcab" * 40], recipe=Recipe(task="language", prepare={"text_length": 8}), test=["xyxyxy" * 10])
    assert other.preparation.digest() == data.preparation.digest()


def test_files_folders_tables_and_lists_are_read(tmp_path) -> None:
    recipe = Recipe(task="language", prepare={"text_length": 16})
    (tmp_path / "one.txt").write_text(PROSE, encoding="utf-8")
    alone = load(tmp_path / "one.txt", recipe=recipe)
    (tmp_path / "books").mkdir()
    for name in "ab":
        (tmp_path / "books" / f"{name}.txt").write_bytes(PROSE.encode("gb18030"))
    both = load(tmp_path / "books", recipe=recipe)
    assert len(both.source) == 2
    assert both.preparation.language.level.tokens == alone.preparation.language.level.tokens
    table = load(pl.DataFrame({"said": [PROSE, None, PROSE], "n": [1, 2, 3]}), recipe=recipe)
    assert np.array_equal(table.arrays["target"], both.arrays["target"])


def test_a_recipe_that_says_something_else_about_text_loads_again() -> None:
    data = loaded()
    assert data.under(data.recipe) is data
    longer = data.under(data.recipe.but(prepare__text_length=32))
    assert longer.shape.window == 32
    assert longer.fingerprint != data.fingerprint
    half = data.under(data.recipe.but(split__sample=0.5))
    assert set(half.rows["train"]) < set(data.rows["train"])


def test_copied_passages_are_told() -> None:
    random = "".join(np.random.default_rng(0).choice(list("abcdefgh "), 20_000))
    clean, copied = loaded(random), loaded(random + random[:5000])
    assert not [c for c in clean.card.checks if c.code == "copies"]
    assert [c for c in copied.card.checks if c.code == "copies" and "test" in c.text]


@pytest.mark.parametrize(
    ("source", "changes", "said"),
    [
        ([""], {}, "no text to train on"),
        (["short"], {}, "do not fit"),
        ([PROSE], {"split__fold": 0}, "split by position"),
        ([PROSE], {"split__how": "random"}, "split by position"),
        ([PROSE], {"prepare__tokens": "words"}, "characters or bpe"),
        ([PROSE], {"target": "nothing"}, "no column of text 'nothing'"),
        ({"a": [1.0, 2.0]}, {}, "one column of text"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(source, changes, said) -> None:
    with pytest.raises((DataError, RecipeError), match=said):
        load(source, recipe=Recipe(task="language").but(**changes))


def test_codes_do_not_depend_on_how_much_is_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "to be, or not to be: 是不是😀 " * 9
    state = fit_language(text, "characters", vocabulary=50, window=4, column="text")
    whole = state.codes(text)
    monkeypatch.setattr("trainwell.data.language.state.LETTERS", 7)
    assert (state.codes(text) == whole).all()
    assert letter_counts(text) == dict(Counter(text))
    assert fit_language(text, "characters", vocabulary=50, window=4, column="text") == state


@pytest.mark.parametrize("how", ["characters", "bpe"])
@pytest.mark.parametrize("memory", ["", "1KB"])
def test_codes_of_several_parts_lie_behind_each_other_in_memory_or_in_a_file(how, memory, monkeypatch) -> None:
    texts = {"train": "a cat sat on a mat\n" * 40, "valid": "a mat\n", "test": ""}
    state = fit_language(texts["train"], how, vocabulary=300, window=4, column="text")
    monkeypatch.setenv("TRAINWELL_MEMORY", memory)
    whole, found = state.codes_together(texts)
    assert isinstance(whole, np.memmap) == (memory == "1KB" and how == "characters")
    assert (whole == np.concatenate(list(found.values()))).all()
    assert all((found[name] == state.codes(text)).all() for name, text in texts.items())


def test_rare_characters_go_first_where_the_vocabulary_is_full() -> None:
    state = fit_language("aaabbbccd", "characters", vocabulary=3, window=2, column="text")
    assert state.level.tokens == ("a", "b", "c")


def test_long_texts_have_the_fingerprint_of_short_ones_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(pl.DataFrame({"text": ["ab" * 50, None, "c"]}), "")
    one = fingerprint_of(source, Recipe())
    monkeypatch.setattr("trainwell.data.fingerprint.LONG", 1)
    assert fingerprint_of(source, Recipe()) == one
