"""A source and a recipe become data: target, split, columns, checks, arrays, in this order.

The split comes before any column is looked at, so that what is decided about columns can be decided on train rows alone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from trainwell.core.errors import DataError, did_you_mean
from trainwell.core.recipe import Recipe, Split
from trainwell.core.shape import Facts
from trainwell.data import clean
from trainwell.data.card import Card, Check
from trainwell.data.columns import Around, Prepared, prepare_column
from trainwell.data.data import Data
from trainwell.data.inputs import gather_inputs, shape_of
from trainwell.data.kinds import datetime, number, picture
from trainwell.data.kinds.kind import Raw, Rule
from trainwell.data.kinds.known import kind_of
from trainwell.data.kinds.words import as_cells
from trainwell.data.preparation import Preparation
from trainwell.data.rules import check_recipe
from trainwell.data.source import Source
from trainwell.data.splits import NOWHERE, PARTS, TEST, Table, assign
from trainwell.data.target import Target, read_target


@dataclass
class _Draft:
    """What is known so far while data is built."""

    source: Source
    recipe: Recipe
    card: Card
    names: tuple[str, ...]
    target: Target
    values: np.ndarray
    usable: np.ndarray
    features: list[str]
    tensors: dict[str, np.ndarray]
    as_is: bool


def build(source: Source, recipe: Recipe, *, as_is: bool = False) -> Data:
    """Data from what a reader found, under `recipe`.

    Args:
        source: the raw rows.
        recipe: rules for target, task, columns, split and preparation.
        as_is: arrays of pictures keep their size and channels, and a number target is not scaled.

    Raises:
        DataError: no rows, no usable column, or a target that cannot be predicted.
        RecipeError: the recipe asks for what the data does not have.
    """
    if not len(source):
        raise DataError("there are no rows", where=source.origin, remedy="Give a source with at least a few rows.")
    check_recipe(recipe, [*source.frame.columns, *source.arrays])
    draft = _start(source, recipe, as_is)
    part = _split(draft)
    rows = {name: np.flatnonzero(part == code) for code, name in enumerate(PARTS)}
    return _finish(draft, rows)


def _start(source: Source, recipe: Recipe, as_is: bool) -> _Draft:
    names = target_names(source, recipe)
    card = Card(source.origin, checks=list(source.checks))
    found = read_target(source.frame, names, recipe, source.kinds)
    values = found.values
    usable = values >= 0 if values.ndim == 1 else ~np.isnan(values).any(axis=1)
    for name in names:
        card.columns.append({"name": name, "kind": found.target.task, "role": "target", "why": found.why})
    card.checks += found.checks
    if n := int((~usable).sum()):
        examples = tuple(f"row {row}" for row in np.flatnonzero(~usable)[:5])
        text = f"{n:,} of {len(usable):,} rows have no usable target and were set aside."
        card.add(Check("target", "WARN", text, ", ".join(names), n, examples))
    if not usable.any():
        raise DataError("no row has a usable target", where=source.origin, remedy="Choose another target column.")
    tensors = {name: array for name, array in source.arrays.items() if source.kinds.get(name) != "picture"}
    taken = {*names, *_not_features(recipe.split)}
    features = [n for n in (*source.frame.columns, *source.arrays) if n not in taken and n not in tensors]
    return _Draft(source, recipe, card, names, found.target, values, usable, features, tensors, as_is)


def target_names(source: Source, recipe: Recipe) -> tuple[str, ...]:
    """The target columns: the recipe's, else the one that the source declares.

    Raises:
        DataError: neither names one, or the named column is not there.
    """
    wanted = recipe.target if recipe.target is not None else source.target
    columns = source.frame.columns
    if wanted is None or wanted == []:
        shown = ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
        raise DataError(
            "it is not said which column to predict", where=source.origin, remedy=f"Give target=…, one of: {shown}."
        )
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    for name in names:
        if name not in columns:
            raise DataError(f"there is no column {name!r}", where=source.origin, remedy=did_you_mean(name, columns))
    return names


def _not_features(rule: Split) -> tuple[str, ...]:
    """Columns that say where a row belongs, not what it is like."""
    return (rule.by,) if rule.by is not None and rule.how in ("group", "column") else ()


def _split(draft: _Draft) -> np.ndarray:
    """The part of every row, after duplicates and outliers are treated."""
    source, card = draft.source, draft.card
    hashes = _hashes(draft)
    units = clean.units_of(clean.row_keys(source, draft.features, hashes), len(source))
    again = clean.repeated(units, draft.usable)
    treatment = _treatment(again, draft)
    card.add(clean.duplicate_check(again, draft.usable, treatment))
    if draft.target.task == "classification":
        card.checks += clean.conflict_check(units, draft.values, draft.usable)
    rule = _resolved(draft)
    table = Table(
        usable=draft.usable,
        units=_units(draft, rule, units if treatment in ("together", "drop") else np.arange(len(source))),
        labels=draft.values
        if draft.target.task == "classification" and rule.how in ("stratified", "given", "column")
        else None,
        times=_times(draft, rule) if rule.how == "time" else None,
        given=_given(draft, rule),
    )
    part = assign(rule, table)
    if treatment == "drop":
        part[_dropped(again, units, part)] = NOWHERE
    card.checks += clean.straddle_check(units, part)
    return _without_outliers(draft, part)


def _hashes(draft: _Draft) -> dict[str, np.ndarray]:
    """A hash per row of every array and picture column; rows with a broken picture are set aside here."""
    hashes = {}
    for name in draft.features:
        raw = _raw(draft.source, name, np.arange(len(draft.source)))
        if _asked(draft, name) == "picture" or (isinstance(raw.values, np.ndarray) and raw.values.ndim == 4):
            hashes[name] = picture.identical(raw)
            draft.usable &= hashes[name] != 0
    for name, array in draft.tensors.items():
        hashes[name] = np.array([_digest(row) for row in array], np.uint64)
    if not draft.usable.any():
        raise DataError("not one row has a usable picture", where=draft.source.origin, remedy="See `trainwell look`.")
    return hashes


def _asked(draft: _Draft, name: str) -> str:
    column = draft.recipe.columns.get(name)
    return column.kind if column is not None and column.kind != "auto" else draft.source.kinds.get(name, "auto")


def _digest(row: np.ndarray) -> int:
    return int.from_bytes(blake2b(np.ascontiguousarray(row).data, digest_size=8).digest(), "little")


def _raw(source: Source, name: str, rows: np.ndarray) -> Raw:
    values = source.arrays[name] if name in source.arrays else as_cells(source.frame[name])
    return Raw(name, values, rows, source.base)


def _treatment(again: np.ndarray, draft: _Draft) -> str:
    policy = draft.recipe.prepare.duplicates
    if policy != "auto":
        return policy
    coarse = again.sum() > clean.COARSE * draft.usable.sum() and not draft.source.arrays
    return "apart" if coarse else "together"


def _resolved(draft: _Draft) -> Split:
    """The split rule with `auto` filled in, checked against what the source has."""
    rule, source = draft.recipe.split, draft.source
    how = rule.how
    if how == "auto":
        classes = draft.target.task == "classification"
        how = "given" if source.parts is not None else "stratified" if classes else "random"
    if how == "given" and source.parts is None:
        raise DataError("split.how=given, but the source brings no parts", where=source.origin, remedy="Give test=… too.")
    if how == "stratified" and draft.target.task != "classification":
        raise DataError("split.how=stratified needs classes, and the target is a number", remedy="Use split.how=random.")
    if how in ("group", "time", "column") and rule.by not in source.frame.columns:
        said = f"split.by={rule.by!r} is no column" if rule.by else f"split.how={how} needs split.by"
        raise DataError(said, where=source.origin, remedy=did_you_mean(rule.by or "", source.frame.columns))
    return rule.model_copy(update={"how": how})


def _units(draft: _Draft, rule: Split, copies: np.ndarray) -> np.ndarray:
    """Rows that stay together: copies, and with `how: group` the rows of one group, joined where they overlap."""
    if rule.how != "group":
        return copies
    groups = draft.source.frame[str(rule.by)]
    if groups.null_count():
        n = groups.null_count()
        draft.card.add(
            Check("groups", "WARN", f"{n:,} rows have no group; each counts as a group of its own.", str(rule.by), n)
        )
    number_of = groups.rank("dense").cast(pl.Int64).to_numpy() if not groups.null_count() else _groups(groups)
    n = len(copies)
    links = coo_matrix((np.ones(n, bool), (copies, n + number_of)), shape=(2 * n + 1, 2 * n + 1))
    return connected_components(links, directed=False)[1][copies].astype(np.int64)


def _groups(groups: pl.Series) -> np.ndarray:
    empty = groups.is_null().to_numpy()
    number_of = groups.rank("dense").cast(pl.Int64).fill_null(0).to_numpy().copy()
    number_of[empty] = int(number_of.max()) + 1 + np.arange(int(empty.sum()))
    return number_of


def _times(draft: _Draft, rule: Split) -> np.ndarray:
    """The `by` column as numbers that grow with time, NaN where unknown."""
    name = str(rule.by)
    raw = _raw(draft.source, name, np.arange(len(draft.source)))
    kind, guess = kind_of(raw)
    if kind not in ("datetime", "number", "boolean"):
        raise DataError(f"split.by={name!r} holds neither dates nor numbers", remedy="Name the column of times.")
    if kind == "datetime":
        moments = datetime.clean(raw, guess.form, Rule()).values
        times = np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))
    else:
        times = number.clean(raw, guess.form, Rule()).values
    if n := int((np.isnan(times) & draft.usable).sum()):
        draft.card.add(Check("times", "WARN", f"{n:,} rows have no time and were set aside.", name, n))
    return times


def _given(draft: _Draft, rule: Split) -> np.ndarray | None:
    if rule.how == "column":
        return draft.source.frame[str(rule.by)].cast(pl.String).fill_null("").to_numpy()
    return draft.source.parts if rule.how == "given" else None


def _dropped(again: np.ndarray, units: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Later copies; and where a test row has copies in other parts, those go and the test row stays."""
    tested = np.unique(units[part == TEST])
    elsewhere = np.isin(units, tested) & (part != TEST)
    first_of_test = np.zeros(len(units), bool)
    rows = np.flatnonzero(part == TEST)
    first_of_test[rows[np.unique(units[rows], return_index=True)[1]]] = True
    return (again | elsewhere) & ~first_of_test


def _without_outliers(draft: _Draft, part: np.ndarray) -> np.ndarray:
    recipe = draft.recipe
    if "drop" not in {recipe.prepare.outliers, *(c.outliers for c in recipe.columns.values())}:
        return part
    flagged = clean.outlier_rows(draft.source, draft.features, np.flatnonzero(part == 0), recipe)
    if n := int(flagged.sum()):
        rows = tuple(f"row {row}" for row in np.flatnonzero(flagged)[:5])
        text = f"{n:,} train rows with outliers were dropped (rule {recipe.prepare.outlier_rule})."
        draft.card.add(Check("dropped", "WARN", text, count=n, examples=rows))
    part[flagged] = NOWHERE
    if not (part == 0).any():
        raise DataError("every train row counts as an outlier", remedy="Use prepare.outliers=clip or leave.")
    return part


def _finish(draft: _Draft, rows: dict[str, np.ndarray]) -> Data:
    source, recipe, card = draft.source, draft.recipe, draft.card
    prepared = _prepare(draft, rows)
    used = [p for p in prepared if p.fitted is not None]
    if not used and not draft.tensors:
        raise DataError("no column is left to predict from", where=source.origin, remedy=_why_none(prepared))
    columns = tuple(p.fitted for p in used if p.fitted is not None)
    arrays = gather_inputs(columns, [p.array for p in used if p.array is not None], len(source)) | draft.tensors
    scale = recipe.prepare.scale_target and not draft.as_is and not (draft.tensors and not columns)
    target = draft.target.fitted(draft.values, rows["train"], scale=scale)
    arrays["target"] = target.scaled(draft.values)
    imbalance = _describe(draft, rows, prepared, target)
    preparation = Preparation(columns, shape_of(columns, draft.tensors), target, source.base)
    facts = Facts(len(rows["train"]), preparation.shape, target.task, target.n_out, imbalance, _mirror(target))
    return Data(card, arrays, rows, preparation, source, facts, recipe, draft.as_is)


def _prepare(draft: _Draft, rows: dict[str, np.ndarray]) -> list[Prepared]:
    values = draft.values if draft.values.ndim == 1 else draft.values[:, 0]
    around = Around(draft.recipe, rows, draft.target.task, values, len(draft.features), draft.source.kinds, draft.as_is)
    raws = [_raw(draft.source, name, rows["train"]) for name in draft.features]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda raw: prepare_column(raw, around), raws))


def _why_none(prepared: list[Prepared]) -> str:
    reasons = [f"{p.name} ({p.entry['why']})" for p in prepared[:5]]
    return (
        f"Left out: {'; '.join(reasons)}. Keep one with columns.NAME=category." if reasons else "Give at least one more column."
    )


def _describe(draft: _Draft, rows: dict[str, np.ndarray], prepared: list[Prepared], target: Target) -> float:
    """Fills the card; returns the imbalance of the classes (1 for numbers)."""
    card, recipe = draft.card, draft.recipe
    card.rows = {name: len(part) for name, part in rows.items()}
    card.columns = [p.entry for p in prepared] + _tensor_entries(draft.tensors) + _target_entries(draft, rows, target)
    for name in _not_features(recipe.split):
        card.columns.append({"name": name, "kind": "key", "role": recipe.split.how, "why": "split.by names it"})
    card.checks += clean.part_checks(rows)
    card.checks += clean.tensor_checks(draft.tensors)
    if prepared:
        card.add(clean.missing_check(prepared, len(draft.source)))
        card.add(clean.outlier_check(prepared, recipe))
        card.checks += clean.drift_check(prepared, len(rows["test"]))
    card.checks += clean.few_lines([check for p in prepared for check in p.checks])
    if target.classes is None:
        return 1.0
    checks, imbalance = clean.class_checks(draft.values, rows, target.classes, draft.names[0])
    card.checks += checks
    return imbalance


def _tensor_entries(tensors: dict[str, np.ndarray]) -> list[dict[str, object]]:
    why = "arrays are passed on as they are"
    return [
        {"name": n, "kind": "tensor", "role": "feature", "why": why, "shape": list(a.shape[1:])} for n, a in tensors.items()
    ]


def _target_entries(draft: _Draft, rows: dict[str, np.ndarray], target: Target) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = [dict(entry) for entry in draft.card.columns]
    for place, entry in enumerate(entries):
        if target.classes is not None:
            counts = np.bincount(draft.values[rows["train"]], minlength=target.n_out).tolist()
            entry["top"] = dict(zip(target.classes[:50], counts[:50], strict=True))
            entry["distinct"] = target.n_out
        else:
            found = number.Distribution.of(draft.values[rows["train"], place])
            entry |= number.summary(found) | {"centre": target.centre[place], "spread": target.spread[place]}
    return entries


def _mirror(target: Target) -> bool:
    """False when the classes are single digits or letters, whose mirror image may be another class or none."""
    return target.classes is None or not all(len(label) == 1 for label in target.classes)
