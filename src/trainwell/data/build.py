"""A source and a recipe become data: target, split, columns, checks, arrays, in this order.

The split comes before any column is looked at, so that what is decided about columns can be decided on train rows alone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from trainwell.core.errors import DataError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts
from trainwell.data import clean
from trainwell.data.column_rules import check_recipe
from trainwell.data.columns import Around, Prepared, prepare_column
from trainwell.data.data import Data
from trainwell.data.draft import Draft, not_features, raw_of, start
from trainwell.data.forecast.build import build_forecast
from trainwell.data.gather_series import arrays_as_series, gather_of, gathered
from trainwell.data.generation import with_one_class
from trainwell.data.inputs import gather_inputs, shape_of
from trainwell.data.kinds import number
from trainwell.data.language.build import build_language
from trainwell.data.masks.build import build_masks, is_masked
from trainwell.data.multilabel import label_checks
from trainwell.data.preparation import Preparation
from trainwell.data.source import Gather, Source
from trainwell.data.split_rows import split_rows
from trainwell.data.stored import Stored
from trainwell.data.streaming import settled, streamed
from trainwell.data.target import Target


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
    source = settled(source, recipe)
    if recipe.task == "language":
        return build_language(source, recipe, build)
    if is_masked(source, recipe):
        return build_masks(source, recipe, partial(build, as_is=as_is))
    if recipe.task == "generation":
        source = with_one_class(source, recipe)
    source = arrays_as_series(source, recipe)
    gather = gather_of(source, recipe)
    known = [*source.frame.columns, *source.arrays]
    if gather is not None:
        source = gathered(source, gather)
        known += [*gather.stems, *gather.channels]
    check_recipe(recipe, known)
    if recipe.series.horizon:
        return build_forecast(source, recipe, build)

    def fit() -> Data:
        draft = start(source, recipe, as_is)
        return _finish(draft, split_rows(draft), gather)

    return streamed(source, recipe, fit, partial(build, as_is=as_is)) if isinstance(source.frame, Stored) else fit()


def _finish(draft: Draft, rows: dict[str, np.ndarray], gather: Gather | None) -> Data:
    source, recipe, card = draft.source, draft.recipe, draft.card
    # A row that a bag holds twice is no new evidence for a scale, a rare label or what names the rows.
    once = rows if recipe.split.bag is None else rows | {"train": np.unique(rows["train"])}
    prepared = _prepare(draft, once)
    used = [p for p in prepared if p.fitted is not None]
    if not used and not draft.tensors:
        raise DataError("no column is left to predict from", where=source.origin, remedy=_why_none(prepared))
    columns = tuple(p.fitted for p in used if p.fitted is not None)
    arrays = dict(draft.tensors)
    if not isinstance(source.frame, Stored):  # else they are encoded block by block
        arrays = gather_inputs(columns, [p.array for p in used if p.array is not None], len(source)) | arrays
    scale = recipe.prepare.scale_target and not draft.as_is and not (draft.tensors and not columns)
    target = draft.target.fitted(draft.values, once["train"], scale=scale)
    arrays["target"] = target.scaled(draft.values)
    imbalance = _describe(draft, once, prepared, target)
    card.rows = {name: len(part) for name, part in rows.items()}
    preparation = Preparation(columns, shape_of(columns, draft.tensors), target, source.base, gather=gather)
    facts = Facts(len(rows["train"]), preparation.shape, target.task, target.n_out, imbalance, _mirror(target), target.ordered)
    return Data(card, arrays, rows, preparation, source, facts, recipe, partial(build, as_is=draft.as_is))


def _prepare(draft: Draft, rows: dict[str, np.ndarray]) -> list[Prepared]:
    values = draft.values if draft.values.ndim == 1 else draft.values[:, 0]
    source, stored = draft.source, isinstance(draft.source.frame, Stored)
    around = Around(
        draft.recipe, rows, draft.target.task, values, len(draft.features), source.kinds, draft.as_is, keep=not stored
    )
    with ThreadPoolExecutor(1 if stored else 2) as pool:  # of a table in files, one column at a time is in memory
        return list(pool.map(lambda name: prepare_column(raw_of(source, name, rows["train"]), around), draft.features))


def _why_none(prepared: list[Prepared]) -> str:
    reasons = [f"{p.name} ({p.entry['why']})" for p in prepared[:5]]
    return (
        f"Left out: {'; '.join(reasons)}. Keep one with columns.NAME=category." if reasons else "Give at least one more column."
    )


def _describe(draft: Draft, rows: dict[str, np.ndarray], prepared: list[Prepared], target: Target) -> float:
    """Fills the card; returns the imbalance of the classes (1 for numbers)."""
    card, recipe = draft.card, draft.recipe
    card.columns = [p.entry for p in prepared] + _tensor_entries(draft.tensors) + _target_entries(draft, rows, target)
    for name in not_features(recipe.split):
        card.columns.append({"name": name, "kind": "key", "role": recipe.split.how, "why": "split.by names it"})
    card.checks += clean.part_checks(rows)
    card.checks += clean.tensor_checks(draft.tensors)
    if any(p.entry["kind"] != "picture" for p in prepared):
        card.add(clean.missing_check(prepared, len(draft.source)))
        card.add(clean.outlier_check(prepared, recipe))
        card.checks += clean.drift_check(prepared, len(rows["test"]))
    card.checks += clean.few_lines([check for p in prepared for check in p.checks])
    if target.labels:
        card.checks += label_checks(draft.values, rows["train"], target.labels, ", ".join(draft.names[:3]))
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


def _target_entries(draft: Draft, rows: dict[str, np.ndarray], target: Target) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = [dict(entry) for entry in draft.card.columns]
    for place, entry in enumerate(entries):
        if target.classes is not None:
            counts = np.bincount(draft.values[rows["train"]], minlength=target.n_out).tolist()
            entry["top"] = dict(zip(target.classes[:50], counts[:50], strict=True))
            entry["distinct"] = target.n_out
        elif target.labels:
            counts = draft.values[rows["train"]].sum(axis=0).astype(int).tolist()
            own = zip(target.labels[:50], counts[:50], strict=True)
            entry["top"] = dict(own) if len(target.names) == 1 else {target.labels[place]: counts[place]}
            entry["distinct"] = target.n_out
        else:
            found = number.Distribution.of(draft.values[rows["train"], place])
            entry |= number.summary(found) | {"centre": target.centre[place], "spread": target.spread[place]}
    return entries


def _mirror(target: Target) -> bool:
    """False when the classes are single digits or letters, whose mirror image may be another class or none."""
    return target.classes is None or not all(len(label) == 1 for label in target.classes)
