"""Texts: sentences, reviews, documents. Cleaned, cut into tokens in one or several ways, and encoded as rows of codes.

The codes of all ways stand side by side, `(N, sum of lengths)`; each way becomes an input of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.data import cache
from trainwell.data.card import Check
from trainwell.data.clean_text import ODD, plain_text, script_of, spaceless_share
from trainwell.data.kinds.kind import Cleaned, Form, Guess, Raw, Rule
from trainwell.data.kinds.words import EMPTY, cell_text
from trainwell.data.tokens import UNKNOWN, Level, fit_level, padded, read_subwords

INPUT = "text"

#: Fewest train cells that are called sentences without being told so.
_ENOUGH = 20
#: Distinct texts that are looked at to tell what a column holds.
_LOOKED_AT = 2_000
#: From this share of letters of scripts without spaces on, texts are cut into characters alone.
_SPACELESS = 0.3
#: Encoded texts beyond so many bytes lie in a memory map.
_IN_MEMORY = 256 << 20
_BLOCK = 4_096


@dataclass(frozen=True)
class State:
    """How texts are cleaned and cut, all of it JSON.

    Args:
        levels: the ways of cutting, see `Level`.
        lowercase: whether letters lose their case.
    """

    levels: list[dict[str, Any]] = field(default_factory=list)
    lowercase: bool = True

    @cached_property
    def cuts(self) -> tuple[Level, ...]:
        return tuple(Level.of(level) for level in self.levels)

    @property
    def length(self) -> int:
        """Codes of one text, all ways together."""
        return sum(level.length for level in self.cuts)


def recognise(raw: Raw, *, forced: bool = False) -> Guess | None:
    """A claim on columns of sentences: mostly different, and of several words, many letters, or a script without spaces."""
    if forced:
        return Guess("the recipe or the source says so")
    if not isinstance(raw.values, pl.Series) or raw.series.dtype != pl.String:
        return None
    empty = int((raw.words.codes < 0).sum())
    if len(raw.words.texts) < 0.5 * (len(raw.rows) - empty):  # whatever the train rows hold of them
        return None
    distinct, present = int((raw.counts > 0).sum()), int(raw.counts.sum())
    if present < _ENOUGH or distinct < 0.5 * present:
        return None
    texts = raw.words.texts.filter(pl.Series(raw.counts > 0)).head(_LOOKED_AT)
    spaces, letters = _median(texts.str.count_matches(r"\s")), _median(texts.str.len_chars())
    written = letters >= 8 and spaceless_share(texts.head(200)) > _SPACELESS
    if spaces < 3 and letters < 40 and not written:
        return None
    return Guess(f"{distinct:,} different texts, half of them of {letters:.0f} characters or more")


def _median(series: pl.Series) -> float:
    return float(series.median() or 0)  # type: ignore[arg-type]


def clean(raw: Raw, form: Form, rule: Rule) -> Cleaned:
    """Each row's place among the column's distinct texts, those without markup, control characters and doubled spaces."""
    found = raw.words.texts.to_list()
    labels = [plain_text(text) for text in found]
    emptied = np.array([not label for label in labels], bool)
    values = raw.words.codes.copy()
    values[raw.words.spread(emptied, False)] = -1
    cleaned = Cleaned(values, values < 0, labels=labels)
    cleaned.scratch["raw"] = raw
    cleaned.checks += _odd_checks(raw, found)
    return cleaned


def _odd_checks(raw: Raw, texts: Sequence[str]) -> list[Check]:
    """What was taken out of the texts, and texts in another script than the others."""
    checks = []
    for code, (what, pattern) in ODD.items():
        hit = np.array([pattern.search(text) is not None for text in texts], bool)
        checks += _counted(raw, hit, code, what)
    scripts = [script_of(text) for text in texts]
    common = Counter(script for script in scripts if script).most_common(1)
    if common and len(texts) >= _ENOUGH:
        main = common[0][0]
        other = np.array([bool(script) and script != main for script in scripts], bool)
        checks += _counted(raw, other, "script", f"are mostly not in {main} letters as the others are; they were kept")
    return checks


def _counted(raw: Raw, hit: np.ndarray, code: str, what: str) -> list[Check]:
    rows = np.flatnonzero(raw.words.spread(hit, False))
    if not len(rows):
        return []
    examples = tuple(f"row {row}: {raw.words.texts[int(raw.words.codes[row])][:60]!r}" for row in rows[:3])
    return [Check(code, "WARN", f"{len(rows):,} texts of {raw.name!r} {what}.", raw.name, len(rows), examples)]


def fit(cleaned: Cleaned, rows: np.ndarray, rule: Rule) -> State:
    """The ways of cutting, their vocabularies and lengths, from the distinct texts of the train rows."""
    places = np.unique(cleaned.values[rows])
    texts = [_cased(cleaned.labels[place], rule.lowercase) for place in places[places >= 0]]
    length = None if rule.text_length == "auto" else int(rule.text_length)
    levels = [
        fit_level(how, texts, vocabulary=rule.vocabulary, rare=rule.rare, length=length) for how in ways_for(texts, rule.tokens)
    ]
    return State([_plain(level) for level in levels], rule.lowercase)


def _cased(text: str, lowercase: bool) -> str:
    return text.lower() if lowercase else text


def ways_for(texts: Sequence[str], asked: str | Sequence[str]) -> list[str]:
    """How texts are cut: as asked, else characters where words are not spaced, words and characters elsewhere.

    Example:
        >>> ways_for(["味道很好"], "auto"), ways_for(["tastes good"], "auto"), ways_for([], ["bpe"])
        (['characters'], ['words', 'characters'], ['bpe'])
    """
    if asked != "auto":
        return list(dict.fromkeys(asked))
    return ["characters"] if spaceless_share(texts[:_LOOKED_AT]) > _SPACELESS else ["words", "characters"]


def _plain(level: Level) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(level).items()}


def features(state: State, name: str) -> tuple[str, ...]:
    """The column's own name."""
    return (name,)


def encode(state: State, cleaned: Cleaned) -> np.ndarray:
    """(N, length) int32 codes of all ways side by side, 0 behind each text's end; a memory map where that is much."""
    if len(cleaned.values) * state.length * 4 <= _IN_MEMORY:
        return _block(state, cleaned, 0, len(cleaned.values))
    folder = cache.build(_key(state, cleaned), lambda place: _fill(place, state, cleaned), about="encoded texts")
    return np.memmap(folder / "codes.raw", np.int32, mode="c", shape=(len(cleaned.values), state.length))


def _block(state: State, cleaned: Cleaned, start: int, stop: int) -> np.ndarray:
    codes = cleaned.values[start:stop]
    places, back = np.unique(codes, return_inverse=True)
    texts = ["" if place < 0 else cleaned.labels[place] for place in places]
    return rows_of(state, texts)[back]


def rows_of(state: State, texts: Sequence[str]) -> np.ndarray:
    """Clean texts as codes `(N, length)` int32."""
    texts = [_cased(text, state.lowercase) for text in texts]
    columns = [padded([codes(text) for text in texts], level.length) for level, codes in _codes(state)]
    return np.concatenate(columns, axis=1)


def _codes(state: State) -> list[tuple[Level, Callable[[str], list[int]]]]:
    return [(level, level.codes()) for level in state.cuts]


def _key(state: State, cleaned: Cleaned) -> str:
    digest = blake2b(repr((1, state.levels, state.lowercase)).encode(), digest_size=20)
    digest.update(np.ascontiguousarray(cleaned.values).data)
    for label in cleaned.labels:
        digest.update(f"{len(label)} {label}".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _fill(place: Path, state: State, cleaned: Cleaned) -> None:
    cache.need_space(len(cleaned.values) * state.length * 4)
    with (place / "codes.raw").open("wb") as file:
        for start in range(0, len(cleaned.values), _BLOCK):
            file.write(_block(state, cleaned, start, min(start + _BLOCK, len(cleaned.values))).data)


def encode_cell(state: State) -> Callable[[Any], np.ndarray]:
    """The codes `(length,)` of one cell."""
    levels, lowercase = _codes(state), state.lowercase

    def cell(value: Any) -> np.ndarray:
        text = (cell_text(value) or "").strip()
        text = "" if text.lower() in EMPTY else _cased(plain_text(text), lowercase)
        return np.concatenate([padded([codes(text)], level.length)[0] for level, codes in levels])

    return cell


def split(state: State, encoded: np.ndarray) -> Iterator[tuple[Level, np.ndarray]]:
    """Each way of cutting and its part `(N, its length)` of the encoded column, as a view."""
    start = 0
    for level in state.cuts:
        yield level, encoded[:, start : start + level.length]
        start += level.length


def decode(state: State, encoded: np.ndarray) -> pl.Series:
    """The tokens of the first way with spaces between words; what had no code comes back as ␣?␣."""
    level, codes = next(split(state, encoded))
    if level.model:
        return pl.Series(read_subwords(level.model).decode_batch([row[row > 0].tolist() for row in codes]))
    table, gap = ["", "?", *level.tokens], " " if level.how == "words" else ""
    return pl.Series([gap.join(table[code] for code in row if code) for row in codes.tolist()], dtype=pl.String)


def unusual(state: State, cleaned: Cleaned) -> Iterator[tuple[int, str]]:
    """Empty texts, texts cut off, and texts of which most tokens were never seen in training."""
    level = state.cuts[0]
    codes = level.codes()
    said = [_oddity(codes(_cased(label, state.lowercase)), level) for label in cleaned.labels]
    for row, place in enumerate(cleaned.values.tolist()):
        if place < 0:
            yield row, "the text is empty"
        elif said[place]:
            yield row, said[place]


def _oddity(codes: list[int], level: Level) -> str:
    unknown = codes.count(UNKNOWN)
    if unknown > 0.5 * len(codes):
        return f"{unknown:,} of its {len(codes):,} {level.how} were not seen in training"
    if len(codes) > level.length:
        return f"{len(codes):,} {level.how} long; only the first {level.length:,} were read"
    return ""


def describe(cleaned: Cleaned, rows: np.ndarray, state: State) -> dict[str, Any]:
    """Ways of cutting with their vocabularies, lengths of the train texts in tokens, tokens without a code, texts cut off."""
    raw: Raw = cleaned.scratch["raw"]
    places = np.unique(cleaned.values[rows])
    places = places[places >= 0]
    level = state.cuts[0]
    codes_of, some = level.codes(), places[:: max(1, len(places) // _LOOKED_AT)]
    found = [codes_of(_cased(cleaned.labels[place], state.lowercase)) for place in some]
    lengths = [len(codes) for codes in found] or [0]
    seen = {"0.5": int(np.median(lengths)), "0.99": int(np.percentile(lengths, 99)), "1": max(lengths)}
    return {
        "distinct": len(places),
        "tokens": {level.how: {"vocabulary": level.size - 2, "length": level.length} for level in state.cuts},
        "lengths": seen,
        "without_code": round(sum(codes.count(UNKNOWN) for codes in found) / max(1, sum(lengths)), 4),
        "cut_off": round(sum(n > level.length for n in lengths) / len(lengths), 4),
        "example": raw.words.texts[int(raw.words.codes[rows[0]])][:80] if len(rows) and raw.words.codes[rows[0]] >= 0 else "",
    }
