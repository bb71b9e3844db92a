"""Mixes of two examples: pictures and targets together."""

from __future__ import annotations

import torch
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.moves import per_picture
from trainwell.data.augment.noise import rectangle
from trainwell.data.augment.registry import mixes


@mixes.register
def mixup(x: Tensor, y: Tensor, draw: Draw, *, alpha: float = 0.2, chance: float = 1.0) -> tuple[Tensor, Tensor]:
    """Each picture blended with another of the batch, and its target in the same proportion.

    Every pair has a proportion of its own, so one batch shows many. Source: Zhang et al., "mixup: Beyond empirical risk
    minimization", ICLR 2018.

    Args:
        alpha: both parameters of the proportion's beta distribution; small is mostly one picture, 1 is any blend, 0 is off.
        chance: share of the pictures that are blended.

    Example:
        >>> x, y = mixup(torch.rand(4, 1, 2, 2), torch.eye(4), Draw(torch.Generator()))
        >>> y.sum(1)
        tensor([1., 1., 1., 1.])
    """
    if _off(alpha):
        return x, y
    other = draw.permutation(len(x))
    share = draw.beta(len(x), alpha, alpha).where(draw.coin(len(x), chance), 0.0).to(x.dtype)  # of the other picture
    return x.lerp(x[other], per_picture(share)), _blend(y, y[other], share)


@mixes.register
def cutmix(x: Tensor, y: Tensor, draw: Draw, *, alpha: float = 1.0, chance: float = 0.5) -> tuple[Tensor, Tensor]:
    """A rectangle of each picture replaced by the same place of another, targets in proportion to the area.

    The rectangle lies wholly inside the picture and has its aspect. Source: Yun et al., "CutMix", ICCV 2019.

    Args:
        alpha: both parameters of the beta distribution of the area; 0 is off.
        chance: share of the pictures that are cut.

    Example:
        >>> x, y = cutmix(torch.rand(4, 1, 8, 8), torch.eye(4), Draw(torch.Generator()), chance=1.0)
        >>> y.sum(1)
        tensor([1., 1., 1., 1.])
    """
    if _off(alpha):
        return x, y
    n, _, h, w = x.shape
    other = draw.permutation(n)
    side = draw.beta(n, alpha, alpha).where(draw.coin(n, chance), 0.0).sqrt()
    inside = rectangle(draw, (h, w), (side * h).round(), (side * w).round())  # (B, 1, H, W)
    return torch.where(inside, x[other], x), _blend(y, y[other], inside.to(y.dtype).mean((1, 2, 3)))


def _blend(y: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return y.lerp(other, share.to(y.dtype).view(-1, *[1] * (y.ndim - 1)))


def _off(alpha: float) -> bool:
    if alpha < 0:
        raise RecipeError(f"alpha must not be negative, however: {alpha}")
    return alpha == 0
