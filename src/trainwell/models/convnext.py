"""ConvNeXt: a convolutional network with the habits of transformers; parameter names are timm's, whose files load."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import at_least, blocks_per_stage, each_at_least, only, shares
from trainwell.models.cnn import OTHER_INPUTS
from trainwell.models.dropout import Dropout, StochasticDepth, rising
from trainwell.models.picture import Normalize, judged, size_within, within
from trainwell.models.registry import models
from trainwell.models.transformer import Perceptron

#: Below this many pixels on the shorter side the first convolution halves the size, and under half of it keeps it.
SMALL = 96


class PixelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel.

    **Shape:** `(B, C, H, W)` → the same.

    Example:
        >>> PixelNorm(4, eps=1e-6)(torch.rand(1, 4, 2, 2)).sum(1).abs().max().item() < 1e-4
        True
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A 7 x 7 convolution of each channel by itself and a perceptron over the channels, scaled and added to what came in.

    **Shape:** `(B, C, H, W)` → the same.

    Source: Liu et al., "A ConvNet for the 2020s", CVPR 2022.

    Example:
        >>> Block(8, scale=0.1, stochastic_depth=0.0)(torch.rand(2, 8, 5, 6)).shape
        torch.Size([2, 8, 5, 6])
    """

    def __init__(self, channels: int, *, scale: float, stochastic_depth: float) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = Perceptron(channels, 4 * channels)
        self.gamma = nn.Parameter(torch.full((channels,), scale))
        self.skip = StochasticDepth(stochastic_depth)

    def forward(self, x: Tensor) -> Tensor:
        change = self.mlp(self.norm(self.conv_dw(x).permute(0, 2, 3, 1))) * self.gamma  # (B, H, W, C)
        out: Tensor = x + self.skip(change.permute(0, 3, 1, 2))
        return out


class Stage(nn.Module):
    """Blocks of one size, after a convolution that halves it.

    **Shape:** `(B, C, H, W)` → `(B, width, H / 2, W / 2)`, or the same size where `C` is the width.
    """

    def __init__(self, n_in: int, width: int, chances: list[float], scale: float, *, halve: bool) -> None:
        super().__init__()
        halving = [PixelNorm(n_in, eps=1e-6), nn.Conv2d(n_in, width, 2, stride=2)] if halve else []
        self.downsample = nn.Sequential(*halving)
        self.blocks = nn.Sequential(*(Block(width, scale=scale, stochastic_depth=chance) for chance in chances))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(self.downsample(x))
        return out


class Head(nn.Module):
    """The average over the pixels, a norm, one linear layer.

    **Shape:** `(B, C, H, W)` → `(B, n_out)`.
    """

    def __init__(self, width: int, n_out: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.drop, self.fc = nn.LayerNorm(width, eps=1e-6), Dropout(dropout), nn.Linear(width, n_out)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(self.drop(self.norm(x.mean((2, 3)))))
        return out


class ConvNeXt(nn.Module):
    """Stem, stages, head.

    **Shape:** `(B, C, H, W)` in [0, 1] → `(B, n_out)`; in evaluation mode with `mirror` → `(B, 2, n_out)`.
    """

    def __init__(
        self, normalize: Normalize, stem: nn.Module, stages: nn.Module, head: Head, *, mirror: bool, side: int
    ) -> None:
        super().__init__()
        self.normalize, self.stem, self.stages, self.head = normalize, stem, stages, head
        self.mirror, self.side = mirror, side

    def forward(self, x: Tensor) -> Tensor:
        return judged(self._answer, within(x, self.side), mirror=self.mirror and not self.training)

    def _answer(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.stages(self.stem(self.normalize(x))))
        return out


@models.register
def convnext(
    shape: Shape,
    n_out: int,
    *,
    blocks: tuple[int, ...] = (2, 2, 2),
    width: int = 32,
    patch: int = 0,
    scale: float = 0.1,
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
    mirror: bool = False,
    side: int = 0,
) -> ConvNeXt:
    """ConvNeXt: 7 x 7 convolutions of single channels, perceptrons over channels, layer norms; for large pictures and weights.

    `blocks: [3, 3, 9, 3], width: 96, patch: 4` is timm's `convnext_tiny`: `init_from` takes its weights.

    Args:
        blocks: blocks of each stage; each stage has half the size and twice the channels of the one before.
        width: channels of the first stage.
        patch: side of the patches that become pixels of the first stage; 0 takes 4, below 96 pixels 2, below 48 pixels 1.
        scale: what the change of a block is multiplied by at first; the paper's 1e-6 is for hundreds of passes.
        dropout: share of the averaged features dropped before the head.
        stochastic_depth: chance that the last block is left out of an example in training; it rises from 0.
        mirror: answer to each picture and to its mirror image, and average; after training only. Costs twice the time.
        side: longest side of the pictures it works on: larger ones are averaged down to it first; 0 takes them as they are.

    Source: Liu et al., "A ConvNet for the 2020s", CVPR 2022.

    Example:
        >>> from trainwell.core.shape import Input
        >>> convnext(Shape((Input("picture", "picture", (3, 32, 32)),)), 10, width=8)(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """
    at_least("width", width, 1)
    blocks_per_stage(blocks)
    each_at_least(0, patch=patch, side=side)
    shares(dropout=dropout, stochastic_depth=stochastic_depth)
    channels, *full = only(shape, "picture", model="convnext", instead=OTHER_INPUTS).shape
    shorter = min(size_within(tuple(full), side))
    patch = min(patch or (4 if shorter >= SMALL else 2 if shorter >= SMALL // 2 else 1), shorter)
    stem = nn.Sequential(nn.Conv2d(channels, width, patch, stride=patch), PixelNorm(width, eps=1e-6))
    chances, stages, n_in, shorter = rising(stochastic_depth, sum(blocks)), nn.Sequential(), width, shorter // patch
    for number, count in enumerate(blocks):
        if number and shorter < 2:
            break  # nothing is left to be halved
        n_out_of = width << number
        first = sum(blocks[:number])
        stages.append(Stage(n_in, n_out_of, chances[first : first + count], scale, halve=number > 0))
        n_in, shorter = n_out_of, shorter // 2 if number else shorter
    return ConvNeXt(Normalize(channels), stem, stages, Head(n_in, n_out, dropout), mirror=mirror, side=side)
