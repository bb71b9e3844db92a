"""Pieces of transformers for pictures and tables; parameter names are timm's, so that its weight files load.

B batch, T tokens, D width, H heads.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.models.dropout import Dropout, StochasticDepth


class Perceptron(nn.Module):
    """Two linear layers with a GELU between them.

    **Shape:** `(…, D)` → the same.

    Example:
        >>> import torch
        >>> Perceptron(8, 32)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(self, width: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1, self.act = nn.Linear(width, hidden), nn.GELU()
        self.drop, self.fc2 = Dropout(dropout), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.drop(self.act(self.fc1(x))))
        return out


class Attention(nn.Module):
    """Every token looks at every token.

    **Shape:** `(B, T, D)` → the same.

    Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.

    Example:
        >>> import torch
        >>> Attention(8, 2)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, H, T, D / H)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)  # (B, T, D)
        out: Tensor = self.proj(seen)
        return out


class Block(nn.Module):
    """Attention and a perceptron, each after a norm and added to what came in, or left out by chance.

    **Shape:** `(B, T, D)` → the same.

    Args:
        width: D.
        heads: H, a divisor of D.
        hidden: units inside the perceptron.
        dropout: share of these units dropped in training.
        stochastic_depth: chance that each half is left out of an example in training.

    Source: Xiong et al., "On layer normalization in the transformer architecture", ICML 2020.

    Example:
        >>> import torch
        >>> Block(8, 2, 32)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(self, width: int, heads: int, hidden: int, *, dropout: float = 0.0, stochastic_depth: float = 0.0) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, eps=1e-6), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width, eps=1e-6), Perceptron(width, hidden, dropout)
        self.skip1, self.skip2 = StochasticDepth(stochastic_depth), StochasticDepth(stochastic_depth)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.skip1(self.attn(self.norm1(x)))
        out: Tensor = x + self.skip2(self.mlp(self.norm2(x)))
        return out
