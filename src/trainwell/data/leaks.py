"""Columns that tell the target almost alone, and columns that differ between train and test rows.

Both look at a sample of encoded values, column by column, and are meant to stay silent on honest data.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl  # whose ranks are those of scipy.stats, half a second to import
from scipy.special import ndtri

#: Share of the way from knowing nothing to knowing all that one column must go to be called a leak.
LEAK = 0.985
#: Fewest train rows for which a leak is told from luck.
LEAST_ROWS = 100
#: Fewest rows on either side for which a drift is told from chance.
LEAST_TESTED = 50
#: Largest difference of two distributions that is nobody's concern (Kolmogorov-Smirnov or total variation distance).
DRIFT = 0.15


def sample(rows: np.ndarray, columns: int, most: int = 20_000) -> np.ndarray:
    """Evenly spaced rows, fewer of them for wide tables."""
    size = int(min(most, max(2_000, 8e6 / max(columns, 1))))
    return rows[:: max(1, len(rows) // size)][:size] if len(rows) > size else rows


def tells(column: np.ndarray, target: np.ndarray, *, classes: bool) -> float:
    """How far one column goes towards the target on rows it was not fitted on: 0 nothing, 1 everything.

    Args:
        column: (n,) encoded numbers or codes of train rows.
        target: (n,) class codes or numbers.
        classes: whether the target is a class. Classes: gain in accuracy over the most frequent class. Numbers: share of the
            variance of the target's normal scores, so that a few huge values decide nothing.
    """
    if len(target) < LEAST_ROWS:
        return 0.0
    halves = _halves(len(target))
    if classes:
        bins = _bins(column)
        return min(_class_gain(bins, target, *halves), _class_gain(bins, target, *halves[::-1]))
    score = _normal_score(target)
    return min(_variance_share(column, score, *halves), _variance_share(column, score, *halves[::-1]))


@lru_cache(maxsize=8)
def _halves(n: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.Generator(np.random.Philox(0)).permutation(n)
    return order[::2].copy(), order[1::2].copy()


def _bins(column: np.ndarray, most: int = 256) -> np.ndarray:
    """Codes as they are, numbers by their quantiles; each of `most` distinct numbers has a bin of its own."""
    if column.dtype.kind == "i":
        return column
    ordered = np.sort(column)
    values = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    if len(values) <= most:
        return np.searchsorted(values, column)
    edges = np.quantile(ordered, np.linspace(0, 1, most + 1)[1:-1])
    return np.searchsorted(np.unique(edges), column, side="right")


def _class_gain(bins: np.ndarray, target: np.ndarray, known: np.ndarray, judged: np.ndarray) -> float:
    width = int(target.max()) + 1
    pairs, counts = _counted(bins[known] * width + target[known])
    most_frequent = np.bincount(target[known]).argmax()
    answer = np.full(int(bins.max()) + 1, most_frequent)
    order = np.argsort(counts, kind="stable")
    answer[pairs[order] // width] = pairs[order] % width  # the most frequent class of each bin is written last
    right, base = (answer[bins[judged]] == target[judged]).mean(), (target[judged] == most_frequent).mean()
    if (1 - base) * len(judged) < 10:
        return 0.0
    return float((right - base) / (1 - base))


def _counted(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct codes, ascending, and how often each occurs."""
    if int(codes.max()) > 4 * len(codes):
        return np.unique(codes, return_counts=True)
    counts = np.bincount(codes)
    pairs = np.flatnonzero(counts)
    return pairs, counts[pairs]


def _normal_score(target: np.ndarray) -> np.ndarray:
    ranks = pl.Series(target).rank().to_numpy()  # equal values share the mean of theirs
    return np.asarray(ndtri((ranks - 0.5) / len(target)))


def _variance_share(column: np.ndarray, target: np.ndarray, known: np.ndarray, judged: np.ndarray) -> float:
    """Explained by straight lines between the mean targets of narrow bins (numbers), or by each code's mean."""
    bins = _bins(column)
    count = np.bincount(bins[known], minlength=int(bins.max()) + 1)
    sums = np.bincount(bins[known], target[known], len(count))
    filled = count > 0
    level = sums[filled] / count[filled]
    if column.dtype.kind == "i":
        means = np.full(len(count), target[known].mean())
        means[filled] = level
        predicted = means[bins[judged]]
    else:
        centre = np.bincount(bins[known], column[known], len(count))[filled] / count[filled]
        order = np.argsort(centre, kind="stable")
        predicted = np.interp(column[judged], centre[order], level[order])
    spread = ((target[judged] - target[judged].mean()) ** 2).mean()
    return float(1 - ((target[judged] - predicted) ** 2).mean() / spread) if spread > 0 else 0.0


def drift(train: np.ndarray, test: np.ndarray) -> float:
    """Distance between two samples of one encoded column, 0 if no larger than chance explains.

    Numbers: Kolmogorov-Smirnov; codes: total variation, less what two samples of these sizes differ by anyway.
    """
    if min(len(train), len(test)) < LEAST_TESTED:
        return 0.0
    both = len(train) * len(test) / (len(train) + len(test))
    if train.dtype.kind == "i":
        width = int(max(train.max(), test.max())) + 1
        p, q = np.bincount(train, minlength=width) / len(train), np.bincount(test, minlength=width) / len(test)
        expected = np.sqrt(2 / np.pi * (p + q) / 2 / both).sum() / 2
        return float(max(0.0, np.abs(p - q).sum() / 2 - expected))
    points = np.sort(np.concatenate([train, test]))
    gap = np.searchsorted(np.sort(train), points, "right") / len(train) - np.searchsorted(np.sort(test), points, "right") / len(
        test
    )
    distance = float(np.abs(gap).max())
    return distance if distance > 2.2 / np.sqrt(both) else 0.0
