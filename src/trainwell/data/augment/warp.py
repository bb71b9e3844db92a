"""Rotation, zoom, shear and translation: matrices first, then one resampling for all of them.

A matrix `(B, 3, 3)` takes a point of the result to the point of the picture that is shown there, in pixels from the centre
(x to the right, y down). Applying A, then B is `A @ B`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.moves import per_picture
from trainwell.data.augment.registry import warps


class Frame(NamedTuple):
    """Number of pictures, their height and width."""

    n: int
    height: int
    width: int


@warps.register
def rotate(frame: Frame, draw: Draw, *, degrees: float = 15.0, chance: float = 1.0) -> Tensor:
    """Rotation about the centre.

    Args:
        degrees: largest angle to either side.
        chance: share of the pictures that are rotated.

    Example:
        >>> rotate(Frame(2, 8, 8), Draw(torch.Generator()), degrees=0.0)[0].diagonal()
        tensor([1., 1., 1.])
    """
    angle = _between(draw, frame.n, -degrees, degrees, chance) * (math.pi / 180)
    cos, sin = angle.cos(), angle.sin()
    return _matrices(cos, sin, -sin, cos)


@warps.register
def zoom(frame: Frame, draw: Draw, *, low: float = 0.8, high: float = 1.25, chance: float = 1.0) -> Tensor:
    """Enlarging (factors over 1) and shrinking about the centre.

    Args:
        low: smallest factor.
        high: largest factor; factors are drawn evenly on a logarithmic scale.
        chance: share of the pictures that are zoomed.

    Example:
        >>> zoom(Frame(1, 8, 8), Draw(torch.Generator()), low=2.0, high=2.0)[0, 0, 0].item()
        0.5
    """
    if not 0 < low <= high:
        raise RecipeError(f"zoom: 0 < low <= high is needed, however: low={low}, high={high}")
    inverse = (-_between(draw, frame.n, math.log(low), math.log(high), chance)).exp()
    zero = torch.zeros_like(inverse)
    return _matrices(inverse, zero, zero, inverse)


@warps.register
def shear(frame: Frame, draw: Draw, *, degrees: float = 10.0, chance: float = 1.0) -> Tensor:
    """Rows pushed sideways against each other, as slanted writing is.

    Args:
        degrees: largest slant to either side.
        chance: share of the pictures that are sheared.

    Example:
        >>> shear(Frame(1, 8, 8), Draw(torch.Generator()), degrees=0.0)[0, 0].tolist()
        [1.0, 0.0, 0.0]
    """
    if not 0 <= degrees < 90:
        raise RecipeError(f"shear: degrees must be in [0, 90), however: {degrees}")
    slant = (_between(draw, frame.n, -degrees, degrees, chance) * (math.pi / 180)).tan()
    return _matrices(torch.ones_like(slant), slant, torch.zeros_like(slant), torch.ones_like(slant))


@warps.register
def translate(frame: Frame, draw: Draw, *, share: float = 0.1, chance: float = 1.0) -> Tensor:
    """Shift by fractions of a pixel; `crop` is the faster one by whole pixels.

    Args:
        share: largest shift as a share of height and width.
        chance: share of the pictures that are shifted.

    Example:
        >>> translate(Frame(1, 8, 8), Draw(torch.Generator()), share=0.0)[0, :, 2].tolist()
        [0.0, 0.0, 1.0]
    """
    moved = draw.coin(frame.n, chance)
    across, down = (draw.uniform(frame.n, -share, share).where(moved, 0.0) for _ in range(2))
    one, zero = torch.ones_like(across), torch.zeros_like(across)
    matrices = _matrices(one, zero, zero, one)
    matrices[:, 0, 2], matrices[:, 1, 2] = across * frame.width, down * frame.height
    return matrices


@warps.register
def affine(
    frame: Frame,
    draw: Draw,
    *,
    degrees: float = 10.0,
    translation: float = 0.05,
    low: float = 0.9,
    high: float = 1.1,
    slant: float = 5.0,
) -> Tensor:
    """A little of everything: rotation, zoom, shear and translation in one.

    Args:
        degrees: largest angle of rotation to either side.
        translation: largest shift as a share of height and width.
        low: smallest zoom factor.
        high: largest zoom factor.
        slant: largest shear in degrees to either side.

    Example:
        >>> affine(Frame(4, 8, 8), Draw(torch.Generator())).shape
        torch.Size([4, 3, 3])
    """
    turned, zoomed = rotate(frame, draw, degrees=degrees), zoom(frame, draw, low=low, high=high)
    return turned @ zoomed @ shear(frame, draw, degrees=slant) @ translate(frame, draw, share=translation)


def frame_of(x: Tensor) -> Frame:
    """The frame of pictures `(B, C, H, W)`."""
    return Frame(len(x), x.shape[-2], x.shape[-1])


def resample(x: Tensor, matrices: Tensor, *, size: tuple[int, int] | None = None) -> Tensor:
    """Pictures seen through `matrices` `(B, 3, 3)`: bilinear, reflected beyond the edge; the identity changes no bit.

    The grid is written as two outer sums; `affine_grid` computes the same with a batched matrix product, three times slower.

    Args:
        x: pictures `(B, C, H, W)`.
        matrices: from points of the result to points of the picture.
        size: height and width of the result; None keeps the pictures'.
    """
    grid = _grid(matrices, frame_of(x), size).to(x.dtype)
    warped = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False).clamp_(0, 1)
    still = (
        (matrices == torch.eye(3, device=matrices.device)).all(dim=(1, 2)) if matrices.numel() else matrices.new_zeros(0).bool()
    )
    return torch.where(per_picture(still), x, warped) if warped.shape == x.shape else warped


def _grid(matrices: Tensor, frame: Frame, size: Sequence[int] | None = None) -> Tensor:
    """Where each pixel of the result looks, in `grid_sample`'s units: `(B, H, W, 2)`, -1 and 1 are the outer edges."""
    device = matrices.device
    height, width = size or frame[1:]
    across = torch.arange(width, device=device) - (width - 1) / 2  # (W,)
    down = torch.arange(height, device=device) - (height - 1) / 2  # (H,)
    half = torch.tensor([frame.width / 2, frame.height / 2], device=device)
    m = matrices[:, :2] / half[:, None]  # (B, 2, 3)
    grid = matrices.new_empty(frame.n, height, width, 2)
    for axis in range(2):
        along_row = m[:, axis, 0, None] * across + m[:, axis, 2, None]  # (B, W)
        torch.add((m[:, axis, 1, None] * down)[:, :, None], along_row[:, None, :], out=grid[..., axis])
    return grid


def _between(draw: Draw, n: int, low: float, high: float, chance: float) -> Tensor:
    """A uniform draw where a coin says so, else 0, `(n,)`."""
    chosen = draw.coin(n, chance)
    return draw.uniform(n, low, high).where(chosen, 0.0)


def _matrices(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """`(B, 3, 3)` matrices with rows (a, b, 0), (c, d, 0), (0, 0, 1)."""
    matrices = torch.zeros(len(a), 3, 3, device=a.device)
    matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1] = a, b, c, d
    matrices[:, 2, 2] = 1
    return matrices
