"""Lion: every weight moves by the same length, and only the sign is learned from the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from trainwell.optim.light import light
from trainwell.optim.registry import optimizers
from trainwell.optim.rules import Groups, ready


@optimizers.register
def lion(groups: Groups, *, betas: tuple[float, float] = (0.9, 0.99)) -> torch.optim.Optimizer:
    """The sign of a mix of momentum and gradient, with decoupled weight decay; holds half the state of AdamW.

    Every entry moves by the learning rate itself: take a third to a tenth of AdamW's rate, and three to ten times its decay.

    Source: Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023.

    Args:
        betas: share of momentum in the update, and decay of the momentum.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> weight.grad = torch.tensor([0.5, -3.0])
        >>> lion([{"params": [weight], "lr": 0.1}]).step()
        >>> weight.data
        tensor([0.9000, 1.1000])
    """
    return light(Lion)(groups, betas)


class Lion(torch.optim.Optimizer):
    """What `lion` gives."""

    def __init__(self, groups: Groups, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"lr": 1.0, "weight_decay": 0.0})
        self.betas = betas

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # the loop asks for no loss
        """One update of every parameter that has a gradient."""
        assert closure is None, "the loop computes the loss"
        mix, decay = self.betas
        for group in self.param_groups:
            weights, gradients, means = ready(self, group, "momentum")
            if not weights:
                continue
            updates = torch._foreach_lerp(means, gradients, 1 - mix)
            torch._foreach_sign_(updates)
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(weights, updates, alpha=-group["lr"])
            torch._foreach_lerp_(means, gradients, 1 - decay)
