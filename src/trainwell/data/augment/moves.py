"""Moves by whole pixels: every value of the result is a value of the picture."""

from __future__ import annotations

import torch
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.registry import augmentations, moves_pixels


@augmentations.register
@moves_pixels
def flip(x: Tensor, draw: Draw, *, chance: float = 0.5) -> Tensor:
    """Left and right exchanged. Not for letters, digits or anything else that a mirror makes wrong.

    Args:
        chance: share of the pictures that are flipped.

    Example:
        >>> flip(torch.tensor([[[[0.0, 1.0]]]]), Draw(torch.Generator()), chance=1.0)
        tensor([[[[1., 0.]]]])
    """
    return torch.where(per_picture(draw.coin(len(x), chance)), x.flip(-1), x)


@augmentations.register
@moves_pixels
def flip_vertical(x: Tensor, draw: Draw, *, chance: float = 0.5) -> Tensor:
    """Top and bottom exchanged: for pictures without an up, as seen through microscopes or from above.

    Args:
        chance: share of the pictures that are flipped.

    Example:
        >>> flip_vertical(torch.tensor([[[[0.0], [1.0]]]]), Draw(torch.Generator()), chance=1.0).flatten()
        tensor([1., 0.])
    """
    return torch.where(per_picture(draw.coin(len(x), chance)), x.flip(-2), x)


@augmentations.register
@moves_pixels
def crop(x: Tensor, draw: Draw, *, share: float = 0.125) -> Tensor:
    """Pad by reflection and crop at a random place: a shift by up to `share` of each side, in whole pixels.

    The default is 4 pixels of 32, the usual one since He et al., "Deep residual learning", CVPR 2016, section 4.2. Reflection
    instead of zeros, as airbench has it: no dark bars.

    Args:
        share: largest shift as a share of height and width.

    Example:
        >>> crop(torch.rand(2, 3, 8, 8), Draw(torch.Generator())).shape
        torch.Size([2, 3, 8, 8])
    """
    if not 0 <= share <= 1:
        raise RecipeError(f"crop: share must be in [0, 1], however: {share}")
    n, c, h, w = x.shape
    rows = _shifted(h, draw, n, share)  # (B, H)
    columns = _shifted(w, draw, n, share)  # (B, W)
    places = (rows[:, :, None] * w + columns[:, None, :]).view(n, 1, h * w)
    return x.reshape(n, c, h * w).gather(2, places.expand(n, c, h * w)).view(n, c, h, w)


def per_picture(values: Tensor) -> Tensor:
    """`(B,)` as `(B, 1, 1, 1)`, to meet pictures."""
    return values[:, None, None, None]


def _shifted(size: int, draw: Draw, n: int, share: float) -> Tensor:
    """`(n, size)` places along one side after a random shift, reflected at both ends without repeating the last pixel."""
    most = round(size * share)
    shift = draw.integers(n, -most, most + 1)
    period = max(1, 2 * (size - 1))
    places = (torch.arange(size, device=draw.device) + shift[:, None]) % period
    return torch.minimum(places, period - places)


augmentations.alias(hflip="flip", horizontal_flip="flip", vflip="flip_vertical", random_crop="crop")
