"""Which rows train, choose and judge, after copies, groups, times, given parts and outliers have had their say."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from trainwell.core.errors import DataError, did_you_mean
from trainwell.core.recipe_sections import Split
from trainwell.data import clean
from trainwell.data.card import Check
from trainwell.data.draft import Draft, raw_of
from trainwell.data.id_columns import called_id
from trainwell.data.kinds import datetime, number, picture
from trainwell.data.kinds.kind import Rule
from trainwell.data.kinds.known import kind_of
from trainwell.data.near_duplicates import joined, near_straddle_check, near_units
from trainwell.data.splits import NOWHERE, PARTS, TEST, TRAIN, Table, assign, drawn
from trainwell.data.stored import Stored
from trainwell.data.target import ranked, read_target


def split_rows(draft: Draft) -> dict[str, np.ndarray]:
    """The rows of every part, ascending, after duplicates and outliers are treated; in a bag, train rows may repeat."""
    source, card = draft.source, draft.card
    hashes = _hashes(draft)
    units = clean.units_of(source, draft.features, hashes)
    again = clean.repeated(units, draft.usable)
    treatment = _treatment(again, draft)
    card.add(clean.duplicate_check(again, draft.usable, treatment))
    if draft.target.classes is not None:
        card.checks += clean.conflict_check(units, draft.values, draft.usable)
    near, of_near = near_units(draft, units)
    alike = units if treatment in ("together", "drop") else np.arange(len(source))
    alike = joined(alike, near) if of_near in ("together", "drop") else alike
    rule = _resolved(draft)
    labels, usable = _as_given(draft)
    table = Table(
        usable=usable,
        units=_units(draft, rule, alike),
        labels=labels if draft.target.classes is not None and rule.how in ("stratified", "given", "column") else None,
        times=_times(draft, rule) if rule.how == "time" else None,
        given=_given(draft, rule),
        unit=float(rule.how == "time" and _time_kind(draft, rule) != "datetime"),
    )
    part = assign(rule, table)
    part[~draft.usable] = NOWHERE
    if treatment == "drop":
        part[_dropped(again, units, part)] = NOWHERE
    if of_near == "drop":
        part[_dropped(clean.repeated(near, draft.usable), near, part)] = NOWHERE
    card.checks += clean.straddle_check(units, part) + near_straddle_check(near, units, part)
    part = _without_outliers(draft, part)
    rows = {name: np.flatnonzero(part == code) for code, name in enumerate(PARTS)}
    return drawn(rule, rows, table)


def _as_given(draft: Draft) -> tuple[np.ndarray, np.ndarray]:
    """Labels and usable rows as they were before any correction, so that a correction moves no row to another part."""
    if draft.source.given is None:
        return draft.values, draft.usable
    frame = pl.DataFrame([draft.source.given.alias(draft.names[0])])
    found = ranked(read_target(frame, draft.names, draft.recipe, draft.source.kinds), draft.recipe)
    return found.values, (found.values >= 0) & (draft.usable | (draft.values < 0))


def _hashes(draft: Draft) -> dict[str, np.ndarray]:
    """A hash per row of every array and picture column; rows that have nothing but broken pictures are set aside here."""
    hashes, pictures = {}, {}
    if isinstance(draft.source.frame, Stored):  # it has neither arrays nor pictures
        return {}
    for name in draft.features:
        raw = raw_of(draft.source, name, np.arange(len(draft.source)))
        if picture.holds_pictures(raw, _asked(draft, name)):
            hashes[name] = picture.identical(raw)
            pictures[name] = hashes[name] != 0
        elif isinstance(raw.values, np.ndarray):
            hashes[name] = np.array([_digest(row) for row in raw.values], np.uint64)
    for name, array in draft.tensors.items():
        hashes[name] = np.array([_digest(row) for row in array], np.uint64)
    if pictures and not draft.tensors and not any(_tells(draft, name) for name in draft.features if name not in pictures):
        draft.usable &= np.any(list(pictures.values()), axis=0)
    if not draft.usable.any():
        raise DataError("not one row has a usable picture", where=draft.source.origin, remedy="See `trainwell look`.")
    return hashes


def _tells(draft: Draft, name: str) -> bool:
    """Whether a column beside pictures may say something of a row whose picture is broken: it is no name of rows."""
    return _asked(draft, name) != "ignore" and not called_id(name)


def _asked(draft: Draft, name: str) -> str:
    column = draft.recipe.columns.get(name)
    return column.kind if column is not None and column.kind != "auto" else draft.source.kinds.get(name, "auto")


def _digest(row: np.ndarray) -> int:
    return int.from_bytes(blake2b(np.ascontiguousarray(row).data, digest_size=8).digest(), "little")


def _treatment(again: np.ndarray, draft: Draft) -> str:
    policy = draft.recipe.prepare.duplicates
    if policy != "auto":
        return policy
    coarse = again.sum() > clean.COARSE * draft.usable.sum() and not draft.source.arrays
    return "apart" if coarse else "together"


def _resolved(draft: Draft) -> Split:
    """The split rule with `auto` filled in, checked against what the source has."""
    rule, source = draft.recipe.split, draft.source
    how = rule.how
    if how == "auto":
        classes = draft.target.classes is not None
        how = "given" if source.parts is not None else "stratified" if classes else "random"
    if how == "given" and source.parts is None:
        raise DataError("split.how=given, but the source brings no parts", where=source.origin, remedy="Give test=… too.")
    if how == "stratified" and draft.target.classes is None:
        raise DataError("split.how=stratified needs classes, and the target is a number", remedy="Use split.how=random.")
    if how in ("group", "time", "column") and rule.by not in source.frame.columns:
        said = f"split.by={rule.by!r} is no column" if rule.by else f"split.how={how} needs split.by"
        raise DataError(said, where=source.origin, remedy=did_you_mean(rule.by or "", source.frame.columns))
    return rule.model_copy(update={"how": how})


def _units(draft: Draft, rule: Split, copies: np.ndarray) -> np.ndarray:
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


def _time_kind(draft: Draft, rule: Split) -> str:
    return kind_of(raw_of(draft.source, str(rule.by), np.arange(len(draft.source))))[0]


def _times(draft: Draft, rule: Split) -> np.ndarray:
    """The `by` column as numbers that grow with time, NaN where unknown."""
    name = str(rule.by)
    raw = raw_of(draft.source, name, np.arange(len(draft.source)))
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


def _given(draft: Draft, rule: Split) -> np.ndarray | None:
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


def _without_outliers(draft: Draft, part: np.ndarray) -> np.ndarray:
    recipe = draft.recipe
    if "drop" not in {recipe.prepare.outliers, *(c.outliers for c in recipe.columns.values())}:
        return part
    flagged = clean.outlier_rows(draft.source, draft.features, np.flatnonzero(part == TRAIN), recipe)
    if n := int(flagged.sum()):
        rows = tuple(f"row {row}" for row in np.flatnonzero(flagged)[:5])
        text = f"{n:,} train rows with outliers were dropped (rule {recipe.prepare.outlier_rule})."
        draft.card.add(Check("dropped", "WARN", text, count=n, examples=rows))
    part[flagged] = NOWHERE
    if not (part == TRAIN).any():
        raise DataError("every train row counts as an outlier", remedy="Use prepare.outliers=clip or leave.")
    return part
