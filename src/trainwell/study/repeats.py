"""Repeats of one recipe: what must vary when a difference is to be more than the luck of one draw."""

from __future__ import annotations

from collections.abc import Sequence

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.train.many import Order

#: Added to the seeds of the second half of an A/A comparison: the same splits, every other draw anew.
SECOND = 1_000_000


def repeats(recipe: Recipe, n: int, *, first: int = 0) -> list[Order]:
    """The recipe n times with another split, initialisation and order of rows each.

    Seed and split vary together, because a network that is trained again on the same split shows only a part of the variation
    that a reader of the score will meet. Two recipes repeated with the same numbers are pairs: pair i shares split and seed.

    Args:
        recipe: to be repeated.
        n: how often.
        first: the first seed.

    Returns:
        `(recipe with split.seed=i, i)` for i from `first` on.

    Raises:
        UsageError: n is below 1.

    Source: Bethard, "We need to talk about random seeds", 2022; Bouthillier et al., "Accounting for variance in machine
    learning benchmarks", MLSys 2021.

    Example:
        >>> [(recipe.split.seed, seed) for recipe, seed in repeats(Recipe(), 3)]
        [(0, 0), (1, 1), (2, 2)]
    """
    if n < 1:
        raise UsageError(f"a recipe cannot be repeated {n} times", remedy="Give repeats=8 or more.")
    return [(recipe.but(split__seed=i), i) for i in range(first, first + n)]


def again(orders: Sequence[Order]) -> list[Order]:
    """The same orders on the same splits with every other draw anew: the second half of an A/A comparison.

    Example:
        >>> [(recipe.split.seed, seed) for recipe, seed in again(repeats(Recipe(), 2))]
        [(0, 1000000), (1, 1000001)]
    """
    return [(recipe, seed + SECOND) for recipe, seed in orders]
