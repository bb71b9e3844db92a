"""Recurrent networks that read texts token by token.

B batch, L tokens of a text, E width of a vector, H units.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from trainwell.core.shape import Input, Shape
from trainwell.models.check import each_at_least, shares
from trainwell.models.registry import models
from trainwell.models.tabm import SharedDropout
from trainwell.models.text import Reader, TextNetwork, Tokens, filled, masked_max, masked_mean, running_text, text_places

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


def reversed_texts(codes: Tensor) -> Tensor:
    """Each text read from its end, padding still behind it, `(B, L)`.

    Example:
        >>> reversed_texts(torch.tensor([[4, 5, 6, 0], [7, 0, 0, 0]])).tolist()
        [[6, 5, 4, 0], [7, 0, 0, 0]]
    """
    lengths = (codes != 0).sum(1, keepdim=True)
    places = lengths - 1 - torch.arange(codes.shape[1], device=codes.device)
    return torch.where(places >= 0, codes.gather(1, places.clamp(min=0)), 0)


class RecurrentReader(Reader):
    """Recurrent layers over token vectors, from the start and from the end; the mean and the largest of their states.

    Padding stands behind the text in both directions, so that no state that counts has seen any.

    **Shape:** `(B, L)` codes → `(B, 2 x H x directions)`.

    Args:
        size: number of codes.
        width: H and E.
        depth: layers.
        cell: lstm, gru, or the plain rnn.
        both: whether the text is also read from its end.
        dropout: share of the vectors' entries dropped in training, before each layer.

    Example:
        >>> RecurrentReader(10, 4, 1, cell="gru", both=True, dropout=0.0)(torch.tensor([[3, 2, 0]])).shape
        torch.Size([1, 16])
    """

    def __init__(
        self, size: int, width: int, depth: int, *, cell: Literal["lstm", "gru", "rnn"], both: bool, dropout: float
    ) -> None:
        directions = 2 if both else 1
        super().__init__(2 * width * directions)
        self.directions = directions
        self.tokens = Tokens(size, width, dropout)
        layers = (CELLS[cell](width, width, batch_first=True) for _ in range(depth * directions))
        self.layers = nn.ModuleList(layers)  # one after the other, then those that read from the end
        self.dropout = SharedDropout(dropout)

    def forward(self, codes: Tensor) -> Tensor:
        mask, depth = filled(codes), len(self.layers) // self.directions
        states, x = [], codes
        for place, layer in enumerate(self.layers):
            if place % depth == 0:
                x = self.tokens(reversed_texts(codes) if place else codes)  # (B, L, E)
            x = layer(self.dropout(x) if place % depth else x)[0]
            if place % depth == depth - 1:
                states += [masked_mean(x, mask), masked_max(x, mask)]
        return torch.cat(states, 1)


class RecurrentWriter(nn.Module):
    """Recurrent layers over token vectors, each added to what came in, and a head with the matrix of the tokens.

    **Shape:** `(B, L)` codes of running text → `(B, L, V)` logits of each next token; every window starts without a memory.

    Args:
        size: V.
        width: H and E.
        depth: layers.
        cell: lstm, gru, or the plain rnn.
        dropout: share of the vectors' entries dropped in training, before each layer and the head.

    Source: Graves, "Generating sequences with recurrent neural networks", 2013.

    Example:
        >>> RecurrentWriter(10, 4, 2, cell="gru", dropout=0.0)(torch.tensor([[3, 2, 5]])).shape
        torch.Size([1, 3, 10])
    """

    def __init__(self, size: int, width: int, depth: int, *, cell: Literal["lstm", "gru", "rnn"], dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(size, width)
        nn.init.normal_(self.table.weight, 0.0, 0.05)  # as the head, it begins near guessing
        self.layers = nn.ModuleList(CELLS[cell](width, width, batch_first=True) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth + 1))
        self.dropout = SharedDropout(dropout)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.table(codes)
        for norm, layer in zip(self.norms, self.layers, strict=False):
            x = x + layer(self.dropout(norm(x)))[0]
        return nn.functional.linear(self.dropout(self.norms[-1](x)), self.table.weight)


@models.register
def rnn(
    shape: Shape,
    n_out: int,
    *,
    width: int = 64,
    depth: int = 1,
    cell: Literal["lstm", "gru", "rnn"] = "lstm",
    both: bool = True,
    token_dropout: float = 0.3,
    dropout: float = 0.5,
) -> TextNetwork | RecurrentWriter:
    """A recurrent network for texts, in both directions; other inputs are joined before the head.

    Where a text is cut in several ways it reads the first. Of running text (`task=language`) it tells each next token, from its
    beginning only.

    Args:
        width: units, and length of a token's vector.
        depth: recurrent layers.
        cell: `lstm`, `gru`, or the plain `rnn`.
        both: whether texts are also read from their end.
        token_dropout: share of the vectors' entries dropped in training, the same at every token.
        dropout: share of the features dropped before the head; not of running text.

    Sources: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 1997; Cho et al., "Learning phrase
    representations using RNN encoder-decoder", EMNLP 2014.

    Example:
        >>> texts = Shape((Input("text", "text", (9,), (50,), ("review",), tokens="words"),))
        >>> rnn(texts, 3, width=8, cell="gru")(torch.randint(0, 50, (5, 9))).shape
        torch.Size([5, 3])
    """
    each_at_least(1, width=width, depth=depth)
    shares(token_dropout=token_dropout, dropout=dropout)

    if shape.of_kind("tokens") is not None:
        size = running_text(shape, n_out, "rnn").cardinalities[0]
        return RecurrentWriter(size, width, depth, cell=cell, dropout=token_dropout)

    def read(given: Input) -> Reader:
        return RecurrentReader(given.cardinalities[0], width, depth, cell=cell, both=both, dropout=token_dropout)

    return TextNetwork(shape, text_places(shape, "rnn"), read, n_out, dropout=dropout)
