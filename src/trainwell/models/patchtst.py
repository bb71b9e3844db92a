"""PatchTST: a transformer over pieces of each channel's past."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import each_at_least, shares, width_for_heads
from trainwell.models.dropout import Dropout
from trainwell.models.forecast import Forecaster, Normalize, Windows
from trainwell.models.registry import models


class Block(nn.Module):
    """Attention and a two-layer network, each added to what it read.

    **Shape:** `(B, T, D)` → the same.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, heads, T, D / heads)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.dropout(self.out(seen))
        out: Tensor = x + self.dropout(self.down(F.gelu(self.up(self.between(x)))))
        return out


class Patches(nn.Module):
    """Each channel by itself: cut into pieces, embedded, read by attention, and continued by one linear layer.

    **Shape:** `(B, C, L)` → `(B, C, H)`.
    """

    def __init__(self, sizes: Windows, patch: int, stride: int, blocks: list[nn.Module], dropout: float) -> None:
        super().__init__()
        self.patch, self.stride = patch, stride
        width = blocks[0].qkv.in_features if isinstance(blocks[0], Block) else 0
        count = (sizes.lookback - patch) // stride + 2  # the last value is repeated for one piece more
        self.embed = nn.Linear(patch, width)
        self.place = nn.Parameter(torch.randn(count, width) * 0.02)
        self.blocks = nn.Sequential(Dropout(dropout), *blocks, nn.LayerNorm(width))
        self.head = nn.Sequential(nn.Flatten(2), Dropout(dropout), nn.Linear(count * width, sizes.horizon))

    def forward(self, x: Tensor) -> Tensor:
        pieces = F.pad(x, (0, self.stride), mode="replicate").unfold(-1, self.patch, self.stride)  # (B, C, T, patch)
        tokens = self.embed(pieces) + self.place
        read = self.blocks(tokens.flatten(0, 1)).unflatten(0, x.shape[:2])  # (B, C, T, D)
        out: Tensor = self.head(read)
        return out


@models.register
def patchtst(
    shape: Shape,
    n_out: int,
    *,
    width: int = 16,
    depth: int = 3,
    heads: int = 4,
    hidden: int = 128,
    patch: int = 16,
    stride: int = 8,
    dropout: float = 0.3,
    normalize: Normalize = "revin",
) -> Forecaster:
    """Forecasts by attention over pieces of each channel's past, all channels with the same weights.

    **Shape:** `(B, C, L)` → `(B, H * C)`.

    Args:
        width: features of a piece.
        depth: number of blocks.
        heads: attention heads; must divide the width.
        hidden: units of each block's inner layer.
        patch: steps of a piece.
        stride: steps from one piece to the next.
        dropout: share of the features dropped.
        normalize: what is taken away from each window first.

    Source: Nie et al., "A time series is worth 64 words", ICLR 2023; the defaults are its for small data.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> patchtst(Shape((Input("series", "series", (7, 48), horizon=12),)), 84)(torch.randn(2, 7, 48)).shape
        torch.Size([2, 84])
    """
    each_at_least(1, width=width, depth=depth, heads=heads, hidden=hidden, patch=patch, stride=stride)
    shares(dropout=dropout)
    width_for_heads(width, heads)
    sizes = Windows.of(shape, n_out, model="patchtst")
    blocks: list[nn.Module] = [Block(width, heads, hidden, dropout) for _ in range(depth)]
    body = Patches(sizes, min(patch, sizes.lookback), min(stride, sizes.lookback), blocks, dropout)
    return Forecaster(sizes, body, normalize)
