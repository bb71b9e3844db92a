"""Schedule-Free AdamW: no schedule and no end to be known beforehand; the network that is judged is a running average."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.optim.light import light
from trainwell.optim.registry import optimizers
from trainwell.optim.rules import Groups, ready


@optimizers.register
def schedule_free(groups: Groups, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> torch.optim.Optimizer:
    """AdamW whose judged weights are an average of all steps: a falling rate is not needed, and the run may end at any time.

    z makes AdamW's steps, x averages all z, and gradients are taken at y = (1 - beta1) z + beta1 x. Use `schedule=constant`
    with a warm-up, and no `ema` or `swa` beside it. Batch norm keeps the statistics of y, which is near x.

    Source: Defazio et al., "The road less scheduled", NeurIPS 2024.

    Args:
        betas: share of the average x at the point y, and decay of the running mean of squares.
        eps: added to the denominator.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> weight.grad = torch.ones(2)
        >>> schedule_free([{"params": [weight], "lr": 0.1}]).step()
        >>> weight.data
        tensor([0.9000, 0.9000])
    """
    return light(ScheduleFree)(groups, betas, eps)


class ScheduleFree(torch.optim.Optimizer):
    """What `schedule_free` gives: the parameters hold y, the state z and the squares; `swap` puts x in their place."""

    def __init__(self, groups: Groups, betas: tuple[float, float], eps: float) -> None:
        super().__init__(groups, {"lr": 1.0, "weight_decay": 0.0})
        if not 0 < betas[0] < 1:
            raise RecipeError(f"betas of schedule_free: the first must lie between 0 and 1, however: {betas[0]}")
        self.betas, self.eps = betas, eps
        self._kept: list[Tensor] = []

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # the loop asks for no loss
        """One update of every parameter that has a gradient."""
        assert closure is None, "the loop computes the loss"
        for group in self.param_groups:
            weights, gradients, squares = ready(self, group, "square")
            for weight, gradient, square in zip(weights, gradients, squares, strict=True):
                self._move(weight, gradient, square, rate=group["lr"], decay=group["weight_decay"])

    def _move(self, y: Tensor, gradient: Tensor, square: Tensor, *, rate: float, decay: float) -> None:
        state, (beta1, beta2) = self.state[y], self.betas
        if "z" not in state:
            state["z"] = y.detach().clone()
            state["clock"] = torch.zeros(3, dtype=torch.float64)  # updates, largest rate, sum of weights of the average
        count, share = tick(state["clock"], rate)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        step = gradient / (square / (1 - beta2**count)).sqrt_().add_(self.eps)
        step.add_(y, alpha=decay)
        y.lerp_(state["z"], share).add_(step, alpha=rate * (beta1 * (1 - share) - 1))
        state["z"].sub_(step, alpha=rate)

    @torch.no_grad()
    def swap(self) -> None:
        """Put the averages in the place of the parameters; called twice, everything is as before to the bit."""
        moved = [p for group in self.param_groups for p in group["params"] if "z" in self.state.get(p, {})]
        if self._kept:
            for parameter, kept in zip(moved, self._kept, strict=True):
                parameter.copy_(kept)
            self._kept = []
            return
        self._kept = [p.detach().clone() for p in moved]
        for parameter in moved:
            parameter.copy_(average_of(parameter, self.state[parameter]["z"], self.betas[0]))


def tick(clock: Tensor, rate: float) -> tuple[float, float]:
    """One update more: how many there were, and the share of its z in the average, by the square of the largest rate so far."""
    count, largest, total = clock.tolist()
    largest = max(largest, rate)
    total += largest**2
    clock.copy_(torch.tensor([count + 1, largest, total], dtype=torch.float64))
    return count + 1, largest**2 / total if total else 0.0


def average_of(y: Tensor, z: Tensor, beta1: float | Tensor) -> Tensor:
    """x, from y = (1 - beta1) z + beta1 x.

    Example:
        >>> average_of(torch.tensor([0.55]), torch.tensor([1.0]), 0.9)
        tensor([0.5000])
    """
    return torch.lerp(z, y, 1 / beta1)
