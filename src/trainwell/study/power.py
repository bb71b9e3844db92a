"""How many pairs it takes to tell a difference: a power calculation, and stated as one."""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()
#: How often a true difference should be told.
POWER = 0.8
#: More pairs than this nobody trains; the answer is then "none within reason".
MOST_PAIRS = 1000


def fewest_pairs(alpha: float = 0.05) -> int:
    """The fewest pairs whose sign-flip p-value can reach `alpha`: n pairs have 2^n patterns, two of them the most extreme.

    Example:
        >>> fewest_pairs(0.05), fewest_pairs(0.05 / 10)
        (6, 9)
    """
    return math.ceil(1 - math.log2(alpha) - 1e-9)


def pairs_needed(
    effect: float, deviation: float, *, alpha: float = 0.05, power: float = POWER, most: int = MOST_PAIRS
) -> int | None:
    """Pairs with which a mean difference of `effect` is told from zero with probability `power`; None above `most`.

    Args:
        effect: mean difference of a pair, supposed to be the true one.
        deviation: standard deviation of the differences.
        alpha: two-sided level of the test.
        power: how often it is told.
        most: more than nobody would train.

    Source: Guenther, "Sample size formulas for normal theory t tests", The American Statistician 1981.

    Example:
        >>> pairs_needed(0.01, 0.01), pairs_needed(0.01, 0.03), pairs_needed(0.0, 0.03)
        (10, 73, None)
    """
    if not (math.isfinite(effect) and math.isfinite(deviation)) or effect == 0:
        return None
    z, more = _NORMAL.inv_cdf(1 - alpha / 2), _NORMAL.inv_cdf(power)
    size = (z + more) ** 2 * (deviation / effect) ** 2 + z * z / 2
    return max(fewest_pairs(alpha), math.ceil(size)) if size <= most else None


def detectable(deviation: float, pairs: int, *, alpha: float = 0.05, power: float = POWER) -> float:
    """The smallest mean difference that `pairs` pairs tell with probability `power`; NaN where they can tell none.

    Example:
        >>> round(detectable(0.01, 10), 4), detectable(0.01, 5)
        (0.0099, nan)
    """
    z, more = _NORMAL.inv_cdf(1 - alpha / 2), _NORMAL.inv_cdf(power)
    if pairs < fewest_pairs(alpha) or pairs <= z * z / 2 or not math.isfinite(deviation):
        return math.nan
    return (z + more) * deviation / math.sqrt(pairs - z * z / 2)
