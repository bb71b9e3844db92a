"""Random changes of training series `(B, C, L)`, which have mean 0 and deviation 1 over the training set."""

from __future__ import annotations

import torch
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.registry import motions


@motions.register
def jitter(x: Tensor, draw: Draw, *, strength: float = 0.05) -> Tensor:
    """Gaussian noise on every value, with a deviation of its own per series.

    Source: Um et al., "Data augmentation of wearable sensor data", ICMI 2017.

    Args:
        strength: largest deviation of the noise; each series draws its own below it.

    Example:
        >>> jitter(torch.zeros(2, 3, 8), Draw(torch.Generator())).shape
        torch.Size([2, 3, 8])
    """
    return x + draw.normal(x.shape) * draw.uniform(len(x), 0, strength)[:, None, None]


@motions.register
def rescale(x: Tensor, draw: Draw, *, strength: float = 0.1) -> Tensor:
    """Every channel of every series made larger or smaller.

    Source: Um et al., "Data augmentation of wearable sensor data", ICMI 2017.

    Args:
        strength: deviation of the factor from 1.

    Example:
        >>> rescale(torch.ones(2, 3, 8), Draw(torch.Generator()), strength=0.0).sum().item()
        48.0
    """
    return x * (1 + strength * draw.normal((*x.shape[:2], 1)))


@motions.register
def time_warp(x: Tensor, draw: Draw, *, strength: float = 0.2, knots: int = 4) -> Tensor:
    """Time runs faster here and slower there; beginning and end stay where they are.

    Source: Um et al., "Data augmentation of wearable sensor data", ICMI 2017.

    Args:
        strength: deviation of the logarithm of the speed.
        knots: places at which the speed is drawn; between them it changes evenly.

    Example:
        >>> time_warp(torch.arange(8.0)[None, None], Draw(torch.Generator()), strength=0.0)[0, 0].tolist()
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    """
    if knots < 2:
        raise RecipeError(f"time_warp: knots must be at least 2, however: {knots}")
    speed = (strength * draw.normal((len(x), 1, knots))).exp()
    speed = torch.nn.functional.interpolate(speed, size=x.shape[-1], mode="linear", align_corners=True)[:, 0]
    passed = speed.cumsum(-1) - speed[:, :1]  # (B, L), from 0
    return read_at(x, passed / passed[:, -1:].clamp(min=1e-9) * (x.shape[-1] - 1))


@motions.register
def window_slice(x: Tensor, draw: Draw, *, share: float = 0.9) -> Tensor:
    """A random stretch of each series, drawn out to the whole length.

    Source: Le Guennec et al., "Data augmentation for time series classification using convolutional neural networks", 2016.

    Args:
        share: length of the stretch as a share of the series.

    Example:
        >>> window_slice(torch.randn(2, 3, 8), Draw(torch.Generator()), share=0.5).shape
        torch.Size([2, 3, 8])
    """
    if not 0 < share <= 1:
        raise RecipeError(f"window_slice: share must lie above 0 and at most at 1, however: {share}")
    room = (1 - share) * (x.shape[-1] - 1)
    start = draw.uniform(len(x), 0.0, 1.0) * room
    return read_at(x, start[:, None] + share * torch.arange(x.shape[-1], device=x.device))


@motions.register
def time_mask(x: Tensor, draw: Draw, *, share: float = 0.1, chance: float = 0.5) -> Tensor:
    """A random stretch of some series set to zero, the mean of the training series.

    Source: Park et al., "SpecAugment", Interspeech 2019.

    Args:
        share: longest stretch as a share of the series.
        chance: share of the series that lose one.

    Example:
        >>> time_mask(torch.ones(2, 1, 10), Draw(torch.Generator()), chance=0.0).sum().item()
        20.0
    """
    if not 0 <= share <= 1:
        raise RecipeError(f"time_mask: share must lie between 0 and 1, however: {share}")
    steps = torch.arange(x.shape[-1], device=x.device)
    length = draw.uniform(len(x), 0.0, share) * x.shape[-1]
    start = draw.uniform(len(x), 0.0, 1.0) * (x.shape[-1] - length)
    hidden = (steps >= start[:, None]) & (steps < (start + length)[:, None]) & draw.coin(len(x), chance)[:, None]
    return x.masked_fill(hidden[:, None], 0.0)


def read_at(x: Tensor, place: Tensor) -> Tensor:
    """Series `(B, C, L)` read at places `(B, L)` between their steps, along straight lines.

    Example:
        >>> read_at(torch.tensor([[[0.0, 2.0, 4.0]]]), torch.tensor([[0.5, 1.0, 2.0]])).tolist()
        [[[1.0, 2.0, 4.0]]]
    """
    low = place.floor().clamp(0, x.shape[-1] - 1).long()
    high = (low + 1).clamp(max=x.shape[-1] - 1)
    weight = (place - low).clamp(0, 1)[:, None]
    shape = (-1, x.shape[1], -1)
    before, after = x.gather(-1, low[:, None].expand(*shape)), x.gather(-1, high[:, None].expand(*shape))
    return before + weight * (after - before)
