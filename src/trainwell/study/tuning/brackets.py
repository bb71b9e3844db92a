"""How candidates are put into batches, and how halving gives a small budget to many and the whole one to few."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe


@dataclass(frozen=True)
class Brackets:
    """Batches of candidates, each trained together; with more than one rung each batch is one run of successive halving.

    Args:
        size: candidates of a batch; of the largest one with `mixed`.
        rungs: budgets; 1 trains every candidate in full.
        keep: one candidate in `keep` goes on to the next rung, whose budget is `keep` times as large.
        mixed: Hyperband: batches take turns in starting at the first rung, the second, …, with fewer candidates each: a hedge
            against keys whose good values look bad early on.

    Raises:
        UsageError: a number is too small.

    Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016;
    Li et al., "Hyperband", JMLR 2018.

    Example:
        >>> brackets = Brackets(9, rungs=3, keep=3)
        >>> [(brackets.fraction(rung), n) for rung, n in brackets.ladder(0, 9)]
        [(0.1111111111111111, 9), (0.3333333333333333, 3), (1.0, 1)]
    """

    size: int
    rungs: int = 1
    keep: int = 3
    mixed: bool = False

    def __post_init__(self) -> None:
        for name, value, least in (("batch", self.size, 1), ("rungs", self.rungs, 1), ("keep", self.keep, 2)):
            if value < least:
                raise UsageError(f"{name} must be at least {least}, however: {name}={value}")

    def size_of(self, batch: int) -> int:
        """Candidates of a batch."""
        skipped = self.first_rung(batch)
        return max(1, math.ceil(self.size * self.rungs / (self.rungs - skipped) / self.keep**skipped))

    def first_rung(self, batch: int) -> int:
        """The rung at which a batch starts."""
        return batch % self.rungs if self.mixed else 0

    def members(self, batch: int) -> range:
        """The numbers of a batch's candidates.

        Example:
            >>> [Brackets(9, rungs=3, mixed=True).members(batch) for batch in range(4)]
            [range(0, 9), range(9, 14), range(14, 17), range(17, 26)]
        """
        turns, rest = divmod(batch, self.rungs if self.mixed else 1)
        turn = sum(self.size_of(b) for b in range(self.rungs if self.mixed else 1))
        start = turns * turn + sum(self.size_of(b) for b in range(rest))
        return range(start, start + self.size_of(batch))

    def batch_of(self, number: int) -> int:
        """The batch of a candidate."""
        return next(batch for batch in range(number + 1) if number in self.members(batch))

    def count(self, trials: int) -> int:
        """Batches that hold so many candidates; the last one may be cut short."""
        return self.batch_of(trials - 1) + 1 if trials > 0 else 0

    def whole(self, trials: int) -> int:
        """So many candidates, or with halving enough more to fill the last batch: half a bracket would keep others."""
        return trials if self.rungs == 1 or trials < 1 else self.members(self.batch_of(trials - 1)).stop

    def fraction(self, rung: int) -> float:
        """The share of the epochs that a rung trains."""
        return float(self.keep) ** (rung - self.rungs + 1)

    def ladder(self, batch: int, n: int) -> Iterator[tuple[int, int]]:
        """Each rung of a batch of n, with the number of candidates that are trained there."""
        for rung in range(self.first_rung(batch), self.rungs):
            yield rung, n
            n = max(1, n // self.keep)


def shortened(recipe: Recipe, fraction: float) -> Recipe:
    """The recipe with a share of its epochs: a whole training of its own, whose schedule ends where it ends.

    A rung is trained anew and not continued, because the rate of a short run has to come down within it: the score of a
    schedule cut off in the middle says little about its end. With `keep` 3 this costs at most a third of the last rung more.

    Example:
        >>> shortened(Recipe(epochs=30), 1 / 3).epochs, shortened(Recipe(steps=100), 1 / 3).steps
        (10.0, 34)
    """
    if fraction >= 1:
        return recipe
    if recipe.steps:
        return recipe.but(steps=math.ceil(recipe.steps * fraction))
    assert recipe.epochs != "auto", "the recipe must be resolved first"
    return recipe.but(epochs=round(recipe.epochs * fraction, 6))
