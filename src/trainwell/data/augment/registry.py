"""The registries of random changes to training pictures, series and texts; a recipe's `augment` names entries
of all five.

- `augmentations`: pictures to pictures, `(x, draw, *, options) -> x`.
- `warps`: moves of the pixel grid, given as matrices, `(frame, draw, *, options) -> (B, 3, 3)`; neighbours in a recipe are
  multiplied and the pictures resampled once.
- `mixes`: changes that also change targets, `(x, y, draw, *, options) -> (x, y)`.
- `motions`: series to series `(B, C, L)`, `(x, draw, *, options) -> x`.
- `edits`: texts to texts, as codes `(B, L)`, `(codes, draw, tokens, *, options) -> codes`.

Pictures are `(B, C, H, W)` floats in [0, 1] and stay so; a strength or chance of 0 changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from trainwell.core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

HOME = "trainwell.data.augment"
Move = TypeVar("Move", bound=Callable[..., Any])

augmentations: Registry[Callable[..., Tensor]] = Registry("augmentation", home=HOME)
#: The augmentations that move pixels, and so a mask with its picture.
MOVING: set[Callable[..., Any]] = set()
warps: Registry[Callable[..., Tensor]] = Registry("warp", home=HOME)
mixes: Registry[Callable[..., tuple[Tensor, Tensor]]] = Registry("mix", home=HOME)
motions: Registry[Callable[..., Tensor]] = Registry("motion", home=HOME)
edits: Registry[Callable[..., Tensor]] = Registry("edit", home=HOME)


def moves_pixels(change: Move) -> Move:
    """Decorator of an augmentation: it puts pixels elsewhere, which is done to the mask of a picture as well.

    Its draws must not depend on the values of the pixels, for it is called twice with the same draws.
    """
    MOVING.add(change)
    return change
