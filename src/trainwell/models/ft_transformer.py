"""FT-Transformer: every column of a table is a token, and columns look at each other.

B batch, F number columns, C category columns, D width, T tokens (F + C and one class token).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.errors import CompileError
from trainwell.core.shape import Shape
from trainwell.models.categories import CategoryEmbeddings
from trainwell.models.check import each_at_least, shares, width_for_heads
from trainwell.models.dropout import Dropout
from trainwell.models.registry import models
from trainwell.models.transformer import Attention

OTHER_INPUTS = "Use tabm or mlp, which take any mixture of inputs."


class NumberTokens(nn.Module):
    """A vector of each number: the number times a learned direction, plus a learned start.

    **Shape:** `(B, F)` → `(B, F, D)`.

    Example:
        >>> NumberTokens(3, 8)(torch.randn(2, 3)).shape
        torch.Size([2, 3, 8])
    """

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, width).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, x.unsqueeze(-1), self.weight)


class Block(nn.Module):
    """Attention and a gated perceptron, each after a norm and added to what came in; the first block attends without a norm.

    **Shape:** `(B, T, D)` → the same.

    Args:
        width: D.
        heads: of attention, a divisor of D.
        dropout: share of the gated units dropped in training.
        first: whether this is the first block.

    Example:
        >>> Block(8, 2, dropout=0.1, first=True)(torch.randn(2, 5, 8)).shape
        torch.Size([2, 5, 8])
    """

    def __init__(self, width: int, heads: int, *, dropout: float, first: bool) -> None:
        super().__init__()
        hidden = 4 * width // 3
        self.norm1 = nn.Identity() if first else nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.widen, self.narrow, self.drop = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width), Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        value, gate = self.widen(self.norm2(x)).chunk(2, -1)
        out: Tensor = x + self.narrow(self.drop(value * F.relu(gate)))
        return out


class FTTransformer(nn.Module):
    """Tokens of columns, a class token, blocks, a head on the class token.

    **Shape:** `(B, F)` numbers and `(B, C)` codes, as far as the table has them → `(B, n_out)`.
    """

    def __init__(self, tokens: list[nn.Module], blocks: list[Block], width: int, n_out: int) -> None:
        super().__init__()
        self.tokens, self.blocks = nn.ModuleList(tokens), nn.ModuleList(blocks)
        self.cls_token = nn.Parameter(torch.empty(width).uniform_(-(width**-0.5), width**-0.5))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, n_out)

    def forward(self, *inputs: Tensor) -> Tensor:
        columns = [token(x) for token, x in zip(self.tokens, inputs, strict=True)]
        x = torch.cat([self.cls_token.expand(len(inputs[0]), 1, -1), *columns], 1)  # (B, T, D)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(F.relu(self.norm(x[:, 0])))
        return out


@models.register
def ft_transformer(
    shape: Shape, n_out: int, *, width: int = 96, depth: int = 2, heads: int = 8, dropout: float = 0.1
) -> FTTransformer:
    """A transformer over the columns of a table; its time grows with the square of the number of columns.

    On tables `tabm` is as good for a tenth of the time; this one is for comparison, and for tables whose columns act together.

    Args:
        width: length of a column's vector.
        depth: blocks of attention and perceptron.
        heads: attention heads, a divisor of `width`.
        dropout: share of the perceptrons' units dropped in training.

    Source: Gorishniy et al., "Revisiting deep learning models for tabular data", NeurIPS 2021.

    Example:
        >>> from trainwell.core.shape import Input
        >>> shape = Shape((Input("number", "number", (3,)), Input("category", "category", (1,), (5,))))
        >>> ft_transformer(shape, 2, width=16)(torch.randn(4, 3), torch.zeros(4, 1, dtype=torch.int32)).shape
        torch.Size([4, 2])
    """
    each_at_least(1, width=width, depth=depth, heads=heads)
    shares(dropout=dropout)
    width_for_heads(width, heads)
    tokens: list[nn.Module] = []
    for given in shape.inputs:
        if given.kind not in ("number", "category"):
            what = f"the model 'ft_transformer' takes columns of a table, however the data have: {given.name} ({given.kind})"
            raise CompileError(what, remedy=OTHER_INPUTS)
        numbers = given.kind == "number"
        tokens.append(NumberTokens(given.size, width) if numbers else CategoryEmbeddings(given.cardinalities, width))
    blocks = [Block(width, heads, dropout=dropout, first=not number) for number in range(depth)]
    return FTTransformer(tokens, blocks, width, n_out)
