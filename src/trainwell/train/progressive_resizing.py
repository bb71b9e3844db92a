"""Progressive resizing: training pictures are small at first and grow, so that the first passes cost a fraction of the last."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.train.steps import Augment, Inputs

#: Part of the run by which pictures have their whole size: the rest is for norms and weights to settle on it.
WHOLE_AT = 0.75
#: Sides are multiples of so many pixels: every size asks for memory of its own.
GRID = 4
KEY = "recipe key 'progressive_resizing'"


def side_at(whole: int, start: float, done: float) -> int:
    """The side in pixels when a part of the run is done: from `start * whole`, in even steps, to the whole.

    Args:
        whole: side of the pictures.
        start: share of it at the beginning.
        done: part of the run that is over, 0 to 1.

    Example:
        >>> [side_at(64, 0.5, done) for done in (0.0, 0.3, 0.6, 0.75, 1.0)]
        [32, 48, 60, 64, 64]
    """
    share = start + (1 - start) * min(1.0, done / WHOLE_AT)
    return min(whole, math.ceil(share * whole / GRID - 1e-9) * GRID)


def resized(x: Tensor, start: float, done: float) -> Tensor:
    """Pictures averaged down to the size of this moment.

    **Shape:** `(B, C, H, W)` → `(B, C, h, w)`.
    """
    size = tuple(side_at(side, start, done) for side in x.shape[2:])
    return x if size == tuple(x.shape[2:]) else F.adaptive_avg_pool2d(x, size)  # type: ignore[arg-type]  # two of them


def with_progressive_resizing(augment: Augment | None, recipe: Recipe, data: Data, *, steps: int) -> Augment | None:
    """The augmentation, and after it pictures in the size of the moment; as it is where nothing grows.

    Args:
        augment: changes a batch; None leaves it.
        recipe: says with what share of the side it begins.
        data: of which one input is pictures.
        steps: of the whole run; 0 for trials, which see the whole size.

    Source: Howard, "Training Imagenet in 3 hours for 25 minutes" (fast.ai, 2018); Karras et al., "Progressive growing of GANs",
    ICLR 2018.
    """
    start, picture = recipe.progressive_resizing, data.shape.of_kind("picture")
    if not start or not steps or picture is None:
        return augment
    place = data.shape.inputs.index(picture)

    def grown(inputs: Inputs, target: Tensor, number: int) -> tuple[Inputs, Tensor]:
        if augment is not None:
            inputs, target = augment(inputs, target, number)
        small = resized(inputs[place], start, number / steps)
        return (*inputs[:place], small, *inputs[place + 1 :]), target

    return grown


def check_progressive_resizing(recipe: Recipe, data: Data, network: torch.nn.Module, inputs: Inputs) -> None:
    """The network must take pictures of the first size as well.

    Raises:
        RecipeError: there are no pictures, or nothing that may be resized.
        CompileError: the network takes pictures of one size only.
    """
    start, picture = recipe.progressive_resizing, data.shape.of_kind("picture")
    if not start:
        return
    if picture is None or data.task in ("generation", "segmentation"):
        what = "progressive_resizing is for networks that judge pictures"
        raise RecipeError(what, where=KEY, remedy="Set progressive_resizing=0.")
    if recipe.compile == "on":
        what = "torch would compile a step for every size of the pictures"
        raise RecipeError(what, where=KEY, remedy="Set compile=off, or progressive_resizing=0.")
    place, training = data.shape.inputs.index(picture), network.training
    small = (*inputs[:place], resized(inputs[place], start, 0.0), *inputs[place + 1 :])
    try:
        with torch.no_grad():
            network.eval()(*small)
    except RuntimeError:
        size = " x ".join(str(side) for side in small[place].shape[2:])
        what = f"the network does not take pictures of {size} pixels, with which progressive_resizing begins"
        raise CompileError(what, where=KEY, remedy="Choose resnet, or cnn with model.head=average.") from None
    finally:
        network.train(training)
