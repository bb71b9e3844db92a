"""Damage that a network should see through: noise, blur, erased rectangles."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.moves import per_picture
from trainwell.data.augment.registry import augmentations


@augmentations.register
def noise(x: Tensor, draw: Draw, *, strength: float = 0.05, chance: float = 1.0) -> Tensor:
    """Gaussian noise on every value, with a deviation of its own per picture.

    Args:
        strength: largest deviation, in units of the full range [0, 1]; each picture draws its own below it.
        chance: share of the pictures that get noise.

    Example:
        >>> noise(torch.rand(2, 1, 4, 4), Draw(torch.Generator())).shape
        torch.Size([2, 1, 4, 4])
    """
    deviation = draw.uniform(len(x), 0, strength).where(draw.coin(len(x), chance), 0.0)
    return (draw.normal(x.shape).to(x.dtype) * per_picture(deviation.to(x.dtype))).add_(x).clamp_(0, 1)


@augmentations.register
def blur(x: Tensor, draw: Draw, *, strength: float = 1.0, chance: float = 0.5) -> Tensor:
    """Gaussian blur with a width of its own per picture.

    Args:
        strength: largest deviation of the Gaussian in pixels; each picture draws its own below it.
        chance: share of the pictures that are blurred.

    Example:
        >>> blur(torch.ones(2, 1, 4, 4), Draw(torch.Generator()), chance=1.0).mean()
        tensor(1.)
    """
    if strength < 0:
        raise RecipeError(f"blur: strength must not be negative, however: {strength}")
    deviation = draw.uniform(len(x), 0, strength).where(draw.coin(len(x), chance), 0.0)
    weights = gaussian(deviation, math.ceil(2 * strength)).to(x.dtype)  # (B, taps)
    return _weighted(_weighted(x, weights, 2), weights, 3).clamp_(0, 1)


@augmentations.register
def erase(
    x: Tensor,
    draw: Draw,
    *,
    chance: float = 0.5,
    low: float = 0.02,
    high: float = 0.25,
    aspect: float = 0.3,
    fill: Literal["mean", "black", "noise"] = "mean",
) -> Tensor:
    """One random rectangle of the picture replaced.

    Source: Zhong et al., "Random erasing data augmentation", AAAI 2020; with `fill="black"` and `aspect=1` it is cutout
    (DeVries and Taylor, 2017).

    Args:
        chance: share of the pictures that lose a rectangle.
        low: smallest area as a share of the picture.
        high: largest area as a share of the picture.
        aspect: smallest ratio of the rectangle's sides.
        fill: what is put there: the picture's mean colour, black, or noise.

    Example:
        >>> erase(torch.ones(1, 1, 8, 8), Draw(torch.Generator()), chance=1.0, low=0.25, aspect=1.0, fill="black").sum()
        tensor(48.)
    """
    if not (0 <= low <= high <= 1 and 0 < aspect <= 1):
        raise RecipeError(f"erase: 0 <= low <= high <= 1 and 0 < aspect <= 1, however: {low=}, {high=}, {aspect=}")
    n, _, h, w = x.shape
    area = draw.uniform(n, low, high).where(draw.coin(n, chance), 0.0) * (h * w)
    ratio = draw.uniform(n, math.log(aspect), -math.log(aspect)).exp()
    inside = rectangle(draw, (h, w), (area * ratio).sqrt().round(), (area / ratio).sqrt().round())
    return torch.where(inside, _filling(x, draw, fill), x)


def rectangle(draw: Draw, size: tuple[int, int], tall: Tensor, wide: Tensor) -> Tensor:
    """Rectangles at random places that lie wholly inside the picture, as masks `(B, 1, H, W)`.

    Args:
        draw: the randomness.
        size: height and width of the pictures.
        tall: heights of the rectangles in whole pixels `(B,)`; cut to the picture's.
        wide: their widths.
    """
    rows, columns = (_stretch(draw, side, length) for side, length in zip(size, (tall, wide), strict=True))
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def gaussian(deviation: Tensor, radius: int) -> Tensor:
    """Weights of a Gaussian at -radius … radius, summing to 1; a deviation of 0 is a single 1 in the middle, `(B, taps)`."""
    places = torch.arange(-radius, radius + 1, device=deviation.device)
    weights = (-0.5 * (places / deviation.clamp(min=1e-3)[:, None]).square()).exp()
    return weights / weights.sum(1, keepdim=True)


def _stretch(draw: Draw, side: int, length: Tensor) -> Tensor:
    """Which of `side` places lie in a stretch of `length`, `(B, side)` bool."""
    length = length.clamp(max=side)
    start = (draw.uniform(len(length), 0, 1) * (side - length + 1)).floor().clamp(max=side)[:, None]
    places = torch.arange(side, device=length.device)
    return (places >= start) & (places < start + length[:, None])


def _filling(x: Tensor, draw: Draw, fill: str) -> Tensor:
    if fill == "mean":
        return x.mean((2, 3), keepdim=True)
    return x.new_zeros(()) if fill == "black" else draw.normal(x.shape).to(x.dtype).mul_(0.25).add_(0.5).clamp_(0, 1)


def _weighted(x: Tensor, weights: Tensor, axis: int) -> Tensor:
    """The sum of shifted copies along `axis`, each with its weight; the edge is repeated."""
    radius, size = weights.shape[1] // 2, x.shape[axis]
    padding = (0, 0, radius, radius) if axis == 2 else (radius, radius, 0, 0)
    padded = F.pad(x, padding, mode="replicate")
    total = torch.zeros_like(x)
    for tap in range(weights.shape[1]):
        total.addcmul_(padded.narrow(axis, tap, size), per_picture(weights[:, tap]))
    return total


augmentations.alias(random_erasing="erase", cutout="erase")
