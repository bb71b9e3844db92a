"""The loss of classes in order, on logits. B examples, K classes."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from trainwell.score.losses.classes import weight_tensor
from trainwell.score.registry import losses


@lru_cache(maxsize=16)
def _upper(k: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """`(K - 1, K)`: 0 for the classes above each threshold, minus infinity for the others."""
    above = torch.arange(k, device=device) > torch.arange(k - 1, device=device)[:, None]
    return torch.zeros(k - 1, k, dtype=dtype, device=device).masked_fill(~above, float("-inf"))


@losses.register
def ordinal(
    output: Tensor,
    target: Tensor,
    reduction: Literal["mean", "none"] = "mean",
    *,
    class_weight: tuple[float, ...] | None = None,
) -> Tensor:
    """Cross-entropy of the K - 1 questions "is it above rank k?", whose answers are sums of the class probabilities.

    A class far off costs more than a neighbour, and the answers never contradict each other, since they are sums of one
    distribution. With two classes it is cross-entropy.

    Shape: output `(B, K)` logits, target `(B,)` codes or `(B, K)` probabilities; result a scalar, or `(B,)`.

    Args:
        output: logits, the lowest class first.
        target: class codes, or probabilities as mixup makes them.
        reduction: `mean` over the batch (over the weights, where there are some), or `none` for one loss per example.
        class_weight: one factor per class; None weighs all alike.

    Sources: the questions are those of Cao, Mirjalili and Raschka, "Rank consistent ordinal regression for neural networks"
    (CORAL), 2020; the sums those of the ranked probability score, Epstein 1969, with logs in place of squares.

    Example:
        >>> logits = torch.tensor([[4.0, 0.0, 0.0]])
        >>> bool(ordinal(logits, torch.tensor([2])) > ordinal(logits, torch.tensor([1])))
        True
    """
    k = output.shape[1]
    mask = _upper(k, output.dtype, output.device)  # (K - 1, K)
    whole = output.logsumexp(1, keepdim=True)  # (B, 1)
    above = (output.unsqueeze(1) + mask).logsumexp(2) - whole  # (B, K - 1), log of the chance to be above
    below = (output.unsqueeze(1) + _upper(k, output.dtype, output.device).flip(0, 1)).logsumexp(2) - whole
    if target.is_floating_point():
        truth = 1 - target.cumsum(1)[:, :-1]
    else:
        truth = (target.unsqueeze(1) > torch.arange(k - 1, device=target.device)).to(output.dtype)
    each = -(truth * above + (1 - truth) * below).mean(1)
    if class_weight is None:
        return each.mean() if reduction == "mean" else each
    weight = weight_tensor(tuple(class_weight), output.dtype, output.device)
    own = target @ weight if target.is_floating_point() else weight[target]
    return (each * own).sum() / own.sum() if reduction == "mean" else each * own
