"""Vision transformer: a picture as a row of patches; parameter names are timm's, so that its weight files load.

B batch, T patches and one class token, D width.
"""

from __future__ import annotations

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import each_at_least, only, shares, width_for_heads
from trainwell.models.cnn import OTHER_INPUTS
from trainwell.models.dropout import Dropout, rising
from trainwell.models.picture import Normalize, judged, size_within, within
from trainwell.models.registry import models
from trainwell.models.transformer import Block

#: Patches along the shorter side that `patch=0` aims at.
PATCHES = 7


class PatchEmbedding(nn.Module):
    """Patches that do not overlap, each as a vector; pictures are padded to whole patches.

    **Shape:** `(B, C, H, W)` → `(B, patches, D)`.

    Example:
        >>> PatchEmbedding(1, 8, 4)(torch.rand(2, 1, 9, 8)).shape
        torch.Size([2, 6, 8])
    """

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.patch, self.proj = patch, nn.Conv2d(channels, width, patch, stride=patch)

    def forward(self, x: Tensor) -> Tensor:
        height, long = x.shape[-2:]
        x = F.pad(x, (0, -long % self.patch, 0, -height % self.patch))
        out: Tensor = self.proj(x).flatten(2).transpose(1, 2)
        return out


class ViT(nn.Module):
    """Patches and a class token with learned positions, transformer blocks, a head on the class token.

    **Shape:** `(B, C, H, W)` in [0, 1] → `(B, n_out)`; in evaluation mode with `mirror` → `(B, 2, n_out)`.

    Args:
        patches: the embedding of patches.
        count: how many patches a picture has.
        channels: C.
        blocks: of transformers, of width D.
        n_out: number of outputs.
        dropout: share of the class token's entries dropped before the head.
        mirror: judge each picture and its mirror image.
        side: longest side of the pictures after the entrance; 0 leaves them.
    """

    def __init__(
        self,
        patches: PatchEmbedding,
        count: int,
        channels: int,
        blocks: list[Block],
        n_out: int,
        *,
        dropout: float,
        mirror: bool,
        side: int,
    ) -> None:
        super().__init__()
        width = patches.proj.out_channels
        self.normalize, self.mirror, self.side = Normalize(channels), mirror, side
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 1e-6)
        self.pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1 + count, width), std=0.02))
        self.patch_embed = patches
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.drop = Dropout(dropout)
        self.head = nn.Linear(width, n_out)

    def forward(self, x: Tensor) -> Tensor:
        return judged(self._answer, within(x, self.side), mirror=self.mirror and not self.training)

    def _answer(self, x: Tensor) -> Tensor:
        patches = self.patch_embed(self.normalize(x))
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], 1) + self.pos_embed  # (B, T, D)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.drop(self.norm(x)[:, 0]))
        return out


@models.register
def vit(
    shape: Shape,
    n_out: int,
    *,
    width: int = 64,
    depth: int = 4,
    heads: int = 4,
    patch: int = 0,
    dropout: float = 0.0,
    stochastic_depth: float = 0.0,
    mirror: bool = False,
    side: int = 0,
) -> ViT:
    """Vision transformer; from scratch it wants many pictures, from pretrained weights few.

    `width: 192, depth: 12, heads: 3, patch: 16` is timm's `vit_tiny_patch16_224`, `width: 384, heads: 6` its small one:
    `init_from` takes their weights, positions interpolated for other sizes than 224 pixels.

    Args:
        width: length of a patch's vector.
        depth: transformer blocks.
        heads: attention heads, a divisor of `width`.
        patch: side of a patch in pixels; 0 takes about a seventh of the shorter side, and at most 16.
        dropout: share dropped inside the perceptrons and before the head.
        stochastic_depth: chance that the last block's halves are left out of an example in training; it rises from 0.
        mirror: answer to each picture and to its mirror image, and average; after training only. Costs twice the time.
        side: longest side of the pictures it works on: larger ones are averaged down to it first; 0 takes them as they are.

    Source: Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021.

    Example:
        >>> from trainwell.core.shape import Input
        >>> vit(Shape((Input("picture", "picture", (1, 28, 28)),)), 10)(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """
    each_at_least(1, width=width, depth=depth, heads=heads)
    each_at_least(0, patch=patch, side=side)
    shares(dropout=dropout, stochastic_depth=stochastic_depth)
    width_for_heads(width, heads)
    channels, *full = only(shape, "picture", model="vit", instead=OTHER_INPUTS).shape
    size = size_within(tuple(full), side)
    patch = min(patch or min(16, max(1, min(size) // PATCHES)), min(size))
    count = ceil(size[0] / patch) * ceil(size[1] / patch)
    chances = rising(stochastic_depth, depth)
    blocks = [Block(width, heads, 4 * width, dropout=dropout, stochastic_depth=chance) for chance in chances]
    embedding = PatchEmbedding(channels, width, patch)
    return ViT(embedding, count, channels, blocks, n_out, dropout=dropout, mirror=mirror, side=side)
