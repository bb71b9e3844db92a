"""Findings about whole rows and the whole table: duplicates, conflicts, outliers, gaps, imbalance, drift.

Each becomes a `Check` with a count, and is treated by the recipe's rule; nothing leaves silently.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.recipe import Recipe
from trainwell.data.card import Check
from trainwell.data.column_rules import rule_for
from trainwell.data.columns import Prepared
from trainwell.data.id_columns import looks_unique, may_be_unique
from trainwell.data.kinds import number
from trainwell.data.kinds.kind import Raw
from trainwell.data.kinds.known import is_scalar, kind_of
from trainwell.data.kinds.text import recognise as sentences
from trainwell.data.kinds.words import as_cells
from trainwell.data.leaks import DRIFT, LEAST_TESTED
from trainwell.data.source import Source
from trainwell.data.splits import PARTS, TEST, TRAIN
from trainwell.data.stored import Stored, Table

#: From this share of repeated rows on, rows repeat because the columns are coarse, not because someone copied them.
COARSE = 0.5


def _hashable(source: Source, name: str, dtype: pl.DataType) -> bool:
    if dtype in (pl.Object, pl.Null) or dtype.is_nested():
        return False
    return not may_be_unique(name, dtype) or not looks_unique(source.frame[name])


def units_of(source: Source, features: Iterable[str], hashes: dict[str, np.ndarray]) -> np.ndarray:
    """(N,) int64: the first row with the same features; names of rows are left out of the comparison.

    Args:
        source: the raw rows.
        features: the feature columns.
        hashes: one hash per row and array column (pictures, tensors).
    """
    units = rows = np.arange(len(source))
    schema = source.frame.schema
    names = [n for n in features if n in schema and n not in hashes and _hashable(source, n, schema[n])]
    if not names and not hashes:
        return units
    numbers = [n for n in names if schema[n].is_numeric()]
    if numbers and not hashes and _head_differs(source.frame, numbers):
        rows = _alike(_hashes(source.frame, numbers))  # rows that differ in a number need no look at their texts
    keys = _row_keys(source.frame, names, hashes, rows)
    copied = _alike(keys)
    others = [n for n in features if n in schema and n not in names and n not in hashes]
    if len(copied) and (texts := [n for n in others if _told(source, n)]):
        keys = keys.copy()  # hashes may be a view of what polars holds
        keys[copied] ^= _hashes(source.frame, texts, rows[copied])
        copied = copied[_alike(keys[copied])]
    _, first, place = np.unique(keys[copied], return_index=True, return_inverse=True)
    units[rows[copied]] = rows[copied][first][place]
    return units


def _told(source: Source, name: str) -> bool:
    """Whether a column of mostly different texts holds sentences rather than names of rows."""
    series = source.frame[name]
    if series.dtype != pl.String:
        return False
    return sentences(Raw(name, as_cells(series), np.arange(len(series)), known=source.words)) is not None


def _row_keys(table: Table, names: list[str], hashes: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """(len(rows),) uint64, equal for equal rows."""
    keys = None
    if names:
        keys = _hashes(table, names, None if len(rows) == len(table) else rows)
    for column in hashes.values():
        mixed = column[rows] * np.uint64(0x9E3779B97F4A7C15)
        keys = mixed if keys is None else keys * np.uint64(31) ^ mixed
    assert keys is not None
    return keys


def _head_differs(table: Table, names: list[str], most: int = 10_000) -> bool:
    """Whether the first rows all differ in these columns."""
    head = table.lazy.head(most).select(names).collect() if isinstance(table, Stored) else table.select(names).head(most)
    return head.hash_rows(seed=0).n_unique() == len(head)


def _hashes(table: Table, names: list[str], rows: np.ndarray | None = None) -> np.ndarray:
    """A hash of these columns for every row or for some, uint64; of a table in files, block of rows after block of rows."""
    if rows is not None and not len(rows):
        return np.zeros(0, np.uint64)
    if isinstance(table, Stored):
        found = np.concatenate([block.hash_rows(seed=0).to_numpy() for block in table.blocks(names)])
        return found if rows is None else found[rows]
    frame = table.select(names)
    return (frame if rows is None else frame[rows]).hash_rows(seed=0).to_numpy()


def _alike(keys: np.ndarray) -> np.ndarray:
    """Places of keys that occur more than once, ascending. Keys are counted by their first bits, then looked at if several."""
    bits = max(8, len(keys).bit_length() + 2)
    bucket = (keys >> np.uint64(64 - bits)).astype(np.int64)
    several = np.flatnonzero((np.bincount(bucket, minlength=1) > 1)[bucket])
    return several[pl.Series(keys[several]).is_duplicated().to_numpy()]


def repeated(units: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Rows that an earlier usable row is equal to, bool (N,)."""
    rows = _with_equals(units)
    rows = rows[usable[rows]]
    later = np.zeros(len(units), bool)
    later[rows] = True
    later[rows[np.unique(units[rows], return_index=True)[1]]] = False
    return later


def _with_equals(units: np.ndarray) -> np.ndarray:
    """Rows that some other row is equal to, ascending."""
    own = units == np.arange(len(units))
    again = np.flatnonzero(~own)
    own[:] = False
    own[again] = own[units[again]] = True
    return np.flatnonzero(own)


def duplicate_check(again: np.ndarray, usable: np.ndarray, treatment: str) -> Check:
    """How many rows repeat an earlier one, and what was done about them."""
    n = int(again.sum())
    if not n:
        return Check("duplicates", "PASS", "No row repeats another one.")
    done = {
        "together": "kept, each with its like in one part of the split",
        "apart": "kept, and split like other rows: so many rows repeat that the columns are coarse rather than copied",
        "keep": "kept, and split like other rows, as the recipe says",
        "drop": "dropped; the first of each stays",
    }[treatment]
    rows = tuple(f"row {row}" for row in np.flatnonzero(again)[:5])
    text = f"{n:,} of {int(usable.sum()):,} rows repeat the features of an earlier row; they were {done}."
    return Check("duplicates", "WARN", text, count=n, examples=rows)


def conflict_check(units: np.ndarray, codes: np.ndarray, usable: np.ndarray) -> list[Check]:
    """Rows with the same features and different classes: no network can tell them apart."""
    rows = _with_equals(units)
    rows = rows[usable[rows]]
    pairs = np.unique(np.stack([units[rows], codes[rows]]), axis=1)
    unit, labels = np.unique(pairs[0], return_counts=True)
    torn = rows[np.isin(units[rows], unit[labels > 1])]
    if not len(torn):
        return []
    examples = tuple(f"row {row}" for row in torn[:5])
    text = f"{len(torn):,} rows share their features with a row of another class."
    return [Check("conflicts", "WARN", text, count=len(torn), examples=examples)]


def straddle_check(units: np.ndarray, part: np.ndarray) -> list[Check]:
    """Equal rows in different parts: only possible where the parts were given, or split by time."""
    rows = _with_equals(units)
    trained = np.zeros(len(units), bool)
    trained[units[rows[part[rows] == TRAIN]]] = True
    found = []
    for code, name in ((1, "validation"), (TEST, "test")):
        shared = rows[(part[rows] == code) & trained[units[rows]]]
        if len(shared):
            examples = tuple(f"row {row}" for row in shared[:5])
            text = f"{len(shared):,} {name} rows are equal to a train row: scores on them are too good."
            found.append(Check("straddle", "WARN", text, count=len(shared), examples=examples))
    return found


def outlier_rows(source: Source, features: list[str], train: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Train rows to drop under `outliers: drop`: beyond a fence in a column so treated, or found by the forest; (N,) bool."""
    flagged = np.zeros(len(source), bool)
    columns = _number_columns(source, features, train, recipe)
    treated = ((name, values) for name, values in columns if rule_for(recipe, name, "number").outliers == "drop")
    if recipe.prepare.outlier_rule == "forest":
        flagged[train[_forest(dict(treated), train)]] = True
        return flagged
    for _, values in treated:
        low, high = number.Distribution.of(values[train]).fence(recipe.prepare.outlier_rule)
        flagged |= (values < low) | (values > high)
    return flagged & np.isin(np.arange(len(source)), train)


def _number_columns(source: Source, features: list[str], train: np.ndarray, recipe: Recipe) -> Iterable[tuple[str, np.ndarray]]:
    for name in features:
        column = recipe.columns.get(name)
        asked = column.kind if column is not None and column.kind != "auto" else source.kinds.get(name, "auto")
        raw = Raw(name, as_cells(source.frame[name]), train) if name in source.frame.columns else None
        if raw is None or asked not in ("auto", "number") or not is_scalar(raw):
            continue
        kind, guess = kind_of(raw, asked)
        if kind == "number":
            yield name, number.clean(raw, guess.form, rule_for(recipe, name, "number")).values


def _forest(columns: dict[str, np.ndarray], train: np.ndarray) -> np.ndarray:
    """Train rows that an isolation forest finds easy to set apart, bool (len(train),).

    Source: Liu, Ting and Zhou, "Isolation Forest", ICDM 2008.
    """
    from sklearn.ensemble import IsolationForest

    if not columns or len(train) < 10:
        return np.zeros(len(train), bool)
    table = np.stack([np.where(np.isnan(v), np.nanmedian(v[train]), v)[train] for v in columns.values()], axis=1)
    return np.asarray(IsolationForest(random_state=0).fit_predict(table) < 0)


#: What becomes of empty cells, by kind.
_FILLED = {
    "number": "; numbers were filled and flagged",
    "category": "; in categories empty is a label of its own",
    "boolean": "; in yes/no columns empty lies between the two",
    "datetime": "; empty dates were flagged",
}


def missing_check(prepared: list[Prepared], n: int) -> Check:
    """Columns with empty cells, the emptiest first, in one line."""
    gaps = {p.name: p.entry.get("missing", 0) for p in prepared if p.entry.get("missing", 0)}
    if not gaps:
        return Check("missing", "PASS", "No cell is empty.")
    worst = sorted(gaps, key=lambda name: -gaps[name])
    shares = tuple(f"{name}: {gaps[name]:,} ({gaps[name] / n:.1%})" for name in worst[:5])
    more = f" and {len(gaps) - 5} more" if len(gaps) > 5 else ""
    kinds = {p.entry["kind"] for p in prepared if p.name in gaps}
    done = "".join(_FILLED[kind] for kind in ("number", "category", "boolean", "datetime") if kind in kinds)
    text = f"Empty cells in {len(gaps)} of {len(prepared)} columns: {', '.join(shares)}{more}{done}."
    return Check("missing", "WARN", text, count=sum(gaps.values()), examples=shares)


def outlier_check(prepared: list[Prepared], recipe: Recipe) -> Check:
    """Number cells beyond the robust fence; harmless under quantile scaling, worth a look under a linear one."""
    found = {p.name: p.entry["outliers"] for p in prepared if p.fitted is not None and p.entry.get("outliers")}
    if not found:
        return Check("outliers", "PASS", "No number lies far from the rest of its column.")
    worst = sorted(found, key=lambda name: -found[name])
    shown = tuple(f"{name}: {found[name]:,}" for name in worst[:5])
    more = f" and {len(found) - 5} more columns" if len(found) > 5 else ""
    text = f"Train cells more than 5 robust deviations from the median: {', '.join(shown)}{more}; {_treated(recipe)}."
    bounded = recipe.prepare.scale in ("auto", "quantile", "log") or recipe.prepare.outliers != "leave"
    return Check("outliers", "PASS" if bounded else "WARN", text, count=sum(found.values()), examples=shown)


def _treated(recipe: Recipe) -> str:
    if recipe.prepare.outliers != "leave":
        return {"clip": "clipped to the fence", "replace": "replaced", "drop": "rows dropped from training"}[
            recipe.prepare.outliers
        ]
    return "quantile scaling bounds them" if recipe.prepare.scale in ("auto", "quantile") else "left as they are"


def drift_check(prepared: list[Prepared], tested: int) -> list[Check]:
    """Columns whose test rows look different from the train rows; silent where there are too few test rows to say."""
    if tested < LEAST_TESTED:
        return []
    moved = {p.name: p.drift for p in prepared if p.drift > DRIFT}
    if not moved:
        return [Check("drift", "PASS", "Train and test rows are alike, column by column.")]
    worst = sorted(moved, key=lambda name: -moved[name])
    shown = tuple(f"{name}: {moved[name]:.2f}" for name in worst[:5])
    text = f"The distance between train and test rows, from 0 to 1, is large in {len(moved)} columns: {', '.join(shown)}."
    return [Check("drift", "WARN", text, count=len(moved), examples=shown)]


def class_checks(
    codes: np.ndarray, rows: dict[str, np.ndarray], classes: tuple[str, ...], column: str
) -> tuple[list[Check], float]:
    """Classes without train rows, and how uneven the classes are: rows of the largest over rows of the smallest."""
    counts = np.bincount(codes[rows["train"]], minlength=len(classes))
    absent = [label for label, count in zip(classes, counts, strict=True) if not count]
    checks = []
    if absent:
        text = f"{len(absent)} of {len(classes)} classes have no train row and cannot be learnt: {', '.join(absent[:5])}."
        checks.append(Check("classes", "WARN", text, column, len(absent), tuple(absent[:5])))
    present = counts[counts > 0]
    ratio = float(present.max() / present.min())
    rare, common = classes[int(np.where(counts > 0, counts, counts.max() + 1).argmin())], classes[int(counts.argmax())]
    text = f"{len(classes)} classes; {common!r} has {ratio:.1f} times the train rows of {rare!r} ({present.min():,})."
    text = f"{len(classes)} classes of {present[0]:,} train rows each." if ratio == 1 else text
    checks.append(Check("imbalance", "WARN" if ratio >= 10 else "PASS", text, column))
    return checks, ratio


def tensor_checks(tensors: dict[str, np.ndarray]) -> list[Check]:
    """NaN and infinity in arrays that are passed on as they are."""
    found = []
    for name, array in tensors.items():
        finite = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        if len(bad := np.flatnonzero(~finite)):
            rows = tuple(f"row {row}" for row in bad[:5])
            text = f"{len(bad):,} rows of {name!r} hold NaN or infinity, which no preparation mends here."
            found.append(Check("nonfinite", "FAIL", text, name, len(bad), rows))
    return found


def part_checks(rows: dict[str, np.ndarray]) -> list[Check]:
    """Parts without rows."""
    empty = [name for name in PARTS[1:] if not len(rows[name])]
    meaning = {"valid": "nothing chooses the best weights", "test": "nothing judges them"}
    return [Check("parts", "WARN", f"There are no {name} rows: {meaning[name]}.", count=0) for name in empty]


def few_lines(checks: list[Check], most: int = 8) -> list[Check]:
    """Checks of one code beyond `most` folded into one line, so that wide tables stay readable."""
    folded: list[Check] = []
    groups: dict[Any, list[Check]] = {}
    for check in checks:
        groups.setdefault((check.code, check.verdict), []).append(check)
    for (code, verdict), group in groups.items():
        folded += group[:most]
        if rest := group[most:]:
            names = ", ".join(check.column for check in rest[:5])
            text = f"{len(rest)} more columns alike: {names}" + (", …" if len(rest) > 5 else ".")
            folded.append(Check(code, verdict, text, count=len(rest), examples=tuple(check.column for check in rest[:5])))
    return folded
