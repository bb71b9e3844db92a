"""Documents and a recipe for language become data: parts by position, a vocabulary of the training part, windows of codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from trainwell.core.errors import DataError, RecipeError, did_you_mean
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts
from trainwell.data.card import Card, Check
from trainwell.data.data import Data
from trainwell.data.language.copies import copied_check
from trainwell.data.language.read import tidy
from trainwell.data.language.state import INPUT, Language, every, fit_language, letter_counts
from trainwell.data.preparation import Preparation
from trainwell.data.source import Source
from trainwell.data.splits import PARTS, Table, drawn, spread, valid_share
from trainwell.data.target import Target
from trainwell.data.tokens import UNKNOWN

Rebuild = Callable[[Source, Recipe], Data]
#: Tokens of a window where the recipe leaves it to us.
WINDOW = 64
#: What stands between two documents.
BETWEEN = "\n\n"
#: Subwords are at most as many as the training text has characters over this.
LETTERS_A_SUBWORD = 500
FEWEST_SUBWORDS = 512
TARGET = "next token"
#: Most windows of validation or test text that judge, spread evenly: to look at millions takes longer than to train.
JUDGED = 20_000


def build_language(source: Source, recipe: Recipe, rebuild: Rebuild) -> Data:
    """Data whose examples are windows of running text, and whose target is each token's next one.

    Args:
        source: documents, one a row.
        recipe: `target` names the column of the documents; `split` and `prepare` decide.
        rebuild: makes data of a source under another recipe.

    Raises:
        DataError: no text, or too little for one training window.
        RecipeError: a split or a way of cutting that running text cannot have.
    """
    column = column_of(source, recipe)
    texts, checks = parts_of(source, column, recipe)
    state = _fitted(texts["train"], column, recipe)
    whole, codes = state.codes_together({part: texts[part] for part in PARTS})
    rows = windows(codes, state.window)
    rows = _drawn(recipe, rows)
    _demand_windows(rows, codes, state.window)
    card = Card(source.origin, {part: len(found) for part, found in rows.items()})
    card.checks = [*source.checks, *checks, *_unknown(codes, texts), *_short(rows, codes, state.window)]
    card.checks += [*_judged(rows, codes, state.window), *copied_check(codes)]
    card.columns = _described(state, texts, codes, recipe)
    target = Target((TARGET,), "language", state.names)
    preparation = Preparation((), state.shape, target, source.base, language=state)
    facts = Facts(len(rows["train"]), state.shape, "language", target.n_out)
    return Data(card, arrays_of(whole, state.window), rows, preparation, source, facts, recipe, rebuild)


def column_of(source: Source, recipe: Recipe) -> str:
    """The column of the documents: the one that `target` names, or the only one of text."""
    texts = [name for name, dtype in source.frame.schema.items() if dtype == pl.String]
    asked = recipe.target if isinstance(recipe.target, str) else None
    if asked is not None:
        if asked not in texts:
            raise DataError(f"there is no column of text {asked!r}", where=source.origin, remedy=did_you_mean(asked, texts))
        return asked
    known = [name for name in texts if source.kinds.get(name) == "text"] or texts
    if len(known) != 1:
        found = ", ".join(known) or "none"
        remedy = "Name the column with target=NAME, or give a .txt file."
        raise DataError(f"running text needs one column of text, however: {found}", where=source.origin, remedy=remedy)
    return known[0]


def parts_of(source: Source, column: str, recipe: Recipe) -> tuple[dict[str, str], list[Check]]:
    """The text of each part, in order; documents that the source has put into a part stay there."""
    rule = recipe.split
    if rule.how not in ("auto", "given", "time") or rule.fold is not None or rule.test_fold is not None:
        said = f"split.how={rule.how}" if rule.how not in ("auto", "given", "time") else "folds"
        raise RecipeError(
            f"running text is split by position, however the recipe asks for {said}",
            where="recipe key 'split'",
            remedy="Leave split.how and split.fold out, or give files for test and valid.",
        )
    documents = [document or "" for document in source.frame[column].to_list()]
    given = source.parts if source.parts is not None else np.full(len(documents), "train")
    texts = {part: BETWEEN.join(d for d, p in zip(documents, given, strict=True) if p == part and d.strip()) for part in PARTS}
    cleaned = {part: tidy(text) for part, text in texts.items()}
    texts = {part: text for part, (text, _) in cleaned.items()}
    taken = sum(n for _, n in cleaned.values())
    text = f"{taken:,} control or invisible characters were taken out."
    checks = [Check("control", "WARN", text, column, taken)] if taken else []
    if source.parts is None:
        texts["train"], texts["test"] = _cut(texts["train"], rule.test, rule.gap)
    if not texts["valid"]:
        share = valid_share(rule, len(texts["train"]) // WINDOW)
        texts["train"], texts["valid"] = _cut(texts["train"], share, rule.gap)
    return texts, checks


def _cut(text: str, share: float, gap: float) -> tuple[str, str]:
    """The text without its last `share`, and that share; `gap` of it between them is left out."""
    if not share:
        return text, ""
    place = int(len(text) * (1 - share))
    return text[: max(0, place - int(len(text) * gap))], text[place:]


def _fitted(text: str, column: str, recipe: Recipe) -> Language:
    rule = recipe.prepare
    asked = ["characters"] if rule.tokens == "auto" else rule.tokens
    if len(asked) != 1 or asked[0] not in ("characters", "bpe"):
        what = f"running text is cut into characters or bpe, however: {', '.join(asked)}"
        raise RecipeError(what, where="recipe key 'prepare.tokens'", remedy="Set prepare.tokens=characters, or bpe.")
    if not text.strip():
        raise DataError("there is no text to train on", remedy="Give a file with text, or a smaller split.test.")
    window = WINDOW if rule.text_length == "auto" else rule.text_length
    most = max(FEWEST_SUBWORDS, len(text) // LETTERS_A_SUBWORD) if asked[0] == "bpe" else rule.vocabulary
    return fit_language(text, asked[0], vocabulary=min(rule.vocabulary, most), window=window, column=column)


def windows(codes: Mapping[str, np.ndarray], window: int) -> dict[str, np.ndarray]:
    """Where the windows of each part begin in all parts' codes one after the other; none reaches into another part.

    Training windows may be moved on by less than a window, which leaves their last one out. Of the others at most `JUDGED`.

    Example:
        >>> found = windows({"train": np.arange(10), "valid": np.arange(5), "test": np.arange(0)}, 2)
        >>> {part: rows.tolist() for part, rows in found.items()}
        {'train': [0, 2, 4, 6], 'valid': [10, 12], 'test': []}
    """
    rows, start = {}, 0
    for part in PARTS:
        room = len(codes[part]) - window - (window - 1 if part == "train" else 0)
        found = start + np.arange(0, max(0, room), window, dtype=np.int64)
        rows[part] = found if part == "train" else spread(found, JUDGED)
        start += len(codes[part])
    return rows


def arrays_of(whole: np.ndarray, window: int) -> dict[str, np.ndarray]:
    """Windows from every token on, and what follows each of their tokens, as views of one array `(T,)`: `(T - L, L)`."""
    seen = np.lib.stride_tricks.sliding_window_view(whole, window)
    return {INPUT: seen[:-1], "target": seen[1:]}


def seen_with(data: Data, preparation: Preparation) -> Data:
    """Running text encoded by another preparation than its own.

    Raises:
        DataError: the data are no running text, or the preparation is of something else.
    """
    state = preparation.language
    if state is None or data.preparation.language is None:
        raise DataError("these data are no running text", remedy="Load them with the run's recipe.")
    texts, _ = parts_of(data.source, column_of(data.source, data.recipe), data.recipe)
    whole, codes = state.codes_together({part: texts[part] for part in PARTS})
    arrays, rows = arrays_of(whole, state.window), windows(codes, state.window)
    return replace(data, arrays=arrays, rows=rows, preparation=preparation)


def _drawn(recipe: Recipe, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The windows of every part, the training ones as the sample or the bag of them that is asked for."""
    if recipe.split.bag is None and recipe.split.sample == 1:  # a text of gigabytes needs no table of its characters
        return rows
    n = int(max(found.max(initial=0) for found in rows.values())) + 1
    return drawn(recipe.split, rows, Table(np.ones(n, bool), np.arange(n)))


def _demand_windows(rows: Mapping[str, np.ndarray], codes: Mapping[str, np.ndarray], window: int) -> None:
    if len(rows["train"]) < 2:
        tokens = len(codes["train"])
        raise DataError(
            f"two training windows of {window:,} tokens do not fit: the training text has {tokens:,} tokens",
            remedy="Give more text, or a smaller prepare.text_length.",
        )


def _unknown(codes: Mapping[str, np.ndarray], texts: Mapping[str, str]) -> list[Check]:
    """Characters that only validation or test text has."""
    known, found = letter_counts(texts["train"]), list[Check]()
    for part in ("valid", "test"):
        if n := int((codes[part] == UNKNOWN).sum()):
            new = sorted(letter_counts(texts[part]).keys() - known.keys())
            text = f"{n:,} characters of the {part} text are none of training's; they share one code."
            found.append(Check("unseen", "WARN", text, "", n, tuple(repr(letter) for letter in new[:5])))
    return found


def _judged(rows: Mapping[str, np.ndarray], codes: Mapping[str, np.ndarray], window: int) -> list[Check]:
    found = []
    for part in ("valid", "test"):
        if len(rows[part]) < (all_of := (len(codes[part]) - 1) // window):
            text = f"The {part} text has {all_of:,} windows; {len(rows[part]):,} of them, spread evenly over it, judge."
            found.append(Check("judged", "PASS", text, count=len(rows[part])))
    return found


def _short(rows: Mapping[str, np.ndarray], codes: Mapping[str, np.ndarray], window: int) -> list[Check]:
    found = []
    for part in ("valid", "test"):
        if len(codes[part]) and not len(rows[part]):
            text = (
                f"The {part} text has {len(codes[part]):,} tokens and no whole window of {window:,}; nothing is judged there."
            )
            found.append(Check("short_part", "WARN", text, count=len(codes[part])))
    return found


def _described(
    state: Language, texts: Mapping[str, str], codes: Mapping[str, np.ndarray], recipe: Recipe
) -> list[dict[str, object]]:
    letters, tokens = sum(map(len, texts.values())), sum(map(len, codes.values()))
    kind = "characters" if state.level.how == "characters" else "subwords"
    why = f"{letters:,} characters in windows of {state.window} tokens, {state.level.size - 2:,} different {kind}"
    if tokens < letters:
        why += f", {letters / max(1, tokens):.2g} characters a token"
    if kind == "subwords" and every(texts["train"]) > 1:
        why += f", learnt from one part in {every(texts['train'])} of the training text"
    text: dict[str, object] = {
        "name": state.column,
        "kind": "text",
        "role": "feature",
        "why": why,
        "example": texts["train"][:80],
    }
    asked = "the recipe says language" if recipe.task == "language" else "what follows"
    return [text, {"name": TARGET, "kind": "language", "role": "target", "why": asked}]
