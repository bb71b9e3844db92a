"""How running text becomes codes, and codes text again; and which windows of the codes a network sees."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from trainwell.core.shape import Input, Shape
from trainwell.data.readers.memory import memory_limit, spill_folder
from trainwell.data.tokens import FIRST, UNKNOWN, Level, read_subwords, subwords

INPUT = "text"
#: What a code without a token looks like in a text.
LOST = "\ufffd"
#: Lines that are cut into subwords at once, and characters that are looked at.
PIECES, LETTERS = 4_096, 1 << 20
#: Characters from which subwords are learnt; of a longer text blocks all over it.
LEARNT_FROM = 100_000_000


@dataclass(frozen=True)
class Language:
    """A vocabulary of characters or subwords, and the length of a window.

    Args:
        level: how text is cut, see `Level`; its length is that of a window.
        column: the column of the documents.
    """

    level: Level
    column: str

    @property
    def window(self) -> int:
        """Tokens that a network sees at once."""
        return self.level.length

    @property
    def shape(self) -> Shape:
        """One input: a window of codes."""
        size = (self.level.size,)
        return Shape((Input(INPUT, "tokens", (self.window,), size, (self.column,), "int32", tokens=self.level.how),))

    def codes(self, text: str) -> np.ndarray:
        """The codes of a text, `(T,)` int32; characters that training never showed are 1."""
        if self._tokenizer is not None:
            return np.concatenate([np.zeros(0, np.int32), *self._subwords(text)])
        return self._letters(text, new_codes(len(text)))

    def codes_together(self, texts: Mapping[str, str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The codes of all texts one after the other, `(T,)` int32, and those of each."""
        if self._tokenizer is not None:
            each = [self.codes(text) for text in texts.values()]
            ends = np.cumsum([len(codes) for codes in each])
            whole = np.concatenate(each)
            return whole, dict(zip(texts, np.split(whole, ends[:-1]), strict=True))
        whole, found, start = new_codes(sum(map(len, texts.values()))), dict[str, np.ndarray](), 0
        for name, text in texts.items():
            found[name] = self._letters(text, whole[start : start + len(text)])
            start += len(text)
        return whole, found

    def _letters(self, text: str, found: np.ndarray) -> np.ndarray:
        """The codes of characters, written into `found`."""
        known, start = self._points, 0
        for points in code_points(text):
            place = np.searchsorted(known, points).clip(max=len(known) - 1)
            found[start : start + len(points)] = np.where(known[place] == points, place + FIRST, UNKNOWN)
            start += len(points)
        return found

    def _subwords(self, text: str) -> Iterator[np.ndarray]:
        """The codes of some lines after the other, each `(t,)` int32."""
        for block in blocks_of(text):
            pieces = block.splitlines(keepends=True)
            for i in range(0, len(pieces), PIECES):
                lines = self._tokenizer.encode_batch_fast(pieces[i : i + PIECES])
                yield np.fromiter(chain.from_iterable(line.ids for line in lines), np.int32)

    def text(self, codes: Sequence[int] | np.ndarray) -> str:
        """The text of codes."""
        ids = [int(code) for code in codes]
        if self._tokenizer is not None:
            return str(self._tokenizer.decode([code for code in ids if code >= FIRST], skip_special_tokens=False))
        table = ["", LOST, *self.level.tokens]
        return "".join(table[code] for code in ids)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every code as one reads it."""
        if self._tokenizer is not None:
            return tuple(self._tokenizer.id_to_token(code) for code in range(self.level.size))
        return ("", LOST, *self.level.tokens)

    @cached_property
    def letters(self) -> np.ndarray:
        """How many characters each code is, `(V,)` int64: of a subword, those that begin in it."""
        if self._tokenizer is None:
            return np.ones(self.level.size, np.int64)
        byte = byte_of_letter()
        begin = [sum(not 0x80 <= byte.get(letter, 0) < 0xC0 for letter in name) for name in self.names[FIRST:]]
        return np.array([0, 1, *begin], np.int64)

    @cached_property
    def _points(self) -> np.ndarray:
        return np.array([ord(token) for token in self.level.tokens], np.uint32)

    @cached_property
    def _tokenizer(self) -> Any:
        return read_subwords(self.level.model) if self.level.model else None

    def to_plain(self) -> dict[str, Any]:
        """JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Language:
        """What `to_plain` wrote."""
        return cls(Level.of(plain["level"]), plain["column"])


def fit_language(text: str, how: str, *, vocabulary: int, window: int, column: str) -> Language:
    """The vocabulary of the training text; characters are in the order of their code points.

    Args:
        text: of the training part.
        how: characters or bpe.
        vocabulary: most tokens.
        window: tokens that a network sees at once.
        column: the column of the documents.

    Raises:
        MissingExtra: bpe without the extra `text`.

    Example:
        >>> state = fit_language("abba\\n", "characters", vocabulary=10, window=2, column="text")
        >>> state.codes("ab!").tolist(), state.text([3, 4, 4])
        ([3, 4, 1], 'abb')
    """
    if how == "bpe":
        k = every(text)
        blocks = blocks_of(text) if k == 1 else (text[i : i + LETTERS] for i in range(0, len(text), k * LETTERS))
        model = subwords("bpe", chain.from_iterable(b.splitlines(keepends=True) for b in blocks), vocabulary, whole=True)
        return Language(Level(how, window, model=model, size=read_subwords(model).get_vocab_size()), column)
    counts = letter_counts(text)
    often = sorted(counts, key=lambda letter: (-counts[letter], letter))
    known = sorted(often[:vocabulary])
    return Language(Level(how, window, tuple(known), size=FIRST + len(known)), column)


def every(text: str) -> int:
    """Subwords are learnt from one in so many stretches of a text."""
    return -(-len(text) // LEARNT_FROM)


def blocks_of(text: str) -> Iterator[str]:
    """Whole lines of a text, one after the other, in blocks of some million characters."""
    start = 0
    while start < len(text):
        end = text.rfind("\n", start, start + LETTERS) + 1 or text.find("\n", start + LETTERS) + 1 or len(text)
        yield text[start:end]
        start = end


def code_points(text: str) -> Iterator[np.ndarray]:
    """The characters of a text as numbers, some million at a time, each `(t,)` uint32."""
    for start in range(0, len(text), LETTERS):
        yield np.frombuffer(text[start : start + LETTERS].encode("utf-32-le", "surrogatepass"), np.uint32)


def letter_counts(text: str) -> dict[str, int]:
    """How often each character stands in a text.

    Example:
        >>> letter_counts("abba!")
        {'!': 1, 'a': 2, 'b': 2}
    """
    counts = np.zeros(sys.maxunicode + 1, np.int64)
    for points in code_points(text):
        found = np.bincount(points)
        counts[: len(found)] += found
    return {chr(point): int(counts[point]) for point in np.flatnonzero(counts)}


def new_codes(n: int) -> np.ndarray:
    """Room for codes, `(n,)` int32: in memory, or in a file without a name where it is much, for the text is there as well."""
    if 16 * n <= memory_limit():
        return np.empty(n, np.int32)
    with tempfile.TemporaryFile(dir=spill_folder(), prefix="trainwell-") as file:
        file.truncate(4 * n)
        return np.memmap(file, np.int32, "r+", shape=(n,))


def byte_of_letter() -> dict[str, int]:
    """The byte that each letter of a byte-level vocabulary stands for.

    Printable bytes stand for themselves, the others for the letters from 256 on. Source: Radford et al., "Language models are
    unsupervised multitask learners", 2019.

    Example:
        >>> byte_of_letter()["a"], byte_of_letter()["\u0120"]
        (97, 32)
    """
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(rest)}
