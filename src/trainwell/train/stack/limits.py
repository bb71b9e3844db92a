"""What is done to a stack's gradients before an update, to its weights and averages after it; every number is a member's own.

K members, P numbers in each, the first M of them in matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from trainwell.core.recipe import Recipe
from trainwell.optim.limits import even, recent


class Limit(NamedTuple):
    """A number for those members that have it.

    Args:
        rows: the shortest stretch of the stack that holds them all.
        numbers: of the members of this stretch, a number that does nothing for those without.
    """

    rows: slice
    numbers: Tensor

    @classmethod
    def of(cls, values: Sequence[float], like: Tensor, *, off: float = 0.0) -> Limit | None:
        """The limit of these values, None where all of them are off.

        Example:
            >>> Limit.of([0.0, 0.5, 0.0], torch.zeros(1))
            Limit(rows=slice(1, 2, None), numbers=tensor([[0.5000]]))
        """
        places = [place for place, value in enumerate(values) if value != off]
        if not places:
            return None
        rows = slice(places[0], places[-1] + 1)
        return cls(rows, like.new_tensor(values[rows])[:, None])


class StackLimits:
    """Penalties, clipping, largest norms and averaging of all members.

    Args:
        recipes: of the members.
        starts: the update at which each member's even averaging begins, None where there is none.
        matrices: M.
        flat: the members' parameters.
    """

    def __init__(self, recipes: Sequence[Recipe], starts: Sequence[int | None], matrices: int, flat: Tensor) -> None:
        self._matrices, endless = matrices, float("inf")
        self._l1, self._l2 = (Limit.of(values, flat) for values in ([r.l1 for r in recipes], [r.l2 for r in recipes]))
        self._value = Limit.of([r.clip_value or endless for r in recipes], flat, off=endless)
        self._norm = Limit.of([_number(r.clip_norm) or endless for r in recipes], flat, off=endless)
        self._largest = Limit.of([r.max_norm or endless for r in recipes], flat, off=endless)
        self._shares = [_share(r, start) for r, start in zip(recipes, starts, strict=True)]
        self.averages = any(share is not None for share in self._shares)

    def before(self, gradients: Tensor, flat: Tensor) -> None:
        """Add penalties to gradients `(K, P)` and clip them, in the order of a single network."""
        m = self._matrices
        if self._l2 is not None:
            rows, strength = self._l2
            gradients[rows, :m].add_(flat[rows, :m] * strength)
        if self._l1 is not None:
            rows, strength = self._l1
            gradients[rows, :m].add_(flat[rows, :m].sign() * strength)
        if self._value is not None:
            rows, largest = self._value
            gradients[rows].clamp_(-largest, largest)
        if self._norm is not None:
            rows, longest = self._norm
            norm = torch.linalg.vector_norm(gradients[rows], dim=1, keepdim=True)  # (members, 1)
            gradients[rows].mul_((longest / (norm + 1e-6)).clamp(max=1.0))

    def after(self, weights: Iterable[Tensor]) -> None:
        """Scale the weights into each unit, of matrices `(K, units, …)`, to at most the largest norm."""
        if self._largest is None:
            return
        rows, largest = self._largest
        for weight in (w[rows] for w in weights if w.ndim > 2):
            norm = torch.linalg.vector_norm(weight.flatten(2), dim=2)  # (members, units)
            scale = torch.where(norm > largest, largest / (norm + 1e-7), 1.0)
            weight.mul_(scale.view(*scale.shape, *(1 for _ in weight.shape[2:])))

    def average(
        self, average: Tensor, flat: Tensor, averaged: dict[str, Tensor], buffers: dict[str, Tensor], number: int
    ) -> None:
        """Move the averages of weights and float buffers; those of members without averaging follow at once."""
        steps = [share(number) if share is not None else 1.0 for share in self._shares]
        column = torch.tensor(steps, dtype=flat.dtype, device=flat.device)
        average.lerp_(flat, column[:, None])
        for name, buffer in averaged.items():
            buffer.lerp_(buffers[name], column.view(-1, *(1 for _ in buffer.shape[1:])))


def _share(recipe: Recipe, start: int | None) -> Callable[[int], float] | None:
    """The share of the newest weights in a member's average; None where it keeps none."""
    if start is not None:
        return partial(even, start=start)
    return partial(recent, decay=_number(recipe.ema)) if recipe.ema else None


def _number(value: float | str) -> float:
    assert not isinstance(value, str), "the recipe must be resolved first"
    return value
