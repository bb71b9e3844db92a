"""What is done to a stack's gradients before an update, to its weights and averages after it; every number is a member's own.

K members, P numbers in each, the first M of them in matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
from torch import Tensor

from trainwell.core.recipe import Recipe
from trainwell.optim.limits import even, recent
from trainwell.train.stack.rules import Number, numbers


class StackLimits:
    """Penalties, clipping, largest norms and averaging of all members.

    Args:
        recipes: of the members.
        starts: the update at which each member's even averaging begins, None where there is none.
        matrices: M.
        flat: the members' parameters.
    """

    def __init__(self, recipes: Sequence[Recipe], starts: Sequence[int | None], matrices: int, flat: Tensor) -> None:
        self._matrices, self._like = matrices, flat[:0]
        self._l1, self._l2 = self._column([r.l1 for r in recipes]), self._column([r.l2 for r in recipes])
        self._value = self._column([r.clip_value or float("inf") for r in recipes], off=float("inf"))
        self._norm = self._column([_number(r.clip_norm) or float("inf") for r in recipes], off=float("inf"))
        self._largest = self._column([r.max_norm or float("inf") for r in recipes], off=float("inf"))
        self._shares = [_share(r, start) for r, start in zip(recipes, starts, strict=True)]
        self.averages = any(share is not None for share in self._shares)

    def _column(self, values: Sequence[float], off: float = 0.0) -> Number | None:
        return None if all(v == off for v in values) else numbers(values, self._like)

    def before(self, gradients: Tensor, flat: Tensor) -> None:
        """Add penalties to gradients `(K, P)` and clip them, in the order of a single network."""
        m = self._matrices
        if self._l2 is not None:
            gradients[:, :m].add_(flat[:, :m] * self._l2)
        if self._l1 is not None:
            gradients[:, :m].add_(flat[:, :m].sign() * self._l1)
        if self._value is not None:
            largest = torch.as_tensor(self._value, dtype=flat.dtype, device=flat.device)
            gradients.clamp_(-largest, largest)
        if self._norm is not None:
            norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)  # (K, 1)
            gradients.mul_((self._norm / (norm + 1e-6)).clamp(max=1.0))

    def after(self, weights: Iterable[Tensor]) -> None:
        """Scale the weights into each unit, of matrices `(K, units, …)`, to at most the largest norm."""
        if self._largest is None:
            return
        for weight in weights:
            if weight.ndim > 2:
                largest = torch.as_tensor(self._largest, dtype=weight.dtype, device=weight.device)
                norm = torch.linalg.vector_norm(weight.flatten(2), dim=2)  # (K, units)
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
