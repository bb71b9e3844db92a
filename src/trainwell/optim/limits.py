"""What is done to gradients before an update and to weights after it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def add_penalties(parameters: Sequence[Tensor], *, l1: float, l2: float) -> None:
    """Add the gradient of `l1 * sum|w| + l2 / 2 * sum w²` over weight matrices (biases and norms are left out)."""
    weights = [p for p in parameters if p.ndim >= 2 and p.grad is not None]
    gradients = [p.grad for p in weights if p.grad is not None]
    if not weights:
        return
    if l2:
        torch._foreach_add_(gradients, [w.detach() for w in weights], alpha=l2)
    if l1:
        torch._foreach_add_(gradients, [w.detach().sign() for w in weights], alpha=l1)


def total_norm(gradients: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of all gradients as one vector, shape `()`."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(gradients))))


def clip_norm(gradients: Sequence[Tensor], largest: float) -> Tensor:
    """Scale all gradients together so that their norm is at most `largest`; returns the norm before, as torch does."""
    norm = total_norm(gradients)
    torch._foreach_mul_(list(gradients), (largest / (norm + 1e-6)).clamp(max=1.0))
    return norm


def clip_value(gradients: Sequence[Tensor], largest: float) -> None:
    """Clamp each gradient entry to [-largest, largest]."""
    torch._foreach_clamp_min_(list(gradients), -largest)
    torch._foreach_clamp_max_(list(gradients), largest)


def limit_norm(parameters: Sequence[Tensor], largest: float) -> None:
    """Scale the weights into each unit so that their norm is at most `largest` (max-norm constraint).

    Source: Srivastava et al., "Dropout", JMLR 2014, section 5.1.
    """
    with torch.no_grad():
        for weight in parameters:
            if weight.ndim >= 2:
                weight.copy_(torch.renorm(weight, p=2, dim=0, maxnorm=largest))


class MovingAverage:
    """Exponential moving average of weights and float buffers.

    Args:
        tensors: the live tensors, by name; the average starts at their values.
        decay: share of the average kept at each update.

    Early updates use the smaller `(1 + n) / (10 + n)`, so that the average of a short run is not stuck at the start
    (the rule of TensorFlow's `ExponentialMovingAverage`).
    """

    def __init__(self, tensors: dict[str, Tensor], decay: float) -> None:
        self.decay = decay
        self.live = [t for t in tensors.values() if t.is_floating_point()]
        self.names = [n for n, t in tensors.items() if t.is_floating_point()]
        self.averages = [t.detach().clone() for t in self.live]

    def update(self, count: int) -> None:
        """Move the average towards the live tensors; `count` updates were made before this one."""
        decay = min(self.decay, (1 + count) / (10 + count))
        torch._foreach_lerp_(self.averages, [t.detach() for t in self.live], 1 - decay)

    def swap(self) -> None:
        """Exchange the averages and the live values; call twice to return."""
        for live, average in zip(self.live, self.averages, strict=True):
            kept = live.detach().clone()
            live.data.copy_(average)
            average.copy_(kept)
