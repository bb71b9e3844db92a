"""The target column: classes in a stable order, or numbers scaled for training and given back in their own unit.

The *set* of classes is part of the question and is read from all rows; everything fitted (centre, spread) comes from the train
rows only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Task
from trainwell.data import multilabel
from trainwell.data.card import Check
from trainwell.data.kinds import number
from trainwell.data.kinds.boolean import yes_last
from trainwell.data.kinds.kind import Raw, Rule
from trainwell.data.kinds.known import is_scalar, kind_of
from trainwell.data.kinds.words import Words, as_cells, cell_text, words_of

#: Whole numbers are classes when there are at most this many different ones, and at least _ROWS_EACH rows for each.
_FEW, _ROWS_EACH = 20, 5


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Args:
        names: the target columns; one for classification.
        task: classification, regression, generation, whose classes are what is made, segmentation, whose classes pixels have.
        classes: labels by code; None for regression.
        spelt: other spellings of a label and the class they stand for.
        forms: how each number column is read; of masks, the value of each class.
        centre, spread: own unit = scaled * spread + centre, per target column.
        horizon: steps of each column that are forecast; 1 where nothing is.
        labels: of a multilabel target, which may hold together.
        ordered: whether the classes are ranks, the lowest first.
    """

    names: tuple[str, ...]
    task: Task
    classes: tuple[str, ...] | None = None
    spelt: Mapping[str, str] = field(default_factory=dict)
    forms: tuple[Mapping[str, Any], ...] = ()
    centre: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    horizon: int = 1
    labels: tuple[str, ...] = ()
    ordered: bool = False

    @property
    def n_out(self) -> int:
        return len(self.classes or self.labels) or len(self.names) * self.horizon

    def fitted(self, values: np.ndarray, rows: np.ndarray, *, scale: bool) -> Target:
        """With centre and spread of the train rows; 0 and 1 for classes and when `scale` is off."""
        if self.classes is not None or self.labels or not scale:
            return replace(self, centre=(0.0,) * len(self.names), spread=(1.0,) * len(self.names))
        centre, spread = values[rows].mean(axis=0), values[rows].std(axis=0)
        spread = np.where(spread > np.maximum(1e-12 * np.abs(centre), 1e-250), spread, 1.0)
        return replace(self, centre=tuple(centre.tolist()), spread=tuple(spread.tolist()))

    def read(self, frame: pl.DataFrame) -> np.ndarray:
        """Raw cells as codes (N,) int64, -1 for none; or as numbers in their own unit (N, T) float64, NaN for none.

        Labels are 0 or 1 each, (N, L) float64.
        """
        if self.labels and len(self.names) > 1:
            return multilabel.from_columns(frame, self.names, self.forms)
        if self.labels:
            return multilabel.indicator(multilabel.lists_of(frame[self.names[0]], self.forms[0]["separator"]), self.labels)
        if self.classes is None:
            rows = np.arange(len(frame))
            raws = [Raw(name, frame[name], rows) for name in self.names]
            columns = [number.clean(raw, form, Rule()).values for raw, form in zip(raws, self.forms, strict=True)]
            return np.stack(columns, axis=1)
        return self.codes(words_of(frame[self.names[0]]))

    def codes(self, words: Words) -> np.ndarray:
        """The class of each row, (N,) int64, -1 for none and for labels that are no class."""
        assert self.classes is not None
        code = {label: place for place, label in enumerate(self.classes)}
        codes = [code.get(self.spelt.get(text, text), -1) for text in words.texts.to_list()]
        return words.spread(np.array(codes, np.int64), -1)

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """What a network is trained on: codes as they are, numbers (N, T) as float32 with mean 0 and deviation 1."""
        if self.classes is not None:
            return values
        return np.asarray((values - self.centre) / self.spread, np.float32)

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Codes (N,) to labels; scaled numbers (N, T) to their own unit, float64."""
        if self.classes is not None:
            return np.array([*self.classes, None], dtype=object)[values]
        return np.asarray(values, np.float64) * self.spread + self.centre


@dataclass(frozen=True)
class Found:
    """The target as the cells have it.

    Args:
        target: not fitted yet.
        values: codes (N,) int64, -1 for none; or numbers in their own unit (N, T) float64, NaN for none.
        why: the reason for the task.
        checks: for the card.
    """

    target: Target
    values: np.ndarray
    why: str
    checks: list[Check]


def read_target(
    frame: pl.DataFrame,
    names: tuple[str, ...],
    recipe: Recipe,
    kinds: Mapping[str, str],
    words: dict[str, Words] | None = None,
) -> Found:
    """The target as the recipe and the cells have it.

    Args:
        frame: the raw rows.
        names: the target columns.
        recipe: the rules.
        kinds: what the source is sure of.
        words: the distinct texts of columns, where the reader has them already.

    Raises:
        DataError: the target has no value, only one value, or holds what cannot be predicted.
    """
    known, rows = {} if words is None else words, np.arange(len(frame))
    raws = [Raw(name, as_cells(frame[name]), rows, known=known) for name in names]
    if recipe.task in ("auto", "multilabel") and (several := _several(raws, said=recipe.task == "multilabel")):
        return several
    for raw in raws:
        if not is_scalar(raw):
            raise DataError(f"the target {raw.name!r} holds {raw.series.dtype}", remedy="Choose a column of single values.")
        if _is_empty(raw):
            raise DataError(f"the target {raw.name!r} has no value in any row", remedy="Choose another target column.")
    if len(raws) > 1:
        return _numbers(raws, "several target columns are numbers to predict together")
    task, why = _task(raws[0], recipe, kinds)
    return _numbers(raws, why) if task == "regression" else _labels(raws[0], task, why)


def _several(raws: list[Raw], *, said: bool) -> Found | None:
    """A target of several labels at once; None where the cells do not look like that, and nobody says so."""
    if len(raws) > 1:
        return _yes_or_no(raws, said=said)
    (raw,) = raws
    if not isinstance(raw.values, pl.Series):
        return None
    listed = isinstance(raw.values.dtype, pl.List) and raw.values.dtype.inner == pl.String
    mark = multilabel.separator_of(raw.words.texts, raw.counts, said=said) if raw.values.dtype == pl.String else ""
    if not (listed or mark or (said and raw.values.dtype == pl.String)):
        return None
    cells = multilabel.lists_of(raw.values, mark)
    known = tuple(in_order(multilabel.all_labels(cells, raw.name)))
    listed |= mark == multilabel.LISTS
    why = "lists of labels" if listed else f"labels with {mark!r} between them" if mark else "the recipe says multilabel"
    checks = []
    if not listed and (n := raw.values.null_count()):
        said_so = f"{n:,} empty cells of {raw.name!r} count as rows without a label."
        checks.append(Check("empty_labels", "WARN", said_so, raw.name, n))
    target = Target((raw.name,), "multilabel", labels=known, forms=({"separator": mark},))
    return Found(target, multilabel.indicator(cells, known), why, checks)


def _yes_or_no(raws: list[Raw], *, said: bool) -> Found | None:
    forms = multilabel.yes_or_no(raws, said=said)
    if forms is None:
        return None
    names = tuple(raw.name for raw in raws)
    target = Target(names, "multilabel", labels=names, forms=tuple(forms))
    frame = pl.DataFrame([raw.series for raw in raws])
    return Found(target, multilabel.from_columns(frame, names, forms), "several yes/no columns are labels of their own", [])


def ranked(found: Found, recipe: Recipe) -> Found:
    """Classes in their order from low to high, where the recipe says `task: ordinal` or gives the order; else as found.

    The order of two classes alone says which one is the second, the one that precision, recall and thresholds are about.

    Raises:
        RecipeError: the order of the classes is not known, or the one that is given lacks a class.
    """
    target = found.target
    column = recipe.columns.get(target.names[0])
    order = column.order if column is not None else None
    if target.classes is None or (recipe.task != "ordinal" and not order):
        return found
    key = f"columns.{target.names[0]}.order"
    if not order and not all(_is_number(label) for label in target.classes):
        shown = ", ".join(target.classes[:6])
        raise RecipeError(f"the order of the classes {shown} is not known", remedy=f"Give {key}=[lowest, …, highest].")
    classes = tuple(order or target.classes)
    if lacking := [label for label in target.classes if label not in classes]:
        raise RecipeError(f"{key} lacks the classes {', '.join(lacking[:5])}", remedy="Name every class once.")
    place = np.array([*(classes.index(label) for label in target.classes), -1])
    ordered = recipe.task == "ordinal" or len(classes) > 2
    return replace(found, target=replace(target, classes=classes, ordered=ordered), values=place[found.values])


def _is_number(label: str) -> bool:
    try:
        return float(label) == float(label)
    except ValueError:
        return False


def _is_empty(raw: Raw) -> bool:
    if raw.series.dtype.is_float():
        return bool(raw.series.fill_nan(None).null_count() == len(raw))
    return raw.series.null_count() == len(raw) or (raw.series.dtype == pl.String and not len(raw.words.texts))


def _task(raw: Raw, recipe: Recipe, kinds: Mapping[str, str]) -> tuple[Task, str]:
    if recipe.task != "auto":
        return "classification" if recipe.task == "ordinal" else recipe.task, f"the recipe says {recipe.task}"
    column = recipe.columns.get(raw.name)
    asked = column.kind if column is not None and column.kind != "auto" else kinds.get(raw.name, "auto")
    kind, guess = kind_of(raw, asked)
    if kind == "datetime":
        raise DataError(f"the target {raw.name!r} holds dates", remedy="Predict a number or a class, such as days until then.")
    if kind in ("category", "boolean"):
        return "classification", guess.why
    if asked == "number":
        return "regression", "numbers, as said"
    values = number.clean(raw, guess.form, Rule()).values
    different = np.unique(values[~np.isnan(values)])
    few = len(different) == 2 or (len(different) <= _FEW and len(raw) >= _ROWS_EACH * len(different))
    if few and (different == np.round(different)).all():
        return (
            "classification",
            f"whole numbers with only {len(different)} different values (task=regression predicts them as numbers)",
        )
    return "regression", guess.why


def _numbers(raws: list[Raw], why: str) -> Found:
    forms, checks, columns = [], list[Check](), []
    for raw in raws:
        guess = number.recognise(raw, forced=True)
        form = dict(guess.form) if guess else {}
        cleaned = number.clean(raw, form, Rule())
        values = cleaned.values[~cleaned.missing]
        if not len(values) or values.min() == values.max():
            what = f"only the value {values[0]:g}" if len(values) else "no number"
            raise DataError(f"the target {raw.name!r} has {what} in {len(raw):,} rows", remedy="Choose another target column.")
        forms.append(form)
        columns.append(cleaned.values)
        checks += [check for check in cleaned.checks if check.code != "infinite"]
        if len(cleaned.unreadable):
            examples = tuple(f"row {row}: {cell_text(raw.series[int(row)])!r}" for row in cleaned.unreadable[:5])
            text = f"{len(cleaned.unreadable):,} target cells are not numbers."
            checks.append(Check("unreadable", "WARN", text, raw.name, len(cleaned.unreadable), examples))
    target = Target(tuple(raw.name for raw in raws), "regression", forms=tuple(forms))
    return Found(target, np.stack(columns, axis=1), why, checks)


def _labels(raw: Raw, task: Task, why: str) -> Found:
    texts = raw.words.texts.to_list()
    counts = np.bincount(raw.words.codes[raw.words.codes >= 0], minlength=len(texts))
    spelt = spellings(texts, counts)
    classes = yes_last(in_order({spelt.get(text, text) for text in texts}))
    if len(classes) == 1 and task != "generation":
        raise DataError(
            f"the target {raw.name!r} has one class, {classes[0]!r}, in all {counts.sum():,} rows",
            remedy="Give rows of at least two classes, or choose another target column.",
        )
    if len(classes) == counts.sum() and len(classes) > _FEW:
        raise DataError(
            f"every row has its own value of the target {raw.name!r}, so no class can be learnt",
            remedy="Choose another target column, or task=regression if these are numbers.",
        )
    checks = []
    if spelt:
        pairs = tuple(f"{other!r} read as {label!r}" for other, label in list(spelt.items())[:5])
        text = f"{len(spelt)} spellings of labels were merged: {'; '.join(pairs)}."
        checks.append(Check("labels", "WARN", text, raw.name, len(spelt), pairs))
    target = Target((raw.name,), task, tuple(classes), spelt)
    return Found(target, target.codes(raw.words), why, checks)


def spellings(texts: list[str], counts: np.ndarray) -> dict[str, str]:
    """Labels that are another one in other clothes, and that other one: a final dot, letter case, inner spaces, `1.0` for `1`.

    Single letters keep their case: `a` and `A` may be two classes. The most frequent spelling wins.

    Example:
        >>> spellings(["<=50K", "<=50K.", "Yes", "yes"], np.array([9, 4, 3, 5]))
        {'<=50K.': '<=50K', 'Yes': 'yes'}
    """
    best: dict[str, int] = {}
    for place in sorted(range(len(texts)), key=lambda place: (-counts[place], texts[place])):
        best.setdefault(_bare(texts[place]), place)
    winners = {text: texts[best[_bare(text)]] for text in texts}
    return {text: winner for text, winner in winners.items() if text != winner}


def _bare(text: str) -> str:
    try:
        return str(cell_text(float(text)))
    except ValueError:
        bare = " ".join(text.split()).rstrip(".") or text
        return bare.casefold() if len(bare) > 1 else bare


def in_order(labels: set[str]) -> list[str]:
    """Labels in the order that does not depend on the rows: numbers by value, then texts.

    Example:
        >>> in_order({"10", "9", "b", "a"})
        ['9', '10', 'a', 'b']
    """

    def key(label: str) -> tuple[int, float, str]:
        try:
            value = float(label)
        except ValueError:
            return 1, 0.0, label
        return (0, value, label) if value == value else (1, 0.0, label)

    return sorted(labels, key=key)
