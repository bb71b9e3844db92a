"""Parts of pictures at another size: objects are seen larger and smaller, whole and cut."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.registry import augmentations, moves_pixels
from trainwell.data.augment.warp import frame_of, resample


@augmentations.register
@moves_pixels
def random_resized_crop(
    x: Tensor, draw: Draw, *, low: float = 0.35, high: float = 1.0, aspect: float = 0.75, side: float = 1.0
) -> Tensor:
    """A rectangle at a random place, with a random share of the area, stretched to the size of the result.

    Objects look larger in such a part than in the whole picture by which the network is judged. With `side` under 1 the result
    is smaller than the picture: that makes up for it and saves time, as a convolution costs as much as it has pixels. It needs
    a network that takes every size: not `cnn` with `head: flatten`. Sources: Szegedy et al., "Going deeper with
    convolutions", CVPR 2015; Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019.

    Args:
        low: smallest share of the area.
        high: largest share of the area.
        aspect: smallest ratio of the rectangle's sides, as a share of the picture's own; 1 keeps the picture's.
        side: height and width of the result as a share of the picture's.

    Example:
        >>> random_resized_crop(torch.rand(2, 3, 16, 16), Draw(torch.Generator()), side=0.5).shape
        torch.Size([2, 3, 8, 8])
    """
    if not (0 < low <= high <= 1 and 0 < aspect <= 1 and 0 < side <= 1):
        given = f"{low=}, {high=}, {aspect=}, {side=}"
        raise RecipeError(f"random_resized_crop: 0 < low <= high <= 1 and aspect, side in (0, 1], however: {given}")
    n, height, width = frame_of(x)
    tall, wide, down, across = _rectangles(draw, n, (low, high), aspect)
    size = (max(1, round(side * height)), max(1, round(side * width)))
    matrices = torch.zeros(n, 3, 3, device=x.device)
    matrices[:, 0, 0], matrices[:, 0, 2] = wide * (width / size[1]), across * width
    matrices[:, 1, 1], matrices[:, 1, 2] = tall * (height / size[0]), down * height
    matrices[:, 2, 2] = 1
    return resample(x, matrices, size=size)


def _rectangles(draw: Draw, n: int, area: tuple[float, float], aspect: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Height, width, and the centre's distance down and across from the picture's, all `(B,)` shares of the picture's sides."""
    share = draw.uniform(n, *area)
    ratio = draw.uniform(n, math.log(aspect), -math.log(aspect)).exp()
    tall, wide = (share / ratio).sqrt().clamp(max=1.0), (share * ratio).sqrt().clamp(max=1.0)
    down, across = (draw.uniform(n, -0.5, 0.5) * (1 - length) for length in (tall, wide))
    return tall, wide, down, across


augmentations.alias(rrc="random_resized_crop")
