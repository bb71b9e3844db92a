"""Cleaning of texts, and texts as codes."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.data.clean_text import plain_text, script_of, spaceless_share
from trainwell.data.tokens import FIRST, PADDING, UNKNOWN, Level, fit_level, padded, words

TEXTS = ["the cat sat on the mat", "the dog sat on the cat", "a cat and a dog", "很好吃 the end", "🙂 fine"]


@given(st.text())
def test_a_clean_text_is_clean_and_stays_as_it_is(text: str) -> None:
    clean = plain_text(text)
    assert clean == clean.strip()
    assert not re.search(r"\s\s|[\x00-\x08\u200b\ufeff]", clean)
    assert unicodedata.is_normalized("NFKC", clean)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<p>a &amp; b</p><br/>c", "a & b c"),
        ("<script>var x = 1 < 2;</script>kept", "kept"),
        ("3 < 5 and 7 > 6", "3 < 5 and 7 > 6"),
        ("if x<y then", "if x<y then"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("ｆｕｌｌ　ｗｉｄｔｈ！", "full width!"),
        ("\u202eright to left\u202c", "right to left"),
        ("👩\u200d👩\u200d👧 family", "👩\u200d👩\u200d👧 family"),
        ("\ud800 half", "half"),
    ],
)
def test_what_is_taken_out_and_what_stays(raw: str, clean: str) -> None:
    assert plain_text(raw) == clean


def test_scripts() -> None:
    assert [script_of(t) for t in ("hello", "Привет", "你好", "こんにちは", "مرحبا", "42!")] == [
        "Latin",
        "Cyrillic",
        "Chinese",
        "Japanese",
        "Arabic",
        "",
    ]
    assert spaceless_share(["ภาษาไทย"]) > 0.9
    assert spaceless_share(["한국어 is spaced", ""]) == 0.0


def test_words_keep_every_sign_and_take_spaceless_letters_one_by_one() -> None:
    assert words("don't stop, 3.5 很好") == ["don't", "stop", ",", "3", ".", "5", "很", "好"]


@given(st.text())
def test_words_lose_nothing_but_spaces(text: str) -> None:
    assert "".join(words(text)) == re.sub(r"\s", "", text)


@pytest.mark.parametrize("how", ["words", "characters", "bpe", "unigram"])
def test_codes_are_in_range_and_unseen_tokens_have_a_code(how: str) -> None:
    if how in ("bpe", "unigram"):
        pytest.importorskip("tokenizers")
    level = fit_level(how, TEXTS * 4, vocabulary=300, rare=2, length=None)
    again = Level.of({k: list(v) if isinstance(v, tuple) else v for k, v in vars(level).items()})
    for text in [*TEXTS, "нова 字"]:
        codes = level.codes()(text)
        assert codes == again.codes()(text)
        assert all(UNKNOWN <= code < level.size for code in codes)
    assert level.codes()("") == []


def test_rare_words_share_the_code_of_unseen_ones() -> None:
    level = fit_level("words", ["a a b", "b c"], vocabulary=10, rare=2, length=None)
    assert level.codes()("a b c d") == [FIRST, FIRST + 1, UNKNOWN, UNKNOWN]
    assert fit_level("words", ["a a b", "b c"], vocabulary=1, rare=1, length=None).tokens == ("a",)


def test_length_keeps_99_in_100_whole() -> None:
    texts = ["w " * n for n in range(1, 101)] + ["w " * 5000]
    assert fit_level("words", texts, vocabulary=10, rare=1, length=None).length in range(98, 102)
    assert fit_level("words", ["w " * 5000] * 9, vocabulary=10, rare=1, length=None).length == 512
    assert fit_level("words", [], vocabulary=10, rare=1, length=None).length == 1


@given(st.lists(st.lists(st.integers(1, 9), max_size=6), max_size=5), st.integers(1, 7))
def test_padded_rows_are_the_codes_and_then_padding(rows: list[list[int]], length: int) -> None:
    out = padded(rows, length)
    assert out.shape == (len(rows), length)
    assert out.dtype == np.int32
    for row, codes in zip(out.tolist(), rows, strict=True):
        kept = codes[:length]
        assert row == kept + [PADDING] * (length - len(kept))
