"""Convolutional networks that judge whole series.

B series, C channels, L steps.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import each_at_least, only, shares
from trainwell.models.dropout import Dropout
from trainwell.models.registry import models

#: What to use when a network for series is asked for other inputs.
OTHER_INPUTS = "Use mlp, residual_mlp or tabm, which take every mixture of inputs."


class SeriesNetwork(nn.Module):
    """Convolutions, the average over time, a head.

    **Shape:** `(B, C, L)` → `(B, n_out)`.
    """

    def __init__(self, stages: nn.Module, features: int, n_out: int, dropout: float) -> None:
        super().__init__()
        self.stages, self.dropout, self.head = stages, Dropout(dropout), nn.Linear(features, n_out)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.dropout(self.stages(x).mean(-1)))
        return out


def convolution(n_in: int, n_out: int, kernel: int, *, active: bool = True) -> nn.Sequential:
    """A convolution over time that keeps the length, its batch norm, and ReLU."""
    layers = [nn.Conv1d(n_in, n_out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm1d(n_out)]
    return nn.Sequential(*layers, *([nn.ReLU()] if active else []))


class Residual(nn.Module):
    """Convolutions with a way around them.

    **Shape:** `(B, n_in, L)` → `(B, n_out, L)`.
    """

    def __init__(self, body: nn.Module, n_in: int, n_out: int) -> None:
        super().__init__()
        self.body = body
        self.around = nn.Sequential(nn.Conv1d(n_in, n_out, 1, bias=False), nn.BatchNorm1d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.around(x))


class Inception(nn.Module):
    """Convolutions of several lengths side by side, and a maximum over three steps.

    **Shape:** `(B, n_in, L)` → `(B, 4 * width, L)`.
    """

    def __init__(self, n_in: int, width: int, kernel: int) -> None:
        super().__init__()
        self.narrow = nn.Conv1d(n_in, width, 1, bias=False) if n_in > 1 else nn.Identity()
        lengths = [max(1, kernel >> k) | 1 for k in range(3)]  # odd, so that the middle is the middle
        self.sides = nn.ModuleList(nn.Conv1d(width if n_in > 1 else 1, width, k, padding=k // 2, bias=False) for k in lengths)
        self.pooled = nn.Conv1d(n_in, width, 1, bias=False)
        self.norm = nn.BatchNorm1d(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.narrow(x)
        parts = [side(narrow) for side in self.sides]
        parts.append(self.pooled(F.max_pool1d(x, 3, stride=1, padding=1)))
        return F.relu(self.norm(torch.cat(parts, 1)))


@models.register
def fcn(shape: Shape, n_out: int, *, width: int = 128, kernel: int = 7, dropout: float = 0.0) -> SeriesNetwork:
    """Three convolutions over a series and an average over time: the plain one that is hard to beat on small sets.

    **Shape:** `(B, C, L)` → `(B, n_out)`.

    Args:
        width: channels of the first and last convolution; the middle one has twice as many.
        kernel: steps of the first convolution, odd; the next ones are two steps shorter each.
        dropout: share of the features dropped before the last layer.

    Source: Wang et al., "Time series classification from scratch with deep neural networks", IJCNN 2017.

    Example:
        >>> from trainwell.core.shape import Input
        >>> fcn(Shape((Input("series", "series", (3, 50)),)), 4, width=8)(torch.randn(2, 3, 50)).shape
        torch.Size([2, 4])
    """
    each_at_least(1, width=width, kernel=kernel)
    shares(dropout=dropout)
    channels = only(shape, "series", model="fcn", instead=OTHER_INPUTS).shape[0]
    sizes = [channels, width, 2 * width, width]
    kernels = [max(1, kernel - 2 * place) | 1 for place in range(3)]
    stages = nn.Sequential(*(convolution(a, b, k) for a, b, k in zip(sizes, sizes[1:], kernels, strict=False)))
    return SeriesNetwork(stages, width, n_out, dropout)


@models.register
def resnet1d(shape: Shape, n_out: int, *, width: int = 64, kernel: int = 7, dropout: float = 0.0) -> SeriesNetwork:
    """Three residual blocks of three convolutions over a series, and an average over time.

    **Shape:** `(B, C, L)` → `(B, n_out)`.

    Args:
        width: channels of the first block; the others have twice as many.
        kernel: steps of each block's first convolution, odd; the next ones are two steps shorter each.
        dropout: share of the features dropped before the last layer.

    Source: Wang et al., "Time series classification from scratch with deep neural networks", IJCNN 2017.

    Example:
        >>> from trainwell.core.shape import Input
        >>> resnet1d(Shape((Input("series", "series", (3, 50)),)), 4, width=8)(torch.randn(2, 3, 50)).shape
        torch.Size([2, 4])
    """
    each_at_least(1, width=width, kernel=kernel)
    shares(dropout=dropout)
    channels = only(shape, "series", model="resnet1d", instead=OTHER_INPUTS).shape[0]
    sizes, kernels = [channels, width, 2 * width, 2 * width], [max(1, kernel - 2 * place) | 1 for place in range(3)]
    blocks = []
    for n_in, wide in pairwise(sizes):
        steps = [convolution(n_in if p == 0 else wide, wide, k, active=p < 2) for p, k in enumerate(kernels)]
        blocks.append(Residual(nn.Sequential(*steps), n_in, wide))
    return SeriesNetwork(nn.Sequential(*blocks), 2 * width, n_out, dropout)


@models.register
def inception_time(
    shape: Shape, n_out: int, *, width: int = 32, depth: int = 6, kernel: int = 39, dropout: float = 0.0
) -> SeriesNetwork:
    """Convolutions of three lengths side by side, in depth, with a way around every third: the strongest single network on UCR.

    **Shape:** `(B, C, L)` → `(B, n_out)`.

    Args:
        width: channels of each of the four branches.
        depth: number of modules, in groups of three with a way around each.
        kernel: steps of the longest convolution; the others have a half and a quarter. No longer than the series.
        dropout: share of the features dropped before the last layer.

    Source: Ismail Fawaz et al., "InceptionTime", Data Mining and Knowledge Discovery 2020; the paper averages five of them,
    which `trainwell ensemble` does.

    Example:
        >>> from trainwell.core.shape import Input
        >>> inception_time(Shape((Input("series", "series", (3, 50)),)), 4, width=4)(torch.randn(2, 3, 50)).shape
        torch.Size([2, 4])
    """
    each_at_least(1, width=width, depth=depth, kernel=kernel)
    shares(dropout=dropout)
    channels, length = only(shape, "series", model="inception_time", instead=OTHER_INPUTS).shape
    groups, n_in = nn.Sequential(), channels
    for start in range(0, depth, 3):
        modules = nn.Sequential()
        for place in range(start, min(start + 3, depth)):
            modules.append(Inception(n_in if place == start else 4 * width, width, min(kernel, length)))
        groups.append(Residual(modules, n_in, 4 * width))
        n_in = 4 * width
    return SeriesNetwork(groups, 4 * width, n_out, dropout)
