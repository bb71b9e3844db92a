"""A small GPT: a transformer that tells each next token of a running text.

B batch, L tokens of a window, E width, H heads, V codes.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.errors import RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.check import each_at_least, shares
from trainwell.models.dropout import Dropout
from trainwell.models.registry import models
from trainwell.models.text import running_text

#: Deviation of the weights at the start, as in GPT-2.
SPREAD = 0.02
#: Longest turn of the rotary positions, in tokens, as in RoFormer.
TURN = 10_000.0


class Rotary(nn.Module):
    """Turns queries and keys by an angle that grows with their place, so that attention sees how far apart two tokens are.

    **Shape:** `(B, H, L, D)` → the same.

    Args:
        length: most tokens.
        size: D, an even number.

    Source: Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021.

    Example:
        >>> Rotary(8, 4)(torch.ones(1, 1, 3, 4))[0, 0, 0].tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, length: int, size: int) -> None:
        super().__init__()
        angles = torch.outer(torch.arange(length), TURN ** -torch.arange(0, 1, 2 / size))  # (L, D / 2)
        self.register_buffer("cos", angles.cos().repeat(1, 2), persistent=False)
        self.register_buffer("sin", torch.cat([-angles.sin(), angles.sin()], 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        n, half = x.shape[-2], x.shape[-1] // 2
        turned: Tensor = x * self.cos[:n] + torch.cat([x[..., half:], x[..., :half]], -1) * self.sin[:n]  # type: ignore[index]
        return turned


class CausalBlock(nn.Module):
    """Attention to what came before, and a two-layer perceptron, each after a norm and added to what came in.

    **Shape:** `(B, L, E)` → `(B, L, E)`.

    Args:
        width: E.
        heads: H, a divisor of E.
        rotary: turns queries and keys; None where positions are added to the tokens.
        dropout: share of what each half adds dropped in training.

    Source: Radford et al., "Language models are unsupervised multitask learners", 2019.

    Example:
        >>> CausalBlock(8, 2, None, 0.0)(torch.randn(1, 3, 8)).shape
        torch.Size([1, 3, 8])
    """

    def __init__(self, width: int, heads: int, rotary: Rotary | None, dropout: float) -> None:
        super().__init__()
        self.heads, self.rotary = heads, rotary
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.widen, self.narrow = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        b, n, e = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, e // self.heads).permute(2, 0, 3, 1, 4)  # (B, H, L, E / H)
        if self.rotary is not None:
            q, k = self.rotary(q), self.rotary(k)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, n, e)
        x = x + self.dropout1(self.out(seen))
        out: Tensor = x + self.dropout2(self.narrow(F.gelu(self.widen(self.norm2(x)))))
        return out


class Gpt(nn.Module):
    """Token vectors, causal blocks, and a head whose matrix may be that of the tokens.

    **Shape:** `(B, L)` codes → `(B, L, V)` logits of each next token; L may be less than the window.

    Args:
        given: the running text.
        width: E.
        depth: blocks.
        heads: H.
        positions: how a token knows its place.
        tied: whether head and tokens share a matrix.
        dropout: share of what each half of a block adds dropped in training.
    """

    def __init__(self, given: Input, width: int, *, depth: int, heads: int, positions: str, tied: bool, dropout: float) -> None:
        super().__init__()
        (length,), (size,) = given.shape, given.cardinalities
        self.tokens = nn.Embedding(size, width)
        self.places = nn.Embedding(length, width) if positions == "learned" else None
        rotary = Rotary(length, width // heads) if positions == "rotary" else None
        self.dropout = Dropout(dropout)
        self.blocks = nn.ModuleList(CausalBlock(width, heads, rotary, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width, bias=False)
        self.head = None if tied else nn.Linear(width, size, bias=False)
        self._start(depth)

    def _start(self, depth: int) -> None:
        """Small normal weights; those that end a residual branch are smaller the more branches are added up."""
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                ends = name.endswith(("out.weight", "narrow.weight"))
                nn.init.normal_(weight, 0.0, SPREAD / (2 * depth) ** 0.5 if ends else SPREAD)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.tokens(codes)  # (B, L, E)
        if self.places is not None:
            x = x + self.places.weight[: codes.shape[1]]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)
        out: Tensor = F.linear(self.norm(x), self.tokens.weight if self.head is None else self.head.weight)
        return out


@models.register
def gpt(
    shape: Shape,
    n_out: int,
    *,
    width: int = 128,
    depth: int = 4,
    heads: int = 4,
    positions: Literal["rotary", "learned"] = "rotary",
    tied: bool = True,
    dropout: float = 0.0,
) -> Gpt:
    """A small GPT for running texts: it tells each next token from those before it in its window.

    The defaults are 0.8 million parameters; weights that end a residual branch start smaller by the root of their number.

    Args:
        width: length of a token's vector.
        depth: blocks of attention and perceptron.
        heads: number of attention heads; `width` over `heads` must be an even number.
        positions: `rotary` turns queries and keys, `learned` adds a vector for each place.
        tied: head and tokens share one matrix.
        dropout: share of what each half of a block adds dropped in training; 0 pays where a text is read once or twice.

    Source: Radford et al., "Language models are unsupervised multitask learners", 2019.

    Example:
        >>> text = Shape((Input("text", "tokens", (9,), (50,), tokens="characters"),))
        >>> gpt(text, 50, width=8, depth=1, heads=2)(torch.randint(0, 50, (5, 9))).shape
        torch.Size([5, 9, 50])
    """
    each_at_least(1, width=width, depth=depth, heads=heads)
    shares(dropout=dropout)
    given = running_text(shape, n_out, "gpt")
    if width % (2 * heads):
        raise RecipeError(f"width must be an even multiple of heads, however: width={width}, heads={heads}")
    return Gpt(given, width, depth=depth, heads=heads, positions=positions, tied=tied, dropout=dropout)
