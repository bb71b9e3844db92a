"""Convolutions over the tokens of texts, alone and beside a bag of n-grams.

B batch, L tokens of a text, E width of a vector, K members.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainwell.core.errors import RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.bag_of_ngrams import bag_of_ngrams
from trainwell.models.check import each_at_least, shares
from trainwell.models.registry import models
from trainwell.models.text import Reader, TextNetwork, Tokens, filled, masked_max, text_places


class ConvReader(Reader):
    """Convolutions of several lengths over token vectors, and the largest answer of each over the text.

    **Shape:** `(B, L)` codes → `(B, maps x number of kernels)`.

    Args:
        size: number of codes.
        width: length of a token's vector.
        maps: answers of each length.
        kernels: tokens that a convolution sees at once.
        dropout: share of the vectors' entries dropped in training.

    Example:
        >>> ConvReader(10, 4, 3, [2, 3], 0.1)(torch.tensor([[3, 2, 0]], dtype=torch.int32)).shape
        torch.Size([1, 6])
    """

    def __init__(self, size: int, width: int, maps: int, kernels: list[int], dropout: float) -> None:
        super().__init__(maps * len(kernels))
        self.tokens = Tokens(size, width, dropout)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, maps, k, padding=k // 2) for k in kernels)

    def forward(self, codes: Tensor) -> Tensor:
        x, mask = self.tokens(codes).transpose(1, 2), filled(codes)  # (B, E, L)
        answers = [c(x)[..., : codes.shape[1]].relu().transpose(1, 2) for c in self.convolutions]
        return torch.cat([masked_max(answer, mask) for answer in answers], 1)


@models.register
def textcnn(
    shape: Shape,
    n_out: int,
    *,
    width: int = 64,
    maps: int = 64,
    kernels: list[int] | None = None,
    token_dropout: float = 0.3,
    dropout: float = 0.5,
) -> TextNetwork:
    """A convolutional network for texts: it looks for phrases wherever they stand; other inputs are joined before the head.

    Where a text is cut in several ways it reads the first.

    Args:
        width: length of a token's vector.
        maps: phrases looked for by each convolution.
        kernels: tokens that each convolution sees at once; none given is 2, 3 and 4.
        token_dropout: share of the vectors' entries dropped in training.
        dropout: share of the answers dropped before the head.

    Source: Kim, "Convolutional neural networks for sentence classification", EMNLP 2014.

    Example:
        >>> texts = Shape((Input("text", "text", (9,), (50,), ("review",), tokens="words"),))
        >>> textcnn(texts, 3)(torch.randint(0, 50, (5, 9))).shape
        torch.Size([5, 3])
    """
    kernels = [2, 3, 4] if kernels is None else kernels
    if not kernels or min(kernels) < 1:
        raise RecipeError(f"kernels must be numbers of tokens, at least one, however: kernels={kernels}")
    each_at_least(1, width=width, maps=maps)
    shares(token_dropout=token_dropout, dropout=dropout)

    def read(given: Input) -> Reader:
        return ConvReader(given.cardinalities[0], width, maps, kernels, token_dropout)

    return TextNetwork(shape, text_places(shape, "textcnn"), read, n_out, dropout=dropout)


class Team(nn.Module):
    """Networks side by side; the loss and the prediction are averages over them.

    **Shape:** the inputs of the members → `(B, K, n_out)`.
    """

    def __init__(self, *members: nn.Module) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.stack([member(*inputs) for member in self.members], 1)


@models.register
def text_team(
    shape: Shape,
    n_out: int,
    *,
    words: int = 2,
    characters: int = 5,
    buckets: int = 1 << 17,
    half: float = 30.0,
    width: int = 64,
    maps: int = 64,
    kernels: list[int] | None = None,
    token_dropout: float = 0.3,
    dropout: float = 0.5,
) -> Team:
    """A linear bag of n-grams and a convolutional network whose probabilities are averaged: they err on different texts.

    Args:
        words: longest n-gram of words or subwords.
        characters: longest n-gram of characters.
        buckets: n-grams are hashed into so many vectors.
        half: training rows that an n-gram must stand in to move half as far as a very frequent one; 0 lets all move alike.
        width: length of a token's vector.
        maps: phrases looked for by each convolution.
        kernels: tokens that each convolution sees at once; none given is 2, 3 and 4.
        token_dropout: share of the vectors' entries dropped in training.
        dropout: share of the answers dropped before the head.

    Sources: those of `bag_of_ngrams` and `textcnn`.

    Example:
        >>> texts = Shape((Input("text", "text", (9,), (50,), ("review",), tokens="words"),))
        >>> text_team(texts, 3, buckets=64)(torch.randint(0, 50, (5, 9))).shape
        torch.Size([5, 2, 3])
    """
    read = textcnn(shape, n_out, width=width, maps=maps, kernels=kernels, token_dropout=token_dropout, dropout=dropout)
    bag = bag_of_ngrams(shape, n_out, words=words, characters=characters, buckets=buckets, half=half)
    return Team(bag, read)
