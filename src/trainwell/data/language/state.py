"""How running text becomes codes, and codes text again; and which windows of the codes a network sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from trainwell.core.shape import Input, Shape
from trainwell.data.tokens import FIRST, UNKNOWN, Level, read_subwords, subwords

INPUT = "text"
#: What a code without a token looks like in a text.
LOST = "\ufffd"
#: Pieces of a text that are cut into subwords at once.
PIECES = 4_096


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
            pieces = text.splitlines(keepends=True)
            blocks = [pieces[i : i + PIECES] for i in range(0, len(pieces), PIECES)]
            found = [one.ids for block in blocks for one in self._tokenizer.encode_batch(block)]
            return np.concatenate([np.zeros(0, np.int32), *(np.asarray(ids, np.int32) for ids in found)])
        points = code_points(text)
        known = self._points
        place = np.searchsorted(known, points).clip(max=len(known) - 1)
        return np.where(known[place] == points, place + FIRST, UNKNOWN).astype(np.int32)

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
        model = subwords("bpe", text.splitlines(keepends=True), vocabulary, whole=True)
        return Language(Level(how, window, model=model, size=read_subwords(model).get_vocab_size()), column)
    known = sorted(letter for letter, _ in Counter(text).most_common(vocabulary))
    return Language(Level(how, window, tuple(known), size=FIRST + len(known)), column)


def code_points(text: str) -> np.ndarray:
    """The characters of a text as numbers, `(T,)` uint32."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


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
