"""A small transformer encoder for texts.

B batch, L tokens of a text, E width, H heads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.shape import Input, Shape
from trainwell.models.check import each_at_least, shares, width_for_heads
from trainwell.models.registry import models
from trainwell.models.tabm import SharedDropout
from trainwell.models.text import Reader, TextNetwork, Tokens, filled, masked_mean, text_places


class AttentionBlock(nn.Module):
    """Self-attention and a two-layer perceptron, each after a norm and added to what came in.

    **Shape:** `(B, L, E)` and a mask that broadcasts to `(B, H, L, L)` → `(B, L, E)`.

    Args:
        width: E.
        heads: H, a divisor of E.
        dropout: share of the entries that each half adds dropped in training, the same at every token.

    Source: Xiong et al., "On layer normalization in the transformer architecture", ICML 2020.

    Example:
        >>> mask = torch.ones(1, 1, 1, 3, dtype=torch.bool)
        >>> AttentionBlock(8, 2, 0.1)(torch.randn(1, 3, 8), mask).shape
        torch.Size([1, 3, 8])
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout1, self.dropout2 = SharedDropout(dropout), SharedDropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        b, n, e = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, e // self.heads).permute(2, 0, 3, 1, 4)  # (B, H, L, E / H)
        scores = (q @ k.transpose(-1, -2) * (e // self.heads) ** -0.5).masked_fill(~mask, -1e4)  # plain, so that it stacks
        seen = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, e)
        x = x + self.dropout1(self.out(seen))
        out: Tensor = x + self.dropout2(self.narrow(F.gelu(self.widen(self.norm2(x)))))
        return out


class TransformerReader(Reader):
    """Token vectors with their places, transformer blocks, the mean over the text.

    **Shape:** `(B, L)` codes → `(B, E)`; L may be less than `length`.

    Args:
        size: number of codes.
        length: most tokens of a text.
        width: E.
        depth: blocks.
        heads: H.
        dropout: share dropped of what each block adds.
        token_dropout: share of the vectors' entries dropped in training.

    Example:
        >>> TransformerReader(10, 9, 8, depth=1, heads=2, dropout=0.0, token_dropout=0.0)(torch.tensor([[3, 2, 0]])).shape
        torch.Size([1, 8])
    """

    def __init__(
        self, size: int, length: int, width: int, *, depth: int, heads: int, dropout: float, token_dropout: float
    ) -> None:
        super().__init__(width)
        self.tokens = Tokens(size, width, token_dropout)
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.ModuleList(AttentionBlock(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, codes: Tensor) -> Tensor:
        mask = filled(codes)
        first = torch.arange(codes.shape[1], device=codes.device) == 0
        seen = (mask | first)[:, None, None, :]  # an empty text looks at its first place, not nowhere
        x = self.tokens(codes) + self.places[: codes.shape[1]]
        for block in self.blocks:
            x = block(x, seen)
        return masked_mean(self.norm(x), mask)


@models.register
def text_transformer(
    shape: Shape,
    n_out: int,
    *,
    width: int = 64,
    depth: int = 2,
    heads: int = 4,
    token_dropout: float = 0.1,
    dropout: float = 0.2,
) -> TextNetwork:
    """A small transformer encoder for texts; it wants more rows than the other networks.

    Where a text is cut in several ways it reads the first; other inputs are joined before the head.

    Args:
        width: length of a token's vector.
        depth: blocks of attention and perceptron.
        heads: number of attention heads, a divisor of `width`.
        token_dropout: share of the vectors' entries dropped in training.
        dropout: share dropped of what each block adds, and of the features before the head.

    Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.

    Example:
        >>> texts = Shape((Input("text", "text", (9,), (50,), ("review",), tokens="words"),))
        >>> text_transformer(texts, 3, width=8)(torch.randint(0, 50, (5, 9))).shape
        torch.Size([5, 3])
    """
    each_at_least(1, width=width, depth=depth, heads=heads)
    shares(token_dropout=token_dropout, dropout=dropout)
    width_for_heads(width, heads)

    def read(given: Input) -> Reader:
        size, length = given.cardinalities[0], given.shape[0]
        return TransformerReader(size, length, width, depth=depth, heads=heads, dropout=dropout, token_dropout=token_dropout)

    return TextNetwork(shape, text_places(shape, "text_transformer"), read, n_out, dropout=dropout)
