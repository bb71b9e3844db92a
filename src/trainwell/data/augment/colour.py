"""Light and colour: brightness, contrast, saturation and hue as one linear map per picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.moves import per_picture
from trainwell.data.augment.registry import augmentations

#: How bright the eye finds red, green and blue (ITU-R BT.601, as Pillow's conversion to grey).
_LUMA = (0.299, 0.587, 0.114)


@augmentations.register
def colour(
    x: Tensor,
    draw: Draw,
    *,
    brightness: float = 0.2,
    contrast: float = 0.2,
    saturation: float = 0.2,
    hue: float = 0.0,
    chance: float = 1.0,
) -> Tensor:
    """Brightness, contrast, saturation and hue changed together; values beyond [0, 1] are cut off once, at the end.

    Factors are drawn from [1 - strength, 1 + strength]. Contrast is about the picture's mean grey, hue a rotation about the
    grey axis. Saturation and hue need three channels; others only change in brightness and contrast.

    Args:
        brightness: strength; 0 leaves it.
        contrast: strength; 0 leaves it.
        saturation: strength; 0 leaves it.
        hue: largest turn of the colour circle, 0.5 is half of it.
        chance: share of the pictures that are changed.

    Example:
        >>> colour(torch.full((1, 3, 2, 2), 0.5), Draw(torch.Generator())).shape
        torch.Size([1, 3, 2, 2])
    """
    strengths = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
    for name, strength in strengths.items():
        if not 0 <= strength <= 1:
            raise RecipeError(f"colour: {name} must be in [0, 1], however: {strength}")
    n, chosen = len(x), draw.coin(len(x), chance)
    bright, contrasted, saturated = (
        draw.uniform(n, 1 - s, 1 + s).where(chosen, 1.0).to(x.dtype) for s in (brightness, contrast, saturation)
    )
    turn = (draw.uniform(n, -hue, hue) * (2 * math.pi)).where(chosen, 0.0).to(x.dtype)
    scale, offset = per_picture(bright * contrasted), per_picture((1 - contrasted) * bright) * _mean_grey(x)
    if x.shape[1] != 3 or not (saturation or hue):
        return (x * scale + offset).clamp_(0, 1)
    mixed = _hue(turn) @ _saturation(saturated) * scale[..., 0]  # (B, 3, 3)
    return torch.baddbmm(offset.flatten(2), mixed, x.flatten(2)).clamp_(0, 1).view(x.shape)


def _mean_grey(x: Tensor) -> Tensor:
    """Mean brightness of each picture, `(B, 1, 1, 1)`."""
    means = x.mean((2, 3))  # (B, C)
    grey = means @ means.new_tensor(_LUMA) if x.shape[1] == 3 else means.mean(1)
    return per_picture(grey)


def _saturation(factor: Tensor) -> Tensor:
    """Each pixel moved along the line through its own grey, `(B, 3, 3)`."""
    grey = factor.new_tensor([_LUMA, _LUMA, _LUMA])
    return factor[:, None, None] * _eye(factor) + (1 - factor)[:, None, None] * grey


def _hue(angle: Tensor) -> Tensor:
    """Rotations about the grey axis (1, 1, 1), by Rodrigues' formula, `(B, 3, 3)`."""
    third = torch.full((3, 3), 1 / 3, device=angle.device, dtype=angle.dtype)
    cross = angle.new_tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cos * _eye(angle) + sin * cross + (1 - cos) * third


def _eye(like: Tensor) -> Tensor:
    return torch.eye(3, device=like.device, dtype=like.dtype)


augmentations.alias(color="colour", color_jitter="colour")
