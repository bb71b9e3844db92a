"""What is done to gradients before an update and to weights after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def clip_norm(gradients: Sequence[Tensor], largest: float, *, norm: Tensor | None = None) -> Tensor:
    """Scale all gradients together so that their norm is at most `largest`; returns the norm before, as torch does.

    Args:
        gradients: scaled in place.
        largest: the norm they may have.
        norm: of all gradients, where these are a part of them.
    """
    norm = total_norm(gradients) if norm is None else norm
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


def constrain(parameters: Sequence[Tensor], constraint: str) -> None:
    """Put weight matrices back where they must be: weights into each unit of norm 1, or none below 0.

    Example:
        >>> weight = torch.tensor([[3.0, 4.0], [-1.0, 0.0]])
        >>> constrain([weight], "unit_norm")
        >>> weight
        tensor([[ 0.6000,  0.8000],
                [-1.0000,  0.0000]])
    """
    with torch.no_grad():
        for weight in parameters:
            if weight.ndim < 2:
                continue
            if constraint == "non_negative":
                weight.clamp_(min=0.0)
            elif constraint == "unit_norm":
                norms = torch.linalg.vector_norm(weight.flatten(1), dim=1).clamp(min=1e-12)
                weight.div_(norms.view(-1, *(1 for _ in weight.shape[1:])))


def recent(count: int, decay: float) -> float:
    """The share of the newest weights in an exponential moving average, after `count` updates.

    Early updates keep the smaller `(1 + n) / (10 + n)`, so that the average of a short run is not stuck at the start
    (the rule of TensorFlow's `ExponentialMovingAverage`).
    """
    return 1 - min(decay, (1 + count) / (10 + count))


def even(count: int, start: int) -> float:
    """The share of the newest weights in the mean of all since update `start`; before it the average follows the weights.

    Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.

    Example:
        >>> [even(n, 2) for n in range(5)]
        [1.0, 1.0, 1.0, 0.5, 0.3333333333333333]
    """
    return 1.0 if count < start else 1 / (count - start + 1)


class MovingAverage:
    """Average of weights and float buffers over updates.

    Args:
        tensors: the live tensors, by name; the average starts at their values. A tensor of two names, as tied weights have,
            is averaged once.
        share: of the live values in the average at update n: `recent` or `even`, with its number.
    """

    def __init__(self, tensors: dict[str, Tensor], share: Callable[[int], float]) -> None:
        self.share = share
        once = {id(t): (n, t) for n, t in reversed(tensors.items()) if t.is_floating_point()}  # the first name stays
        self.names = [name for name, _ in reversed(once.values())]
        self.live = [tensor for _, tensor in reversed(once.values())]
        self.averages = [t.detach().clone() for t in self.live]

    def update(self, count: int) -> None:
        """Move the average towards the live tensors; `count` updates were made before this one."""
        torch._foreach_lerp_(self.averages, [t.detach() for t in self.live], self.share(count))

    def swap(self) -> None:
        """Exchange the averages and the live values; call twice to return."""
        for live, average in zip(self.live, self.averages, strict=True):
            kept = live.detach().clone()
            live.data.copy_(average)
            average.copy_(kept)
