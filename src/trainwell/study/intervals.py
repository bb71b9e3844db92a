"""Intervals of scores that are not independent: networks of overlapping training sets, and networks judged on the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trainwell.core.stats import Interval, percentile_interval
from trainwell.score.metric import Statistic, resampled


def corrected_interval(scores: Sequence[float], ratio: float, *, level: float = 0.95) -> Interval:
    """The mean of scores from overlapping training sets, with Student's interval and a variance corrected for the overlap.

    The scores of J resampled splits are not independent, so their spread over √J promises too much. The correction takes
    1/J + n_test/n_train for 1/J: even infinitely many splits of the same rows leave some doubt.

    Args:
        scores: one per split; NaN is left out.
        ratio: n_test / n_train.
        level: confidence level.

    Source: Nadeau and Bengio, "Inference for the generalization error", Machine Learning 2003; for repeated k-fold: Bouckaert
    and Frank, "Evaluating the replicability of significance tests for comparing learning algorithms", PAKDD 2004.

    Example:
        >>> print(corrected_interval([0.90, 0.92, 0.88, 0.91, 0.89], 1 / 4))
        0.900 (95% CI 0.871 to 0.929, n=5)
    """
    from scipy.special import stdtrit

    x = np.asarray(scores, dtype=np.float64)
    x = x[np.isfinite(x)]
    if len(x) < 2:
        return Interval(float(x.mean()) if len(x) else math.nan, math.nan, math.nan, len(x), level)
    deviation = math.sqrt((1 / len(x) + ratio) * float(x.var(ddof=1)))
    half = float(stdtrit(len(x) - 1, (1 + level) / 2)) * deviation
    mean = float(x.mean())
    return Interval(mean, mean - half, mean + half, len(x), level)


def better_by(gain: Interval) -> str:
    """How much better something is, in words; positive is better, whatever the metric's direction.

    Example:
        >>> better_by(Interval(0.009, -0.001, 0.019, 845))
        'better by 0.009 (95% CI -0.001 to 0.019, n=845)'
        >>> better_by(Interval(-0.077, -0.109, -0.045, 845))
        'worse by 0.077 (95% CI 0.045 to 0.109, n=845)'
    """
    if gain.value >= 0:
        return f"better by {gain}"
    return f"worse by {Interval(-gain.value, -gain.high, -gain.low, gain.n, gain.level)}"


def mean_interval(statistics: Sequence[Statistic]) -> Interval:
    """The mean of one score over several networks judged on the same rows, with its interval over rows.

    All networks see the same resamples of the rows, so what they have in common does not average out.

    Args:
        statistics: the score of each network, on the same rows in the same order.

    Example:
        >>> from trainwell.score.metric import mean_of
        >>> rows = np.array([0.0, 1.0, 1.0, 1.0] * 25)
        >>> print(mean_interval([mean_of(rows), mean_of(rows)]))
        0.75 (95% CI 0.67 to 0.83, n=100)
    """
    value = float(np.mean([s.value for s in statistics]))
    draws = resampled({str(i): s for i, s in enumerate(statistics)})
    mean = np.mean(list(draws.values()), axis=0)
    return percentile_interval(value, mean, statistics[0].n, centre=statistics[0].centre)
