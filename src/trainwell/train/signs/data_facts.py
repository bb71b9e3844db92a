"""What the arrays say before anything is trained: bad cells, scales, shift, copies, leaks, classes, neighbours, reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainwell.train.signs.neighbours import neighbour_facts
from trainwell.train.signs.targets import as_classes

#: Rows looked at for scales and leaks.
ROWS = 4000
#: Columns looked at for leaks; pictures have more, and none of their pixels leaks.
MOST_COLUMNS = 200


def array_facts(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Facts about training inputs `(N, …)` and targets: cells that are no numbers, scales, classes, leaks.

    Args:
        x: inputs; whole numbers are taken for codes, and only their finiteness is looked at.
        y: targets.

    Example:
        >>> array_facts(np.full((4, 2), 300.0), np.zeros(4))["feature_mean_max"]
        300.0
    """
    facts: dict[str, Any] = {"rows_train": len(x)} | bad_cells(x, y) | target_facts(y)
    if x.dtype.kind != "f":
        return facts | {"input_whole": True}
    flat = np.nan_to_num(x.reshape(len(x), -1)[:: max(1, len(x) // ROWS)].astype(np.float64), posinf=0, neginf=0)
    codes = np.asarray(y[:: max(1, len(y) // ROWS)])
    facts |= scales(flat, x.ndim > 2)
    if x.ndim == 2 and flat.shape[1] <= MOST_COLUMNS and len(flat) >= 100:
        facts |= leaks(flat, codes)
    return facts


def split_facts(x: np.ndarray, x_valid: np.ndarray) -> dict[str, Any]:
    """Facts about training against validation inputs: shift, and rows that are in both."""
    facts: dict[str, Any] = {"rows_valid": len(x_valid)}
    if x.dtype.kind == "f" and len(x_valid) >= 20:
        a, b = (np.nan_to_num(v.reshape(len(v), -1)[:ROWS].astype(np.float64), posinf=0, neginf=0) for v in (x, x_valid))
        facts |= shift(a, b)
    return facts | copies(digests(x), digests(x_valid))


def bad_cells(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Cells that are NaN or infinite: how many, and where the first one is."""
    facts: dict[str, Any] = {}
    if x.dtype.kind == "f":
        bad = np.argwhere(~np.isfinite(x.reshape(len(x), -1)))
        facts["bad_cells"] = len(bad)
        if len(bad):
            facts |= {"bad_row": int(bad[0][0]), "bad_column": int(bad[0][1])}
    if y.dtype.kind == "f":
        facts["bad_targets"] = int((~np.isfinite(y)).sum())
    return facts


def target_facts(y: np.ndarray) -> dict[str, Any]:
    """Classes and their sizes, or spread and mean of numbers."""
    codes = as_classes(y)
    if codes is not None:
        counts = np.bincount(codes)
        counts = counts[counts > 0]
        return {
            "task": "classification",
            "classes": len(counts),
            "class_largest": int(counts.max()),
            "class_smallest": int(counts.min()),
        }
    if y.dtype.kind in "iu":  # several codes a row are tokens of a text
        return {"task": "language", "classes": len(np.unique(y))}
    values = np.nan_to_num(np.asarray(y, dtype=np.float64).reshape(len(y), -1))
    return {
        "task": "regression",
        "classes": 0,
        "target_std": float(values.std(axis=0).max()),
        "target_mean": float(np.abs(values.mean(axis=0)).max()),
    }


def scales(flat: np.ndarray, picture: bool) -> dict[str, Any]:
    """Spread and mean of all inputs `(N, F)` and of each column."""
    spread, mean = flat.std(axis=0), flat.mean(axis=0)
    moving = spread[spread > 0]
    facts = {"input_std": float(flat.std()), "input_mean": float(flat.mean()), "feature_mean_max": float(np.abs(mean).max())}
    if not len(moving):
        return facts
    # Pixels and time steps share one unit: the spread of a nearly black corner says nothing.
    smallest = float(spread.max()) if picture else float(moving.min())
    return facts | {
        "feature_std_max": float(moving.max()),
        "feature_std_min": smallest,
    }


def shift(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """How far validation rows `b` lie from training rows `a`, in deviations, and how much more they spread."""
    spread = a.std(axis=0)
    use = spread > 1e-9
    if not use.any():
        return {}
    moved = np.abs(a.mean(axis=0) - b.mean(axis=0))[use] / spread[use]
    pooled = np.sqrt(((b - b.mean(axis=0)) ** 2).mean(axis=0)[use].sum() / (spread[use] ** 2).sum())
    return {"shift_mean": float(np.median(moved)), "shift_most": float(moved.max()), "shift_scale": float(pooled)}


def copies(train: np.ndarray, judged: np.ndarray) -> dict[str, Any]:
    """Judged rows that are copies of training rows, by their digests, and how often training rows repeat among themselves.

    By sorting: hashing, as `np.unique` does it, takes minutes over the windows of a long text.
    """
    known = np.sort(train)
    place = np.searchsorted(known, judged).clip(max=max(0, len(known) - 1))
    found = np.flatnonzero(known[place] == judged) if len(known) else np.zeros(0, np.int64)
    repeated = int((known[1:] == known[:-1]).sum())
    return {
        "duplicates": len(found) / max(1, len(judged)),
        "duplicates_train": repeated / max(1, len(train)),
        "duplicate_rows": found[:20].tolist(),
    }


def digests(x: np.ndarray) -> np.ndarray:
    """A number for each row, equal for rows of equal bits and else different but for one chance in 2^64; `(N,)` uint64.

    Example:
        >>> digests(np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])).tolist().count(int(digests(np.array([[1.0, 2.0]]))[0]))
        2
    """
    flat = np.ascontiguousarray(x.reshape(len(x), -1)).view(np.uint8)
    flat = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 8)))
    words = flat.view(np.uint64)  # (N, W)
    # A sum of words times odd random numbers, of words that were mixed first: sums of raw ones would meet too easily.
    factors = np.random.default_rng(0).integers(0, 2**63, words.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    mixed = (words ^ (words >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((mixed ^ (mixed >> np.uint64(29))) @ factors, dtype=np.uint64)


def leaks(flat: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The column that tells the target best by itself, and the next best."""
    codes = as_classes(y)
    # Values become normal scores in ranks: one huge value decides nothing.
    values = None if codes is not None else np.argsort(np.argsort(y.reshape(len(y), -1)[:, 0])) / len(y)
    told = [_told(flat[:, j], codes, values) for j in range(flat.shape[1])]
    order = np.argsort(told)[::-1]
    base = float(np.bincount(codes).max() / len(codes)) if codes is not None else 0.0
    following = float(told[order[1]]) if len(order) > 1 else base
    return {"leak_column": int(order[0]), "leak_purity": float(told[order[0]]), "leak_next": following, "leak_base": base}


def _told(column: np.ndarray, codes: np.ndarray | None, values: np.ndarray | None, reach: int = 3) -> float:
    """How well the rows beside a row, sorted by this column, tell its target: share of equal classes, or R²."""
    if column.std() == 0:
        return 0.0
    mix = np.random.default_rng(0).permutation(len(column))  # ties must not keep the order of the file
    order = mix[np.argsort(column[mix], kind="stable")]
    shifts = [s for s in range(-reach, reach + 1) if s]
    if codes is not None:
        sorted_codes = codes[order]
        return float(np.mean([(np.roll(sorted_codes, s) == sorted_codes).mean() for s in shifts]))
    assert values is not None
    sorted_values = values[order]
    guess = np.mean([np.roll(sorted_values, s) for s in shifts], axis=0)
    return float(1 - ((sorted_values - guess) ** 2).sum() / ((sorted_values - sorted_values.mean()) ** 2).sum())


def all_data_facts(
    x: np.ndarray, y: np.ndarray, x_valid: np.ndarray | None = None, y_valid: np.ndarray | None = None
) -> dict[str, Any]:
    """Everything that arrays alone can say; without validation rows, what needs only training rows."""
    facts = array_facts(x, y)
    if x_valid is not None and y_valid is not None and len(x_valid):
        facts |= split_facts(x, x_valid)
    if facts.get("bad_cells") or facts.get("bad_targets"):
        return facts
    return facts | neighbour_facts(x, y, x_valid, y_valid)
