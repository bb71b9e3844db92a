"""Blocks from which a recipe composes a network.

Each function takes the shape of one example that comes in, `(F,)` or `(C, H, W)`, and gives a module.
"""

from __future__ import annotations

from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError, RecipeError
from trainwell.models.check import at_least, each_at_least, shares
from trainwell.models.dropout import Dropout, SpatialDropout
from trainwell.models.registry import Named, blocks


class Parallel(nn.Module):
    """Branches that all see the same input; their outputs are joined along the features, or summed.

    **Shape:** `(B, C, …)` → `(B, sum of C, …)` for `concat`, `(B, C, …)` for `sum`.

    Args:
        branches: modules.
        join: `concat` or `sum`.

    Example:
        >>> import torch
        >>> Parallel([nn.Linear(4, 3), nn.Linear(4, 5)], "concat")(torch.randn(2, 4)).shape
        torch.Size([2, 8])
    """

    def __init__(self, branches: list[nn.Module], join: Literal["concat", "sum"]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        parts = [branch(x) for branch in self.branches]
        return torch.cat(parts, 1) if self.join == "concat" else torch.stack(parts).sum(0)


class GlobalAverage(nn.Module):
    """The average of each channel over the pixels.

    **Shape:** `(B, C, H, W)` → `(B, C)`.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


Size = tuple[int, ...]


@blocks.register
def linear(size: Size, *, width: int) -> nn.Module:
    """A linear layer over the features; pictures are flattened first.

    Args:
        width: features out.

    Example:
        >>> import torch
        >>> tuple(linear((1, 2, 3), width=5)(torch.rand(2, *(1, 2, 3))).shape[1:])
        (5,)
    """
    at_least("width", width, 1)
    layer = nn.Linear(prod(size), width)
    return layer if len(size) == 1 else nn.Sequential(nn.Flatten(), layer)


@blocks.register
def conv(size: Size, *, width: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Module:
    """A convolution that keeps the size at stride 1.

    Args:
        width: channels out.
        kernel: side of the window in pixels, odd.
        stride: pixels from one output to the next.
        groups: channels are divided into so many groups that do not mix.

    Example:
        >>> import torch
        >>> tuple(conv((1, 8, 8), width=4, stride=2)(torch.rand(2, *(1, 8, 8))).shape[1:])
        (4, 4, 4)
    """
    channels = picture(size, "conv")[0]
    each_at_least(1, width=width, kernel=kernel, stride=stride, groups=groups)
    if channels % groups or width % groups:
        raise RecipeError(f"groups must divide the channels in ({channels}) and out ({width}), however: groups={groups}")
    return nn.Conv2d(channels, width, kernel, stride, kernel // 2, groups=groups)


@blocks.register
def average_pool(size: Size, *, side: int = 2) -> nn.Module:
    """Averages over windows that do not overlap.

    Args:
        side: side of the window in pixels.

    Example:
        >>> import torch
        >>> tuple(average_pool((1, 8, 8), side=4)(torch.rand(2, *(1, 8, 8))).shape[1:])
        (1, 2, 2)
    """
    return nn.AvgPool2d(_window(size, side, "average_pool"))


@blocks.register
def max_pool(size: Size, *, side: int = 2) -> nn.Module:
    """The largest value of windows that do not overlap.

    Args:
        side: side of the window in pixels.

    Example:
        >>> import torch
        >>> tuple(max_pool((1, 8, 8))(torch.rand(2, *(1, 8, 8))).shape[1:])
        (1, 4, 4)
    """
    return nn.MaxPool2d(_window(size, side, "max_pool"))


@blocks.register
def global_average(size: Size) -> nn.Module:
    """The average of each channel over all pixels: `(C, H, W)` becomes `(C,)`.

    Example:
        >>> import torch
        >>> tuple(global_average((3, 8, 8))(torch.rand(2, *(3, 8, 8))).shape[1:])
        (3,)
    """
    picture(size, "global_average")
    return GlobalAverage()


@blocks.register
def flatten(size: Size) -> nn.Module:  # noqa: ARG001 - any size
    """All numbers of an example in one row.

    Example:
        >>> import torch
        >>> tuple(flatten((1, 2, 3))(torch.rand(2, *(1, 2, 3))).shape[1:])
        (6,)
    """
    return nn.Flatten()


@blocks.register
def dropout(size: Size, *, rate: float = 0.1) -> nn.Module:  # noqa: ARG001 - any size
    """Zeroes a share of the numbers in training.

    Args:
        rate: the share.

    Source: Srivastava et al., "Dropout", JMLR 2014.

    Example:
        >>> import torch
        >>> tuple(dropout((6,), rate=0.5)(torch.rand(2, *(6,))).shape[1:])
        (6,)
    """
    shares(rate=rate)
    return Dropout(rate)


@blocks.register
def spatial_dropout(size: Size, *, rate: float = 0.1) -> nn.Module:  # noqa: ARG001 - any size
    """Zeroes a share of the channels in training.

    Args:
        rate: the share.

    Source: Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.

    Example:
        >>> import torch
        >>> tuple(spatial_dropout((6, 4, 4), rate=0.5)(torch.rand(2, *(6, 4, 4))).shape[1:])
        (6, 4, 4)
    """
    shares(rate=rate)
    return SpatialDropout(rate)


def picture(size: Size, block: str) -> tuple[int, int, int]:
    """`size` as `(C, H, W)`, or an error that names the block."""
    if len(size) != 3:
        raise CompileError(
            f"{block} needs pictures (C, H, W), however what comes in is {size}", remedy="Put it before flatten or linear."
        )
    channels, height, width = size
    return channels, height, width


def _window(size: Size, side: int, block: str) -> int:
    at_least("side", side, 1)
    _, height, width = picture(size, block)
    if min(height, width) < side:
        raise CompileError(f"{block} over {side} pixels does not fit into {height} x {width} pixels", remedy="Pool less often.")
    return side


#: Blocks made of blocks, which `compose` builds: their names and options.
NESTED: dict[str, set[str]] = {"parallel": {"branches", "join"}, "residual": {"blocks"}, "sequential": {"blocks"}}

#: A list of blocks as a recipe writes it.
BlockList = list[Named]
