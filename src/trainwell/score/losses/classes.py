"""Losses of class probabilities, on logits.

B examples, K classes, L labels that may hold together. Each loss is one fused torch call where torch has one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from trainwell.core.errors import CompileError
from trainwell.score.losses.pixels import pixel_cross_entropy
from trainwell.score.registry import losses

Reduction = Literal["mean", "none"]


@lru_cache(maxsize=64)
def weight_tensor(weight: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Class weights as a tensor, made once: building it every step would cost as much as a small loss."""
    return torch.tensor(weight, dtype=dtype, device=device)


def _weights(weight: tuple[float, ...] | None, output: Tensor) -> Tensor | None:
    return None if weight is None else weight_tensor(tuple(weight), output.dtype, output.device)


@losses.register
def cross_entropy(
    output: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    *,
    label_smoothing: float = 0.0,
    class_weight: tuple[float, ...] | None = None,
) -> Tensor:
    """Minus the log of the probability given to the true class; the default for classes.

    Shape: output `(B, K)` logits, target `(B,)` codes or `(B, K)` probabilities; result a scalar, or `(B,)`. Of running text,
    output `(B, L, K)` and target `(B, L)`: the mean over the tokens. Of masks, output `(B, K, H, W)` and target `(B, H, W)`:
    the mean over the pictures of the mean over their judged pixels.

    Args:
        output: logits.
        target: class codes, or probabilities as mixup makes them.
        reduction: `mean` over the batch (over the weights, where there are some), or `none` for one loss per example.
        label_smoothing: share of the target spread evenly over all classes (Szegedy et al. 2016); 0 is off.
        class_weight: one factor per class; None weighs all alike.

    Example:
        >>> cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3])).item() == torch.tensor(4.0).log().item()
        True
    """
    weight = _weights(class_weight, output)
    if output.ndim == 3:
        flat, codes = output.flatten(0, 1), target.flatten().long()
        each = F.cross_entropy(flat, codes, weight, reduction=reduction, label_smoothing=label_smoothing)
        return each if reduction == "mean" else each.view(target.shape).mean(1)
    if output.ndim == 4:
        return pixel_cross_entropy(output, target, weight, reduction=reduction, label_smoothing=label_smoothing)
    return F.cross_entropy(output, target, weight, reduction=reduction, label_smoothing=label_smoothing)


@losses.register
def focal(
    output: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    *,
    gamma: float = 2.0,
    class_weight: tuple[float, ...] | None = None,
) -> Tensor:
    """Cross-entropy that looks away from what is already right: each example is scaled by (1 - p)^gamma.

    Source: Lin et al., "Focal loss for dense object detection", ICCV 2017.
    Shape: output `(B, K)` logits, target `(B,)` codes or `(B, K)` probabilities; result a scalar, or `(B,)`.

    Args:
        output: logits.
        target: class codes or probabilities.
        reduction: `mean` over the batch, or `none`.
        gamma: 2 is the paper's; 0 is plain cross-entropy.
        class_weight: one factor per class (the paper's alpha); None weighs all alike.

    Example:
        >>> confident = torch.tensor([[5.0, 0.0]])
        >>> bool(focal(confident, torch.tensor([0])) < cross_entropy(confident, torch.tensor([0])) / 1000)
        True
    """
    if output.ndim != 2:
        what = f"the loss 'focal' is for one class per row; the network gives {tuple(output.shape)}"
        raise CompileError(what, remedy="Choose cross_entropy, or dice_cross_entropy for masks.")
    log_p = F.log_softmax(output, dim=1)  # (B, K)
    terms = -((1 - log_p.exp()) ** gamma) * log_p
    weight = _weights(class_weight, output)
    if weight is not None:
        terms = terms * weight
    each = (terms * target).sum(1) if target.is_floating_point() else terms.gather(1, target[:, None]).squeeze(1)
    return each.mean() if reduction == "mean" else each


@losses.register
def binary_cross_entropy(
    output: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    *,
    pos_weight: tuple[float, ...] | None = None,
) -> Tensor:
    """Cross-entropy of yes-or-no labels that may hold together (multi-label), on logits.

    Shape: output `(B, L)` logits, target `(B, L)` in [0, 1]; result a scalar, or `(B,)`: the mean over labels.

    Args:
        output: one logit per label.
        target: 0 or 1 per label, or probabilities.
        reduction: `mean` over the batch, or `none`.
        pos_weight: factor of the "yes" term of each label; None weighs yes and no alike.

    Example:
        >>> round(binary_cross_entropy(torch.zeros(3, 2), torch.ones(3, 2)).item(), 4)
        0.6931
    """
    same_shape("binary_cross_entropy", output, target)
    weight = _weights(pos_weight, output)
    if reduction == "mean":
        return F.binary_cross_entropy_with_logits(output, target.to(output.dtype), pos_weight=weight)
    each = F.binary_cross_entropy_with_logits(output, target.to(output.dtype), pos_weight=weight, reduction="none")
    return each.flatten(1).mean(1)


@losses.register
def binary_focal(
    output: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    *,
    gamma: float = 2.0,
    alpha: float = 0.25,
) -> Tensor:
    """Focal loss of yes-or-no labels that may hold together, on logits.

    Source: Lin et al., "Focal loss for dense object detection", ICCV 2017; 2 and 0.25 are the paper's choice.
    Shape: output `(B, L)` logits, target `(B, L)` in {0, 1}; result a scalar, or `(B,)`: the mean over labels.

    Args:
        output: one logit per label.
        target: 0 or 1 per label.
        reduction: `mean` over the batch, or `none`.
        gamma: how much right answers are looked away from.
        alpha: weight of "yes"; "no" gets 1 - alpha; a negative alpha weighs neither.

    Example:
        >>> round(binary_focal(torch.zeros(1, 1), torch.ones(1, 1)).item(), 4)      # 0.25 * 0.5^2 * log 2
        0.0433
    """
    same_shape("binary_focal", output, target)
    target = target.to(output.dtype)
    plain = F.binary_cross_entropy_with_logits(output, target, reduction="none")  # (B, L)
    p = torch.sigmoid(output)
    terms = plain * (1 - (p * target + (1 - p) * (1 - target))) ** gamma
    if alpha >= 0:
        terms = terms * (alpha * target + (1 - alpha) * (1 - target))
    each = terms.flatten(1).mean(1)
    return each.mean() if reduction == "mean" else each


def same_shape(name: str, output: Tensor, target: Tensor) -> None:
    """Refuse shapes that would be broadcast: `(B, 1)` against `(B,)` silently compares every example with every other."""
    if output.shape != target.shape:
        raise CompileError(
            f"output {tuple(output.shape)} and target {tuple(target.shape)} must have the same shape",
            where=f"loss {name!r}",
            remedy="Give targets as (B, T), one column per output.",
        )
