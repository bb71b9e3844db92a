"""Words of one meaning, as the tokens of a text: one token where words are tokens, several where letters are.

B batch, L tokens of a text, M words of one length, N tokens of each.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.data.clean_text import SPACELESS
from trainwell.data.tokens import FIRST

#: Tokens by code, from `FIRST` on; empty for subwords.
Vocabulary = tuple[str, ...]
#: The lexicons that come with trainwell, English and Chinese.
BUNDLED = "bundled"
#: Most letters of a word that is not a token itself.
LONGEST = 4
_SPACELESS = re.compile(f"[{SPACELESS}]+")


@dataclass(frozen=True)
class Words:
    """Words of N tokens and those that mean the same.

    Args:
        codes: of the words, `(M, N)`.
        keys: a number for each word, ascending, `(M,)`.
        base: a key is the word's codes as digits to this base.
        others: places of each word's synonyms, `(M, most)`.
        counts: how many it has, `(M,)`.
    """

    codes: Tensor
    keys: Tensor
    base: int
    others: Tensor
    counts: Tensor

    def find(self, codes: Tensor, taken: Tensor) -> tuple[Tensor, Tensor]:
        """Where words begin in texts `(B, L)`, bool, and which they are.

        Of words that overlap the leftmost is found, and none in tokens that are taken. Both are `(B, L - N + 1)`.
        """
        n = self.codes.shape[1]
        windows = codes.long().unfold(1, n, 1)
        key = (windows * self.base ** torch.arange(n, device=codes.device)).sum(-1)
        place = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        hit = (self.keys[place] == key) & ~taken.unfold(1, n, 1).any(-1)
        found = hit.clone()
        for shift in range(1, n):
            found[:, shift:] &= ~hit[:, :-shift]
        return found, place

    def replaced(self, codes: Tensor, taken: Tensor, start: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """Texts with words that begin at `start` replaced, and the tokens that belong to words.

        Args:
            codes: `(B, L)`.
            taken: tokens that belong to longer words, bool `(B, L)`.
            start: where a word is replaced if one begins there, bool `(B, L)`.
            which: of the synonyms, uniform in [0, 1), `(B, L)`.
        """
        n = self.codes.shape[1]
        if codes.shape[1] < n:
            return codes, taken
        found, place = self.find(codes, taken)
        width = found.shape[1]
        other = self.others[place, (which[:, :width] * self.counts[place]).long()]
        new, out, taken = self.codes[other].to(codes.dtype), codes.clone(), taken.clone()
        for j in range(n):
            taken[:, j : j + width] |= found
            out[:, j : j + width] = torch.where(found & start[:, :width], new[..., j], out[:, j : j + width])
        return out, taken

    def to(self, device: torch.device) -> Words:
        """On a device."""
        if self.keys.device == device:
            return self
        parts = (self.codes, self.keys, self.others, self.counts)
        codes, keys, others, counts = (part.to(device) for part in parts)
        return Words(codes, keys, self.base, others, counts)


def read_groups(lexicon: str) -> list[list[str]]:
    """Groups of words of one meaning, of a file or of the lexicons that come with trainwell; lines after # are remarks.

    Raises:
        RecipeError: the file cannot be read.

    Example:
        >>> len(read_groups("bundled")) > 500
        True
    """
    try:
        if lexicon == BUNDLED:
            folder = files("trainwell.data.augment").joinpath("lexicons")
            texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in ("en.txt", "zh.txt")]
        else:
            texts = [Path(lexicon).expanduser().read_text(encoding="utf-8")]
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Give a UTF-8 text file with words of one meaning on each line, or leave lexicon out."
        raise RecipeError(f"the lexicon {lexicon!r} cannot be read ({error})", remedy=remedy) from None
    lines = (line for text in texts for line in text.lower().splitlines() if not line.startswith("#"))
    return [line.replace(",", " ").split() for line in lines]


@cache
def synonyms_of(tokens: Vocabulary, lexicon: str) -> tuple[Words, ...]:
    """The words of a lexicon that a vocabulary can write, by their number of tokens, the longest first.

    A word is written as itself where it is a token, else letter by letter where its script has no spaces.

    Example:
        >>> [words.codes.tolist() for words in synonyms_of(("高", "兴", "开", "心", "fine", "good"), "bundled")]
        [[[2, 3], [4, 5]], [[6], [7]]]
    """
    code = {token: place for place, token in enumerate(tokens, start=FIRST)}
    alike: dict[tuple[int, ...], set[tuple[int, ...]]] = defaultdict(set)
    for group in read_groups(lexicon):
        written = [codes for word in group if (codes := _written(word, code))]
        for one in written:
            alike[one].update(other for other in written if len(other) == len(one) and other != one)
    lengths = sorted({len(one) for one, others in alike.items() if others}, reverse=True)
    base = FIRST + len(tokens)
    fits = (n for n in lengths if base**n < 1 << 62)
    return tuple(_table({one: others for one, others in alike.items() if len(one) == n and others}, base) for n in fits)


def _written(word: str, code: dict[str, int]) -> tuple[int, ...]:
    if word in code:
        return (code[word],)
    if len(word) <= LONGEST and _SPACELESS.fullmatch(word) and all(letter in code for letter in word):
        return tuple(code[letter] for letter in word)
    return ()


def _table(alike: dict[tuple[int, ...], set[tuple[int, ...]]], base: int) -> Words:
    def key_of(word: Sequence[int]) -> int:
        return sum(code * base**place for place, code in enumerate(word))

    words = sorted(alike, key=key_of)
    place = {word: i for i, word in enumerate(words)}
    known: list[Iterable[int]] = [sorted(place[other] for other in alike[word]) for word in words]
    counts = torch.tensor([len(list(others)) for others in known])
    table = torch.zeros(len(words), int(counts.max()), dtype=torch.int64)
    for i, others in enumerate(known):
        table[i, : counts[i]] = torch.tensor(list(others))
    return Words(torch.tensor(words), torch.tensor([key_of(word) for word in words]), base, table, counts)
