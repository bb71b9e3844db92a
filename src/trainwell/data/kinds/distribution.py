"""The train values of one number column as sorted distinct values with counts.

Everything that is fitted or shown (quantiles, mean, mode, fences, histogram) is read from this one pass over the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

#: Whole numbers are counted by their value, not sorted, where their range is below this and below twice the number of rows.
SMALL_RANGE = 1 << 21


@dataclass(frozen=True)
class Distribution:
    """Sorted distinct values (K,) float64 and how often each occurs (K,) int64."""

    values: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, whole: tuple[int, int] | None = None) -> Distribution:
        """From values with NaN for missing; `whole` is (least, greatest) of a column known to hold whole numbers only.

        Example:
            >>> Distribution.of(np.array([2.0, 1.0, np.nan, 2.0])).counts
            array([1, 2])
        """
        if whole is not None and whole[1] - whole[0] < 2 * len(values):
            return cls.counted(np.bincount((values[~np.isnan(values)] - whole[0]).astype(np.int32)), whole[0])
        present = pl.Series(values[~np.isnan(values)] + 0.0).sort().to_numpy()  # + 0.0 makes -0.0 plain 0
        first = np.flatnonzero(np.concatenate([[True], present[1:] != present[:-1]])) if len(present) else np.zeros(0, np.int64)
        return cls(present[first], np.diff(np.append(first, len(present))))

    @classmethod
    def counted(cls, counts: np.ndarray, least: int) -> Distribution:
        """From how often `least` and each whole number after it occurs."""
        found = np.flatnonzero(counts)
        return cls((found + least).astype(np.float64), counts[found])

    @cached_property
    def total(self) -> int:
        return int(self.counts.sum())

    @cached_property
    def _cumulative(self) -> np.ndarray:
        return np.cumsum(self.counts)

    def at(self, position: np.ndarray | int) -> np.ndarray:
        """The values at places of the sorted column, counted from 0."""
        return self.values[np.searchsorted(self._cumulative, position, side="right")]

    def quantile(self, share: float) -> float:
        """As `numpy.quantile` with linear interpolation; 0 for an empty column."""
        if not self.total:
            return 0.0
        place = (self.total - 1) * share
        low, high = float(self.at(int(np.floor(place)))), float(self.at(int(np.ceil(place))))
        return low + (high - low) * float(place - np.floor(place))

    @cached_property
    def median(self) -> float:
        return self.quantile(0.5)

    @cached_property
    def mean(self) -> float:
        return self._average(self.values) if self.total else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation with divisor N."""
        return float(np.sqrt(self._average((self.values - self.mean) ** 2))) if self.total else 0.0

    def _average(self, values: np.ndarray) -> float:
        """Over all rows of the column; not by BLAS, whose last bits depend on the number of threads."""
        return float((values * self.counts).sum() / self.total)

    @property
    def mode(self) -> float:
        """The most frequent value, the least of those that tie."""
        return float(self.values[self.counts.argmax()]) if self.total else 0.0

    @property
    def middle_ranks(self) -> np.ndarray:
        """(K,) share of the column below each value, its own occurrences counted half; strictly inside (0, 1)."""
        return (self._cumulative - self.counts / 2) / self.total

    def knots(self, most: int) -> np.ndarray:
        """Places of at most `most` distinct values that stand evenly in the sorted column, the ends among them."""
        if len(self.values) <= most:
            return np.arange(len(self.values))
        even = np.linspace(0, self.total - 1, most).round().astype(np.int64)
        return np.unique(np.searchsorted(self._cumulative, even, side="right"))

    @property
    def median_deviation(self) -> float:
        """Median distance from the median, the lower one of an even number."""
        distance = np.abs(self.values - self.median)
        order = np.argsort(distance, kind="stable")  # falls, then rises: one merge
        middle = np.searchsorted(np.cumsum(self.counts[order]), (self.total + 1) // 2)
        return float(distance[order[middle]])

    def _within(self, low: float, high: float) -> int:
        first, last = np.searchsorted(self.values, low, "left"), np.searchsorted(self.values, high, "right")
        return int(self._cumulative[last - 1] if last else 0) - int(self._cumulative[first - 1] if first else 0)

    def fence(self, rule: str) -> tuple[float, float]:
        """Bounds beyond which a value counts as an outlier; (-inf, inf) for a column without spread.

        `mad`: 5 robust deviations from the median; where more than half of the values are equal, the mean distance from the
        median stands in for the median distance. `iqr`: 3 interquartile ranges from the quartiles.

        Source: Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993.
        """
        if len(self.values) < 2:
            return -np.inf, np.inf
        if rule == "iqr":
            low, high = self.quantile(0.25), self.quantile(0.75)
            reach = 3 * (high - low)
            if reach > 0:
                return low - reach, high + reach
        centre = self.median
        spread = 1.482602 * self.median_deviation
        if spread <= 1e-9 * (self.values[-1] - self.values[0]):
            spread = 1.253314 * self._average(np.abs(self.values - centre))
        return centre - 5 * spread, centre + 5 * spread

    def outside(self, low: float, high: float) -> int:
        """Number of values beyond the bounds."""
        return self.total - self._within(low, high)

    def inside(self, low: float, high: float) -> Distribution:
        """Without the values beyond the bounds."""
        keep = (self.values >= low) & (self.values <= high)
        return Distribution(self.values[keep], self.counts[keep])

    def clipped(self, low: float, high: float) -> Distribution:
        """With the values beyond the bounds moved onto them."""
        values, place = np.unique(self.values.clip(low, high), return_inverse=True)
        return Distribution(values, np.bincount(place, weights=self.counts).astype(np.int64))

    def histogram(self, bins: int = 24) -> dict[str, list[float]]:
        """Equal bins between the 0.5% and 99.5% quantiles; what lies beyond is counted in the end bins."""
        if not self.total:
            return {"edges": [], "counts": []}
        low, high = self.quantile(0.005), self.quantile(0.995)
        if not low < high:
            low, high = float(self.values[0]), float(self.values[-1])
        edges = np.linspace(low, high, bins + 1)
        place = (np.searchsorted(edges, self.values, side="right") - 1).clip(0, bins - 1)
        return {"edges": edges.tolist(), "counts": np.bincount(place, weights=self.counts, minlength=bins).tolist()}
