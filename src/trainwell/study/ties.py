"""Which of many candidates cannot be told from the best: groups of ties, found by permutation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trainwell.core.seeds import draw_seed
from trainwell.core.stats import Floats

#: Permutations per test; 1000 leave p = 0.05 known to 0.014.
PERMUTATIONS = 1000


def filled(scores: ArrayLike, higher_is_better: bool) -> Floats:
    """Scores `(n, m)` in which more is better, and a run that failed is as far below the worst as that is below the best.

    Example:
        >>> filled([[1.0, 3.0], [np.nan, 2.0]], higher_is_better=True).tolist()
        [[1.0, 3.0], [-1.0, 2.0]]
    """
    s = np.asarray(scores, dtype=np.float64)
    s = s if higher_is_better else -s
    seen = s[np.isfinite(s)]
    best, worst = (float(seen.max()), float(seen.min())) if len(seen) else (0.0, 0.0)
    found: Floats = np.where(np.isfinite(s), s, worst - max(best - worst, 1e-6))
    return found


def tie_groups(
    scores: ArrayLike, *, higher_is_better: bool, alpha: float = 0.05, permutations: int = PERMUTATIONS, seed: int = 0
) -> list[int]:
    """The group of every candidate: 0 are those that cannot be told from the best, 1 those that cannot be told from the best
    of the rest, and so on.

    A group starts with all candidates. As long as their scores differ more than the same scores would if it did not matter
    which candidate got which within a seed, the one that loses most clearly to another leaves. The best of all is then in
    group 0 but for a chance of about `alpha`, however many candidates there are.

    Args:
        scores: one row per seed, one column per candidate, `(n, m)`; NaN for runs that became not finite.
        higher_is_better: direction of the score.
        alpha: the chance to lose the best.
        permutations: per test.
        seed: of the permutations.

    Source: Hansen, Lunde and Nason, "The model confidence set", Econometrica 2011, with permutations within seeds (as in
    Friedman's test) in place of the bootstrap, because seeds are few.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> scores = rng.normal([0.90, 0.90, 0.70], 0.01, (8, 3))
        >>> tie_groups(scores, higher_is_better=True)
        [0, 0, 1]
    """
    s = filled(scores, higher_is_better)
    groups, left, number = [0] * s.shape[1], list(range(s.shape[1])), 0
    rng = np.random.default_rng(draw_seed(seed, "ties"))
    while left:
        group = _set_of_best(s, left, alpha, permutations, rng)
        for candidate in group:
            groups[candidate] = number
        left, number = [c for c in left if c not in group], number + 1
    return groups


def _set_of_best(s: Floats, left: list[int], alpha: float, permutations: int, rng: np.random.Generator) -> list[int]:
    kept, reached = list(left), 0.0
    while len(kept) > 1:
        seen = _lead(s[None][:, :, kept])[0]
        drawn = _lead(_permuted(s[:, kept], permutations, rng)).reshape(permutations, -1).max(axis=1)
        extreme = int((drawn >= seen.max() * (1 - 1e-9)).sum())
        reached = max(reached, (extreme + 1) / (permutations + 1))
        if reached > alpha:
            break
        del kept[int(seen.max(axis=0).argmax())]  # the one that another leads most clearly
    return kept


def _permuted(s: Floats, times: int, rng: np.random.Generator) -> Floats:
    """Scores dealt anew within each seed: `(times, n, m)`."""
    found: Floats = rng.permuted(np.broadcast_to(s, (times, *s.shape)), axis=2)
    return found


def _lead(s: Floats) -> Floats:
    """How clearly candidate i leads j: mean difference over its standard error, `(R, n, m)` → `(R, m, m)`."""
    n = s.shape[1]
    mean = s.mean(axis=1)
    d = mean[:, :, None] - mean[:, None, :]
    centred = s - mean[:, None, :]
    products = np.einsum("rni,rnj->rij", centred, centred)
    own = np.einsum("rii->ri", products)
    variance = np.maximum(own[:, :, None] + own[:, None, :] - 2 * products, 0.0) / max(n - 1, 1) / n
    # Equal differences in every seed have no spread: told from zero as clearly as rounding allows.
    floor = 1e-9 * np.abs(s).max(initial=1e-300)
    found: Floats = d / np.sqrt(variance + floor * floor)
    return found
