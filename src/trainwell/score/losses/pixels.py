"""Losses of masks: a class for every pixel.

B pictures of H x W pixels, K classes. Pixels of the code `UNJUDGED` count for nothing.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from trainwell.core.errors import CompileError
from trainwell.core.shape import UNJUDGED
from trainwell.score.registry import losses

Reduction = Literal["mean", "none"]


def pixel_cross_entropy(
    output: Tensor, target: Tensor, weight: Tensor | None, *, reduction: Reduction = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """The mean over the pictures of the mean cross-entropy over their judged pixels, 0 for a picture without any.

    Every picture counts alike, however much of it is judged, so that a batch in parts has the loss of the whole. Class weights
    scale pixels and are not divided by, or a picture of one class alone would take its weight back.

    Shape: output `(B, K, H, W)` logits, target `(B, H, W)` codes; result a scalar, or `(B,)`.
    """
    codes = target.long()
    each = F.cross_entropy(
        output, codes, weight, reduction="none", ignore_index=UNJUDGED, label_smoothing=label_smoothing
    ).flatten(1)
    per_picture = each.sum(1) / (codes != UNJUDGED).flatten(1).sum(1).clamp(min=1)
    return per_picture.mean() if reduction == "mean" else per_picture


@losses.register
def dice(output: Tensor, target: Tensor, reduction: Reduction = "mean", *, smooth: float = 1.0) -> Tensor:
    """One minus soft Dice, averaged over the classes of a picture: a small object counts as much as a large one.

    Source: Milletari, Navab and Ahmadi, "V-Net: fully convolutional neural networks for volumetric medical image segmentation",
    3DV 2016.
    Shape: output `(B, K, H, W)` logits, target `(B, H, W)` codes; result a scalar, or `(B,)`. Each picture is counted
    alone, so that a batch in parts has the same gradient as the whole.

    Args:
        output: logits.
        target: class codes; 255 is not judged.
        reduction: `mean` over the pictures, or `none`.
        smooth: pixels added to both counts, so that a class of few pixels does not swing.

    Example:
        >>> import torch
        >>> right = torch.tensor([[[[50.0, -50.0]], [[-50.0, 50.0]]]])
        >>> round(dice(right, torch.tensor([[[0, 1]]])).item(), 4), round(dice(-right, torch.tensor([[[0, 1]]])).item(), 4)
        (0.0, 0.6667)
    """
    demand_pixels("dice", output, target)
    codes = target.long()
    known = (codes != UNJUDGED)[:, None]  # (B, 1, H, W)
    true = F.one_hot(codes.clamp(max=output.shape[1] - 1), output.shape[1]).permute(0, 3, 1, 2) * known
    said = output.softmax(1) * known
    both, sizes, there = (said * true).sum((2, 3)), (said + true).sum((2, 3)), true.sum((2, 3)) > 0  # (B, K)
    wrong = (1 - (2 * both + smooth) / (sizes + smooth)) * there
    each = wrong.sum(1) / there.sum(1).clamp(min=1)
    return each.mean() if reduction == "mean" else each


@losses.register
def dice_cross_entropy(
    output: Tensor, target: Tensor, reduction: Reduction = "mean", *, label_smoothing: float = 0.0
) -> Tensor:
    """The sum of the cross-entropy and of `dice`: steady gradients from the one, small objects from the other.

    Source: Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation", Nature
    Methods 2021.
    Shape: output `(B, K, H, W)` logits, target `(B, H, W)` codes; result a scalar, or `(B,)`.

    Args:
        output: logits.
        target: class codes; 255 is not judged.
        reduction: `mean`, or `none` for one loss per picture.
        label_smoothing: share of the target spread evenly over all classes, in the cross-entropy.

    Example:
        >>> import torch
        >>> round(dice_cross_entropy(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2)).item(), 2)
        0.98
    """
    demand_pixels("dice_cross_entropy", output, target)
    entropy = pixel_cross_entropy(output, target, None, reduction=reduction, label_smoothing=label_smoothing)
    return entropy + dice(output, target, reduction)


def demand_pixels(name: str, output: Tensor, target: Tensor) -> None:
    """Refuses anything but masks.

    Raises:
        CompileError: the output has no axis of classes before those of the target.
    """
    if output.ndim != 4 or target.shape != (output.shape[0], *output.shape[2:]):
        what = f"the loss {name!r} is for masks; the network gives {tuple(output.shape)} for targets {tuple(target.shape)}"
        raise CompileError(what, remedy="Choose cross_entropy.")
