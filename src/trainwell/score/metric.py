"""What a metric is: a number for a set of predictions that can be had again, fast, for every resample of its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import update_wrapper
from typing import Any

import numpy as np

from trainwell.core.shape import Task
from trainwell.core.stats import (
    Floats,
    Interval,
    bootstrap_mean,
    count_blocks,
    percentile_interval,
    resample_counts,
    wilson_interval,
)
from trainwell.score.predictions import Array, Predictions

Bounds = tuple[float, float]
Weighted = Callable[[Floats], Floats]

#: Counts drawn at most for one interval: 1000 resamples of 50,000 rows take under two seconds; more rows get fewer resamples.
MOST_COUNTS = 50_000_000
FEWEST_RESAMPLES = 100
#: Below so many rows a mean gets BCa limits with the small-sample correction.
SMALL = 200


@dataclass(frozen=True)
class Statistic:
    """A score of N rows as a function of how often each row counts.

    Args:
        n: number of rows N.
        weighted: row counts `(R, N)` → scores `(R,)`; the bootstrap hands in a thousand resamples at once.
        rows: one number per row whose plain mean is the score, `(N,)`, for scores that are one; else None.
        share: whether the score is the share of rows with a property, `rows` being 0 or 1.
        centre: whether resampling pushes the score to one side (see `percentile_interval`).

    Example:
        >>> mean_of(np.array([0.0, 1.0, 1.0, 1.0])).value
        0.75
    """

    n: int
    weighted: Weighted
    rows: Floats | None = None
    share: bool = False
    centre: bool = False

    @property
    def value(self) -> float:
        """The score of all rows, each counted once; NaN without rows."""
        if self.n == 0:
            return float("nan")
        return float(self.weighted(np.ones((1, self.n)))[0])


def mean_of(rows: Floats) -> Statistic:
    """The score that is the mean of one number per row `(N,)`."""
    n = len(rows)
    return Statistic(n, lambda w: w @ rows / n, rows)


def share_of(rows: Floats) -> Statistic:
    """The score that is the share of rows with a property, 0.0 or 1.0 per row `(N,)`."""
    return replace(mean_of(rows), share=True)


def ratio(a: Floats, b: Floats, *, empty: float = 0.0) -> Floats:
    """a / b, and `empty` where b is 0."""
    result: Floats = np.divide(a, b, out=np.full(np.shape(a), empty), where=b > 0)
    return result


def function_of_means(columns: Floats, finish: Callable[[Floats], Floats]) -> Statistic:
    """The score that `finish` computes from means: columns `(N, k)`, finish `(R, k)` → `(R,)`."""
    n = len(columns)
    return Statistic(n, lambda w: finish(w @ columns / n))


class Metric:
    """A registered metric: call it for a number, ask it for a `Statistic` to get an interval.

    Args:
        function: `(prediction, *, options) -> Statistic`.
        higher_is_better: whether more is better.
        tasks: the tasks it makes sense for.
        bounds: smallest and largest possible value.
        in_unit: whether it is in the target's own unit, and so cannot be compared between data sets.

    Example:
        >>> from trainwell.score.registry import metrics
        >>> p = Predictions("classification", np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]))
        >>> metrics["accuracy"](p), metrics["accuracy"].higher_is_better
        (0.5, True)
    """

    __name__: str

    def __init__(
        self,
        function: Callable[..., Statistic],
        *,
        higher_is_better: bool,
        tasks: tuple[Task, ...],
        bounds: Bounds,
        in_unit: bool = False,
    ) -> None:
        update_wrapper(self, function)
        self.statistic = function
        self.higher_is_better = higher_is_better
        self.tasks = tasks
        self.bounds = bounds
        self.in_unit = in_unit

    def __call__(self, prediction: Predictions, **options: Any) -> float:
        return self.statistic(prediction, **options).value

    def __repr__(self) -> str:
        return f"Metric({self.__name__})"

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` beats score `b`; nothing beats a number except a better number, NaN beats nothing."""
        return a > b if self.higher_is_better else a < b

    def interval(self, prediction: Predictions, **options: Any) -> Interval:
        """The score with its 95% interval."""
        found = intervals({self.__name__: self.statistic(prediction, **options)}, groups=prediction.groups)
        return found[self.__name__].within(*self.bounds)


def of_classes(
    *, higher_is_better: bool = True, bounds: Bounds = (0.0, 1.0), labels: bool = False
) -> Callable[[Callable[..., Statistic]], Metric]:
    """Decorator: a metric of class probabilities, with `labels` also of labels that may hold together."""
    tasks: tuple[Task, ...] = ("classification", "multilabel") if labels else ("classification",)
    return lambda f: Metric(f, higher_is_better=higher_is_better, tasks=tasks, bounds=bounds)


def of_labels(*, higher_is_better: bool = True) -> Callable[[Callable[..., Statistic]], Metric]:
    """Decorator: a metric of labels that may hold together."""
    return lambda f: Metric(f, higher_is_better=higher_is_better, tasks=("multilabel",), bounds=(0.0, 1.0))


def of_likelihood(function: Callable[..., Statistic]) -> Metric:
    """Decorator: a metric of the probabilities of what came, a class or the tokens of a text."""
    tasks: tuple[Task, ...] = ("classification", "multilabel", "language")
    return Metric(function, higher_is_better=False, tasks=tasks, bounds=(0.0, float("inf")))


def of_text(function: Callable[..., Statistic]) -> Metric:
    """Decorator: a metric of what a network says of running text."""
    return Metric(function, higher_is_better=False, tasks=("language",), bounds=(0.0, float("inf")))


def of_values(
    *, higher_is_better: bool = False, bounds: Bounds = (0.0, float("inf")), in_unit: bool = False
) -> Callable[[Callable[..., Statistic]], Metric]:
    """Decorator: a metric of predicted numbers."""
    return lambda f: Metric(f, higher_is_better=higher_is_better, tasks=("regression",), bounds=bounds, in_unit=in_unit)


def resamples_for(n: int, wanted: int = 1000) -> int:
    """How many resamples of n rows are drawn: `wanted`, fewer for very many rows, whose limits need no fine quantiles."""
    return max(min(wanted, FEWEST_RESAMPLES), min(wanted, MOST_COUNTS // max(n, 1)))


def resampled(
    statistics: Mapping[str, Statistic], *, resamples: int = 1000, seed: int = 0, groups: Array | None = None
) -> dict[str, Floats]:
    """Every statistic under the same resamples of their common rows: `{name: (R,)}`, so that differences are paired.

    With `groups` (N,) whole groups are drawn: windows that share their steps are no independent witnesses.
    Source: Künsch, "The jackknife and the bootstrap for general stationary observations", Annals of Statistics 1989.
    """
    if not statistics:
        return {}
    n = next(iter(statistics.values())).n
    blocks = [{k: s.weighted(w) for k, s in statistics.items()} for w in _counts(n, resamples_for(n, resamples), seed, groups)]
    return {k: np.concatenate([b[k] for b in blocks]) for k in statistics}


def _counts(n: int, resamples: int, seed: int, groups: Array | None) -> Iterator[Floats]:
    if groups is None:
        for size, block_seed in count_blocks(n, resamples, seed=seed):
            yield resample_counts(n, size, np.random.default_rng(block_seed))
        return
    _, place = np.unique(groups, return_inverse=True)
    for size, block_seed in count_blocks(n, resamples, seed=seed):  # blocks are as large as their rows make them
        drawn = resample_counts(int(place.max()) + 1, size, np.random.default_rng(block_seed))[:, place]
        yield drawn * (n / drawn.sum(axis=1, keepdims=True))


def intervals(
    statistics: Mapping[str, Statistic],
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    groups: Array | None = None,
) -> dict[str, Interval]:
    """A 95% interval for every score, from one set of resamples.

    Shares of rows (accuracy) get Wilson's limits, which stay honest when every row is a hit; all others get bootstrap limits:
    BCa below 200 rows where the score is a mean, percentile otherwise.
    With `groups` (N,) whole groups are resampled; n is their number.
    """
    if groups is not None and len(groups):
        n = len(np.unique(groups))
        draws = resampled(statistics, resamples=resamples, seed=seed, groups=groups)
        return {k: percentile_interval(s.value, draws[k], n, level=level, centre=s.centre) for k, s in statistics.items()}
    open_ones = {k: s for k, s in statistics.items() if not s.share and s.n > 1}
    draws = resampled(open_ones, resamples=resamples, seed=seed)
    return {name: _interval(s, draws.get(name), level, seed) for name, s in statistics.items()}


def _interval(s: Statistic, draws: Floats | None, level: float, seed: int) -> Interval:
    if s.share and s.rows is not None:
        return wilson_interval(float(s.rows.sum()), s.n, level=level)
    if draws is None:
        return Interval(s.value, math.nan, math.nan, s.n, level)
    if s.rows is not None and s.n < SMALL:
        return bootstrap_mean(s.rows, level=level, resamples=max(len(draws), 1000), seed=seed)
    return percentile_interval(s.value, draws, s.n, level=level, centre=s.centre)
