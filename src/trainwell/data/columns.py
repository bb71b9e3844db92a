"""One column on its way from raw cells to an encoded array: kind, cleaning, role, fit, checks, description.

Nothing here looks at a validation or test row to decide anything; they are cleaned and encoded by what the train rows said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import Any

import numpy as np

from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Column
from trainwell.core.shape import Task
from trainwell.data import id_columns, leaks
from trainwell.data.card import Check
from trainwell.data.column_rules import rule_for
from trainwell.data.inputs import Fitted
from trainwell.data.kinds import picture
from trainwell.data.kinds.kind import Cleaned, Guess, Raw, Rule
from trainwell.data.kinds.known import KINDS, kind_of
from trainwell.data.multilabel import SURE, separator_of


@dataclass(frozen=True)
class Around:
    """What the preparation of every column shares.

    Args:
        recipe: the rules.
        rows: train, valid and test rows.
        task: what is predicted.
        target: codes (N,) or the first target column (N,), to find leaks.
        columns: number of feature columns, which sets the sizes of samples.
        said: kinds that the source is sure of.
        as_is: arrays of pictures keep their size and channels.
        keep: the encoded column is wanted; else no more of it is encoded than the checks look at.
    """

    recipe: Recipe
    rows: dict[str, np.ndarray]
    task: Task
    target: np.ndarray
    columns: int
    said: dict[str, str]
    as_is: bool = False
    keep: bool = True


@dataclass
class Prepared:
    """A column's outcome: `fitted` and `array` are None when it is left out, and `entry` says why."""

    name: str
    entry: dict[str, Any]
    fitted: Fitted | None = None
    array: np.ndarray | None = None
    checks: list[Check] = field(default_factory=list)
    drift: float = 0.0


def prepare_column(raw: Raw, around: Around) -> Prepared:
    """Everything that is done with one feature column."""
    recipe = around.recipe
    asked = recipe.columns.get(raw.name, Column()).kind
    if asked == "ignore":
        return _left_out(raw.name, "ignore", "the recipe says so")
    kind, guess = kind_of(raw, asked if asked != "auto" else around.said.get(raw.name, "auto"))
    if kind == "ignore":
        return _warned(raw.name, kind, guess.why, "unread", "was left out")
    if asked == "auto" and (out := _unworthy(raw, kind, recipe)):
        return out
    rule = rule_for(recipe, raw.name, kind)
    if around.as_is and kind == "picture" and isinstance(raw.values, np.ndarray):
        guess = _own_shape(raw.values)
    if kind == "picture":  # prediction has the form alone: the size that the recipe asked for is its own from here on
        guess = replace(guess, form=vars(picture.geometry_under(guess.form, rule)))
    if kind == "category" and asked == "auto":
        guess = replace(guess, checks=(*guess.checks, *_lists(raw)))
    cleaned = KINDS[kind].clean(raw, guess.form, rule)
    return _fit(raw, kind, guess, rule, cleaned, around)


def _lists(raw: Raw) -> list[Check]:
    """A word on cells such as `red;blue`, whose combinations say less than their labels one by one."""
    mark = separator_of(raw.words.texts, raw.counts, said=False)
    if mark not in SURE:
        return []
    key = quote(f"columns.{raw.name}=text")
    text = (
        f"Cells of {raw.name!r} hold several labels with {mark!r} between them; "
        f"each combination counts as one category. They are read one by one with {key}."
    )
    return [Check("lists", "WARN", text, raw.name)]


def _own_shape(pictures: np.ndarray) -> Guess:
    height, width, channels = pictures.shape[1:]
    return Guess("pictures are passed on as they are", {"channels": channels, "height": height, "width": width})


def _left_out(name: str, kind: str, why: str) -> Prepared:
    return Prepared(name, {"name": name, "kind": kind, "role": "left out", "why": why})


def _warned(name: str, kind: str, why: str, code: str, done: str) -> Prepared:
    out = _left_out(name, kind, why)
    out.checks.append(Check(code, "WARN", f"Column {name!r} {done}: {why}.", name))
    return out


def _unworthy(raw: Raw, kind: str, recipe: Recipe) -> Prepared | None:
    """Names of rows, which a network could only learn by heart."""
    if kind not in ("category", "number") or recipe.prepare.identifier == "keep":
        return None
    why = id_columns.names_rows(raw) if kind == "category" or raw.series.dtype.is_integer() else ""
    return _warned(raw.name, kind, f"it names the rows ({why})", "identifier", "was left out") if why else None


def _fit(raw: Raw, kind: str, guess: Guess, rule: Rule, cleaned: Cleaned, around: Around) -> Prepared:
    does, train = KINDS[kind], around.rows["train"]
    state = does.fit(cleaned, train, rule)
    entry = {"name": raw.name, "kind": kind, "role": "feature", "why": guess.why}
    entry |= {"missing": int(cleaned.missing.sum())} | does.describe(cleaned, train, state)
    checks = [*guess.checks, *cleaned.checks, *_unreadable(raw, cleaned, kind)]
    if kind != "picture" and around.recipe.prepare.constant == "drop" and (why := _constant(entry, cleaned, train)):
        return Prepared(raw.name, entry | {"role": "left out", "why": why}, checks=[*checks, _constant_check(raw.name, why)])
    array = does.encode(state, cleaned) if around.keep else None
    prepared = Prepared(raw.name, entry, Fitted(raw.name, kind, guess.form, state), array, checks)

    def some(rows: np.ndarray) -> np.ndarray:
        return array[rows] if array is not None else does.encode(state, does.clean(raw.only(rows), guess.form, Rule()))

    if kind not in ("picture", "series", "text"):  # none of their numbers says much alone
        _look_for_leak(prepared, around, some)
        _look_for_drift(prepared, around, some)
    return prepared


def _constant(entry: dict[str, Any], cleaned: Cleaned, train: np.ndarray) -> str:
    distinct, gaps = entry["distinct"], int(cleaned.missing[train].sum())
    if distinct == 0:
        return "every train row is empty"
    if distinct == 1 and not gaps:
        return "one value in all train rows"
    if entry["kind"] == "category" and entry["codes"] == 1:
        return f"no label is seen often enough: {distinct:,} labels in {len(train):,} train rows"
    return ""


def _constant_check(name: str, why: str) -> Check:
    return Check("constant", "WARN", f"Column {name!r} was left out: {why}.", name)


def _unreadable(raw: Raw, cleaned: Cleaned, kind: str) -> list[Check]:
    """Cells that are something else than their column; pictures report for themselves."""
    n = len(cleaned.unreadable)
    if not n or kind == "picture":
        return []
    words = raw.words
    examples = tuple(f"row {row}: {words.texts[int(words.codes[row])]!r}" for row in cleaned.unreadable[:5])
    cells = "cell" if n == 1 else "cells"
    text = f"{n:,} {cells} of {raw.name!r} cannot be read as a {kind} and counted as missing, such as {examples[0]}."
    return [Check("unreadable", "WARN", text, raw.name, n, examples)]


def _look_for_leak(prepared: Prepared, around: Around, encoded: Callable[[np.ndarray], np.ndarray]) -> None:
    """Leaves the column out, or says that it tells the target, as `prepare.leaks` wants it."""
    policy = around.recipe.prepare.leaks
    if policy == "keep":
        return
    rows = leaks.sample(around.rows["train"], around.columns)
    features = encoded(rows)
    features = features if features.ndim == 2 else features[:, None]
    target = around.target[rows]
    score = max(leaks.tells(feature, target, classes=around.task == "classification") for feature in features.T)
    prepared.entry["tells_target"] = round(score, 4)
    if score < leaks.LEAK:
        return
    told = f"Column {prepared.name!r} alone tells the target almost perfectly ({score:.1%} of the way from guessing to knowing)"
    if policy == "drop":
        prepared.fitted = prepared.array = None
        prepared.entry |= {"role": "left out", "why": "it tells the target almost alone"}
        prepared.checks.append(Check("leak", "WARN", f"{told}; it was left out.", prepared.name))
    else:
        key = quote(f"columns.{prepared.name}=ignore")  # as a shell takes it: names hold spaces and brackets
        remedy = f"if it is not known when you predict, leave it out with {key}."
        prepared.checks.append(Check("leak", "FAIL", f"{told}; it was kept: {remedy}", prepared.name))


def _look_for_drift(prepared: Prepared, around: Around, encoded: Callable[[np.ndarray], np.ndarray]) -> None:
    if prepared.fitted is None or not len(around.rows["test"]):
        return
    train, test = (encoded(leaks.sample(around.rows[part], around.columns, 5_000)) for part in ("train", "test"))
    prepared.drift = leaks.drift(*(column if column.ndim == 1 else column[:, 0] for column in (train, test)))
