"""Which rows train, which choose, which judge.

Rows that must stay together (a group, exact copies of one another) form a *unit*; every way of splitting moves whole units.
All draws come from `split.seed` through Philox, so the same rows always fall the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe_sections import Split
from trainwell.core.seeds import draw_seed

PARTS = ("train", "valid", "test")
TRAIN, VALID, TEST, NOWHERE = 0, 1, 2, -1
#: Fewest units from which any is taken away from training.
_DIVISIBLE = 4
#: Below so many labels, taking the rows of each in turn is faster than sorting.
_FEW_LABELS = 8
#: How part names are written in the wild.
_SPELT = {"train": 0, "training": 0, "valid": 1, "validation": 1, "val": 1, "dev": 1, "test": 2, "testing": 2, "eval": 1}


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of `rows`, evenly spread over them.

    Example:
        >>> spread(np.arange(10, 20), 4).tolist(), spread(np.arange(3), 4).tolist()
        ([10, 13, 16, 19], [0, 1, 2])
    """
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


@dataclass(frozen=True)
class Table:
    """What splitting looks at, one entry per row.

    Args:
        usable: rows that may be used at all, bool (N,).
        units: rows with the same number never part, int64 (N,).
        labels: class of each row for stratifying, int64 (N,), or None.
        times: for `how: time`, float64 (N,), NaN where unknown.
        given: part names that the source or a column brings, or None.
        unit: what a number of `split.at` is worth in `times`; 0 where it holds dates.
    """

    usable: np.ndarray
    units: np.ndarray
    labels: np.ndarray | None = None
    times: np.ndarray | None = None
    given: np.ndarray | None = None
    unit: float = 0


def assign(rule: Split, table: Table) -> np.ndarray:
    """The part of every row: 0 train, 1 valid, 2 test, -1 nowhere.

    Raises:
        DataError: no row is left to train on, or the given part names are not part names.
        RecipeError: `fold` is not one of `folds`, or `test_fold` not one of `test_folds`.

    Example:
        >>> part = assign(Split(test=0.25, valid=0), Table(np.ones(8, bool), np.arange(8)))
        >>> np.bincount(part)
        array([6, 0, 2])
    """
    for key, fold, folds in (("fold", rule.fold, rule.folds), ("test_fold", rule.test_fold, rule.test_folds)):
        if fold is not None and not 0 <= fold < folds:
            raise RecipeError(f"split.{key}={fold} is not one of 0 to {folds - 1}", remedy=f"Change split.{key}.")
    part = _by_time(rule, table) if rule.how == "time" else _by_units(rule, table)
    if not (part == TRAIN).any():
        raise DataError("no row is left to train on", remedy="Give more rows, or smaller split.valid and split.test.")
    return part


def _by_units(rule: Split, table: Table) -> np.ndarray:
    part = given_parts(table)
    free = table.given is None
    if rule.test_fold is not None:
        part[part == TEST] = NOWHERE  # a test part that the source brings is kept for the final word
        pool = np.flatnonzero((part != NOWHERE) | table.usable & free)
        tested = _folds(pool, rule.test_folds, table, _rng(rule, "test fold")) == rule.test_fold
        part[pool[tested]] = TEST
    elif not (part == TEST).any() and rule.test > 0:
        pool = np.flatnonzero((part == TRAIN) | (part == NOWHERE) & table.usable & free)
        part[pool] = TRAIN
        part[pool[_choose(pool, rule.test, table, _rng(rule, "test"))]] = TEST
    part[(part == NOWHERE) & table.usable & free] = TRAIN
    if rule.fold is not None:
        pool = np.flatnonzero((part == TRAIN) | (part == VALID))
        part[pool] = np.where(_folds(pool, rule.folds, table, _rng(rule, "fold")) == rule.fold, VALID, TRAIN)
    elif not (part == VALID).any() and rule.valid != 0:
        pool = np.flatnonzero(part == TRAIN)
        part[pool[_choose(pool, valid_share(rule, len(pool)), table, _rng(rule, "valid"))]] = VALID
    if rule.fold is None:
        _keep_each_class_in_training(part, table, rule)
    return part


def valid_share(rule: Split, n: int) -> float:
    """The share of n rows that is for validation; `auto` is 15%, less where that is over 2,000 rows, but 5% at least."""
    return max(0.05, min(0.15, 2_000 / max(n, 1))) if rule.valid == "auto" else rule.valid


def _rng(rule: Split, purpose: str, step: int = 0) -> np.random.Generator:
    seed = rule.test_seed if rule.test_seed is not None and purpose.startswith("test") else rule.seed
    return np.random.Generator(np.random.Philox(draw_seed(seed, f"split {purpose}", step)))


def draw_bag(rule: Split, pool: np.ndarray, table: Table) -> np.ndarray:
    """A bootstrap sample of the training rows: whole units drawn with replacement, of every class as many as it has.

    What stays together is drawn together, so no row outside the bag has a copy or a row of its group inside.

    Args:
        rule: `bag` is the number of the sample.
        pool: training rows, ascending.
        table: units and classes.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979.

    Example:
        >>> drawn = draw_bag(Split(bag=0), np.arange(1000), Table(np.ones(1000, bool), np.arange(1000)))
        >>> len(drawn), round(len(np.unique(drawn)) / 1000, 1)
        (1000, 0.6)
    """
    unit, size, label = _units(pool, table)
    order = np.argsort(label, kind="stable")  # class after class
    counts = np.bincount(label)
    n = counts[label[order]]
    first = (np.cumsum(counts) - counts)[label[order]]
    drawn = order[first + (_rng(rule, "bag", rule.bag or 0).random(len(order)) * n).astype(np.int64)]
    return np.repeat(pool, np.bincount(drawn, minlength=len(size))[unit])


def draw_sample(rule: Split, pool: np.ndarray, table: Table) -> np.ndarray:
    """The share `sample` of the training rows: whole units, of every class alike, and at least one unit of each.

    All samples of one seed are beginnings of the same order, so a smaller one is a part of every larger one.

    Args:
        rule: `sample` is the share.
        pool: training rows, ascending.
        table: units and classes.

    Example:
        >>> table = Table(np.ones(100, bool), np.arange(100), np.arange(100) % 4)
        >>> few, more = (draw_sample(Split(sample=share), np.arange(100), table) for share in (0.1, 0.5))
        >>> len(few), len(more), set(few) <= set(more)
        (10, 50, True)
    """
    unit, size, label = _units(pool, table)
    rng = _rng(rule, "sample")
    order = _by_label(label, rng)
    counts = np.bincount(label)
    rank = np.arange(len(order)) - (np.cumsum(counts) - counts)[label[order]]
    # Even steps through every class, each class from a start of its own; the first of every class goes before all others.
    place = np.where(rank == 0, -1.0, (rank + rng.random(len(counts))[label[order]]) / counts[label[order]])
    order = order[np.argsort(place, kind="stable")]
    filled = np.cumsum(size[order])
    taken = max(int((counts > 0).sum()), int(np.searchsorted(filled - size[order] / 2, rule.sample * len(pool))))
    chosen = np.zeros(len(size), bool)
    chosen[order[:taken]] = True
    return pool[chosen[unit]]


def drawn(rule: Split, rows: dict[str, np.ndarray], table: Table) -> dict[str, np.ndarray]:
    """The rows of every part, the training rows as the sample or the bag of them that the rule asks for.

    Rows that are in no bag become the part `out_of_bag`.
    """
    train = draw_sample(rule, rows["train"], table) if rule.sample < 1 else rows["train"]
    if rule.bag is None:
        return rows | {"train": train}
    bag = draw_bag(rule, train, table)
    return rows | {"train": bag, "out_of_bag": np.setdiff1d(train, bag)}


def given_parts(table: Table) -> np.ndarray:
    """The parts that the source brings, as numbers; nowhere for rows that cannot be used."""
    part = np.full(len(table.usable), NOWHERE, np.int8)
    if table.given is None:
        return part
    for name in np.unique(table.given[table.usable].astype(str)):
        if name.strip().lower() not in _SPELT:
            raise DataError(f"{name!r} is not the name of a part", remedy="Call the parts train, valid and test.")
        part[(table.given == name) & table.usable] = _SPELT[name.strip().lower()]
    return part


def _units(pool: np.ndarray, table: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the rows in `pool`: each row's unit (renumbered), the units' sizes, and their labels (of their first row)."""
    units = table.units[pool]
    if (units[1:] > units[:-1]).all():  # every row is a unit, in the order of the rows
        labels = np.zeros(len(pool), np.int64) if table.labels is None else table.labels[pool]
        return np.arange(len(pool)), np.ones(len(pool), np.int64), labels
    there = np.bincount(units) > 0
    unit = (np.cumsum(there, dtype=np.int32) - 1)[units]
    first = np.empty(int(there.sum()), np.int32)
    first[unit[::-1]] = np.arange(len(pool), dtype=np.int32)[::-1]  # the last to be written is the first row
    labels = np.zeros(len(first), np.int64) if table.labels is None else table.labels[pool][first]
    return unit, np.bincount(unit), labels


def _choose(pool: np.ndarray, share: float, table: Table, rng: np.random.Generator) -> np.ndarray:
    """Which rows of `pool` are drawn, bool: `share` of them, of every class alike, whole units only."""
    unit, size, label = _units(pool, table)
    chosen = np.zeros(len(size), bool)
    if len(size) < _DIVISIBLE:
        return chosen[unit]
    order = _by_label(label, rng)
    large, small = _by_size(order, size)
    taken = _diffuse(size[large], share)
    chosen[large[taken]] = True
    left = share * len(pool) - size[large][taken].sum()
    rate = min(max(left / len(small), 0.0), 1.0) if len(small) else 0.0
    steps = np.floor(np.arange(len(small) + 1) * rate + rng.random())
    chosen[small[steps[1:] > steps[:-1]]] = True
    if not chosen.any():
        chosen[order[-1]] = True
    return chosen[unit]


def _by_size(order: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units of several rows, the largest first, and units of one row, in their order."""
    if size.max() == 1:
        return order[:0], order
    several = (size > 1)[order]
    large = order[several]
    return large[np.argsort(-size[large], kind="stable")], order[~several]


def _by_label(label: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Units in random order within each class, class after class: even steps along it take every class alike."""
    order = rng.permutation(np.arange(len(label), dtype=np.int32))  # half the memory, the same draws
    if len(label) and label.max() < _FEW_LABELS:
        drawn = label.astype(np.int8)[order]
        return np.concatenate([order[drawn == one] for one in range(int(label.max()) + 1)])
    short = label.astype(np.int16) if len(label) and label.max() < 1 << 15 else label  # sorted by radix
    return order[np.argsort(short[order], kind="stable")]


def _diffuse(sizes: np.ndarray, share: float) -> np.ndarray:
    """Which of the large units are drawn, so that at every point close to `share` of the rows so far are."""
    taken, drawn, seen = np.zeros(len(sizes), bool), 0.0, 0.0
    for place, size in enumerate(sizes.tolist()):
        seen += size
        if drawn + size / 2 <= share * seen:
            taken[place] = True
            drawn += size
    return taken


def _folds(pool: np.ndarray, folds: int, table: Table, rng: np.random.Generator) -> np.ndarray:
    """The fold of every row of `pool`, all of about one size, every class spread over all of them."""
    unit, size, label = _units(pool, table)
    if len(size) < folds:
        raise DataError(f"{len(size)} groups of rows cannot make {folds} folds", remedy="Give split.folds a smaller number.")
    fold = np.zeros(len(size), np.int64)
    filled = np.zeros(folds)
    large, small = _by_size(_by_label(label, rng), size)
    for place in large:
        fold[place] = filled.argmin()
        filled[fold[place]] += size[place]
    fold[small] = _even(filled, len(small))
    return fold[unit]


def _even(filled: np.ndarray, n: int) -> np.ndarray:
    """Folds for `n` single rows in turn, the emptiest folds first, until all are level."""
    room = np.maximum(0, np.ceil((filled.sum() + n) / len(filled)) - filled).astype(np.int64)
    level = np.concatenate([start + np.arange(count) for start, count in zip(filled, room, strict=True)])
    seats = np.repeat(np.arange(len(filled)), room)[np.argsort(level, kind="stable")]
    return seats[:n]


def _keep_each_class_in_training(part: np.ndarray, table: Table, rule: Split) -> None:
    """Moves one unit of every class that would be missing from training into it (never given rows, or those of a test fold)."""
    if table.labels is None or table.given is not None:
        return
    classes = int(table.labels.max()) + 1
    for where in (VALID, TEST) if rule.test_fold is None else (VALID,):
        trained = np.bincount(table.labels[part == TRAIN], minlength=classes)
        if trained.all():
            return
        held = np.bincount(table.labels[part == where], minlength=classes)
        for label in np.flatnonzero((trained == 0) & (held > 0)):
            rows = np.flatnonzero((part == where) & (table.labels == label))
            if len(rows):  # else they came along with the unit of another class
                part[(table.units == table.units[rows[0]]) & (part != NOWHERE)] = TRAIN


def _by_time(rule: Split, table: Table) -> np.ndarray:
    """Earlier rows train, later ones judge; rows of the same moment stay together; `gap` rows between parts go nowhere."""
    assert table.times is not None
    part = np.full(len(table.usable), NOWHERE, np.int8)
    if rule.at is not None:
        return np.where(table.usable, at_moments(rule.at, table.times, unit=table.unit), NOWHERE).astype(np.int8)
    known = np.flatnonzero(table.usable & ~np.isnan(table.times))
    order = known[np.argsort(table.times[known], kind="stable")]
    times, n = table.times[order], len(order)
    gap = round(rule.gap * n)
    if rule.test_fold is not None:
        cut = _window(times, n, rule.test_folds)
        first, after = cut(rule.test_fold + 1), cut(rule.test_fold + 2)
    else:
        first, after = _between_moments(times, n - round(rule.test * n)) if rule.test else n, n
    part[order[first:after]] = TEST
    end = max(0, first - gap) if first < n else n
    if rule.fold is None:
        start = _between_moments(times, end - round(valid_share(rule, end) * end)) if rule.valid else end
    else:
        cut = _window(times, end, rule.folds)
        start, end = cut(rule.fold + 1), cut(rule.fold + 2)
    part[order[start:end]] = VALID
    part[order[: max(0, start - (gap if rule.valid or rule.fold is not None else 0))]] = TRAIN
    return part


def at_moments(at: list[str], times: np.ndarray, *, unit: float = 0) -> np.ndarray:
    """Parts that begin at given moments: of two, validation and test; of one, test; a third one ends the test.

    Args:
        at: dates (`2017-06-26`, `2017-06-26 12:00`), or numbers.
        times: of the rows, microseconds since 1970 or numbers, NaN where unknown.
        unit: what a number of `at` is worth in `times`; 0 where `at` holds dates.

    Raises:
        RecipeError: these are no moments, or not one to three in order.
        DataError: no row lies before the first of them.

    Example:
        >>> at_moments(["2", "3"], np.array([1.0, 2.0, 3.0, 4.0]), unit=1).tolist()
        [0, 1, 2, 2]
    """
    where = "recipe key 'split.at'"
    try:
        if unit:
            moments = np.array([float(text) * unit for text in at])
        else:
            dates = [np.datetime64(str(text).strip().replace(" ", "T"), "us") for text in at]
            moments = np.array(dates).astype(np.int64).astype(np.float64)
    except ValueError:
        raise RecipeError(
            f"split.at={at} are no moments", where=where, remedy="Write 2017-06-26 or 2017-06-26 12:00."
        ) from None
    if not 1 <= len(moments) <= 3 or (np.diff(moments) < 0).any():
        raise RecipeError(f"split.at takes one to three moments in order, however: {at}", where=where, remedy="Sort them.")
    part = np.searchsorted(moments, times, side="right")
    part = part * 2 if len(moments) == 1 else np.where(part > TEST, NOWHERE, part)
    part = np.where(np.isnan(times), NOWHERE, part).astype(np.int8)
    if not (part == TRAIN).any():
        raise DataError(f"no row lies before split.at={at[0]}", remedy="Give a later moment.")
    return part


def _window(times: np.ndarray, end: int, folds: int) -> Callable[[int], int]:
    """Ends of `folds + 1` blocks: fold k trains on the first k + 1 of them and is validated on the next."""
    return lambda block: _between_moments(times[:end], round(end * block / (folds + 1)))


def _between_moments(times: np.ndarray, cut: int) -> int:
    """The nearest place to `cut`, later ones first, that does not divide rows of one moment."""
    if cut <= 0 or cut >= len(times):
        return min(max(cut, 0), len(times))
    later = int(np.searchsorted(times, times[cut - 1], side="right"))
    return later if later < len(times) else int(np.searchsorted(times, times[cut - 1], side="left"))
