"""LAMB: Adam whose step is as long, layer by layer, as the layer's weights; made for very large batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trainwell.optim.light import light
from trainwell.optim.registry import optimizers
from trainwell.optim.rules import Groups, ready


@optimizers.register
def lamb(groups: Groups, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-6) -> torch.optim.Optimizer:
    """Adam's update of each layer, scaled to the norm of that layer's weights: a relative step, for batches of thousands.

    Every layer needs its own norms, so its members are trained one by one or in processes, not as a stack.

    Source: You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", ICLR 2020, algorithm 2.

    Args:
        betas: decay of the running mean of gradients and of their squares.
        eps: added to the denominator.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> weight.grad = torch.tensor([1.0, 1.0])
        >>> lamb([{"params": [weight], "lr": 0.1}]).step()
        >>> round((torch.tensor([3.0, 4.0]) - weight.data).norm().item(), 4)  # a tenth of the norm of (3, 4)
        0.5
    """
    return light(Lamb)(groups, betas, eps)


class Lamb(torch.optim.Optimizer):
    """What `lamb` gives."""

    def __init__(self, groups: Groups, betas: tuple[float, float], eps: float) -> None:
        super().__init__(groups, {"lr": 1.0, "weight_decay": 0.0})
        self.betas, self.eps = betas, eps

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # the loop asks for no loss
        """One update of every parameter that has a gradient."""
        assert closure is None, "the loop computes the loss"
        for group in self.param_groups:
            weights, gradients, means = ready(self, group, "mean")
            for weight, gradient, mean in zip(weights, gradients, means, strict=True):
                self._move(weight, gradient, mean, rate=group["lr"], decay=group["weight_decay"])

    def _move(self, weight: Tensor, gradient: Tensor, mean: Tensor, *, rate: float, decay: float) -> None:
        state, (beta1, beta2) = self.state[weight], self.betas
        square = state.setdefault("square", torch.zeros_like(weight))
        count = state.setdefault("step", torch.zeros(()))
        count += 1
        t = count.item()
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        update = (mean / (1 - beta1**t)).div_((square / (1 - beta2**t)).sqrt_().add_(self.eps)).add_(weight, alpha=decay)
        length, size = update.norm(), weight.norm()
        # A layer of zeros has no length to go by, and moves as Adam would.
        trust = torch.where((size > 0) & (length > 0), size / length, 1.0)
        weight.sub_(update.mul_(trust), alpha=rate)
