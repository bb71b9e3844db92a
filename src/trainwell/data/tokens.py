"""Texts as rows of whole numbers: how they are cut into tokens, and which code each token has.

Code 0 pads a row behind the end of its text, code 1 stands for every token that the train rows did not show often enough.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from trainwell.core.errors import MissingExtra
from trainwell.data.clean_text import SPACELESS

PADDING, UNKNOWN, FIRST = 0, 1, 2
#: Tokens kept of a text at most where the recipe leaves it to us.
MOST = {"words": 512, "characters": 2048, "bpe": 512, "unigram": 512}
#: Of so many train texts in a hundred every token is kept.
WHOLE = 99
#: Tokens that stand for no text.
SPECIALS = ["<pad>", "<unk>"]
_LETTER = rf"[^\W_{SPACELESS}]"
_WORD = re.compile(rf"{_LETTER}+(?:['’]{_LETTER}+)*|['’]{_LETTER}{{1,2}}(?!\w)|\S")

Cut = Callable[[str], Iterable[str]]
Codes = Callable[[str], list[int]]


def words(text: str) -> list[str]:
    """Words and signs; a letter of a script without spaces is a word of its own.

    Example:
        >>> words("it's 5 stars, 很好!")
        ["it's", '5', 'stars', ',', '很', '好', '!']
    """
    return _WORD.findall(text)


CUTS: dict[str, Cut] = {"words": words, "characters": list}


@dataclass(frozen=True)
class Level:
    """One way in which the texts of a column are cut; all of it is JSON.

    Args:
        how: words, characters, bpe or unigram.
        length: tokens kept of a text.
        tokens: the tokens by code, from 2 on; empty for subwords.
        model: what the library of subwords needs to cut again; empty for words and characters.
        size: number of codes.
    """

    how: str
    length: int
    tokens: tuple[str, ...] = ()
    model: str = ""
    size: int = FIRST

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Level:
        fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
        return cls(**fields)

    def codes(self) -> Codes:
        """The function from a clean text to the codes of all its tokens."""
        if self.model:
            encode = read_subwords(self.model).encode
            return lambda text: encode(text).ids
        known = {token: code for code, token in enumerate(self.tokens, start=FIRST)}
        look_up, cut = known.get, CUTS[self.how]
        return lambda text: [look_up(token, UNKNOWN) for token in cut(text)]


def fit_level(how: str, texts: Sequence[str], *, vocabulary: int, rare: int, length: int | None) -> Level:
    """How `texts` are cut, and the codes of their tokens.

    Args:
        how: words, characters, bpe or unigram.
        texts: the clean train texts.
        vocabulary: most tokens.
        rare: words and characters seen fewer times have the code of unseen ones.
        length: tokens kept of a text; None for what 99 texts in 100 have.

    Raises:
        MissingExtra: bpe or unigram without the extra `text`.

    Example:
        >>> level = fit_level("words", ["a b a", "b c"], vocabulary=10, rare=2, length=None)
        >>> level.tokens, level.codes()("a c b"), level.length
        (('a', 'b'), [2, 1, 3], 3)
    """
    if how in CUTS:
        counts = Counter(chain.from_iterable(map(CUTS[how], texts)))
        order = sorted((token for token, n in counts.items() if n >= rare), key=lambda token: (-counts[token], token))
        level = Level(how, 0, tuple(order[:vocabulary]), size=FIRST + min(len(order), vocabulary))
    else:
        model = subwords(how, texts, vocabulary)
        level = Level(how, 0, model=model, size=read_subwords(model).get_vocab_size())
    return Level(how, length or _length(how, texts, level.codes()), level.tokens, level.model, level.size)


def _length(how: str, texts: Sequence[str], codes: Codes) -> int:
    """The length that 99 in 100 texts keep within, measured on at most 20,000 of them."""
    some = texts[:: max(1, len(texts) // 20_000)]
    lengths = [len(codes(text)) for text in some]
    return int(min(MOST[how], max(1, np.percentile(lengths, WHOLE, method="higher")))) if lengths else 1


def subwords(how: str, texts: Iterable[str], vocabulary: int, *, whole: bool = False) -> str:
    """A byte-level subword tokeniser fitted on `texts`, as JSON; `whole` ones give back a text to the letter, space or not.

    Raises:
        MissingExtra: without the extra `text`.
    """
    known = library()
    from tokenizers import decoders, pre_tokenizers, trainers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if how == "bpe":
        tokenizer = known.Tokenizer(known.models.BPE())
        trainer: Any = trainers.BpeTrainer(
            vocab_size=vocabulary, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
        )
    else:
        tokenizer = known.Tokenizer(known.models.Unigram())
        trainer = trainers.UnigramTrainer(
            vocab_size=vocabulary, special_tokens=SPECIALS, initial_alphabet=alphabet, unk_token="<unk>", show_progress=False
        )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=not whole)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainer)
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))


def read_subwords(model: str) -> Any:
    """The tokeniser that `subwords` wrote, and no other: whatever a file says, it pads, replaces and adds nothing.

    Raises:
        ValueError: it is none of ours.
        MissingExtra: without the extra `text`.
    """
    known = library()
    try:
        plain = json.loads(model)
        parts = [(plain[part] or {}).get("type") for part in ("pre_tokenizer", "decoder")]
        added = [token["content"] for token in plain["added_tokens"]]
        ours = plain["model"]["type"] in ("BPE", "Unigram") and parts == ["ByteLevel"] * 2 and added == SPECIALS
        if not ours or any(plain.get(part) for part in ("padding", "truncation", "normalizer", "post_processor")):
            raise ValueError("its parts are not those that training writes")
        return known.Tokenizer.from_str(model)
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"the subwords cannot be read ({' '.join(str(error).split())[:200]})") from None


def library() -> Any:
    """The library of subword tokenisers.

    Raises:
        MissingExtra: it is not installed.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads do not survive a fork, and texts are cut once
    try:
        import tokenizers
    except ImportError:
        raise MissingExtra("subword tokens need the extra text", remedy='Run pip install "trainwell[text]".') from None
    return tokenizers


def padded(codes: Sequence[Sequence[int]], length: int) -> np.ndarray:
    """Rows of codes cut or padded to `(N, length)` int32.

    Example:
        >>> padded([[5, 6, 7], [], [8]], 2).tolist()
        [[5, 6], [0, 0], [8, 0]]
    """
    lengths = np.fromiter((min(len(row), length) for row in codes), np.int64, len(codes))
    out = np.zeros((len(codes), length), np.int32)
    flat = chain.from_iterable(row[:length] for row in codes)
    out[np.arange(length) < lengths[:, None]] = np.fromiter(flat, np.int32, int(lengths.sum()))
    return out
