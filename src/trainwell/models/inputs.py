"""All inputs of a network as one row of features: what dense networks begin with."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError
from trainwell.core.shape import Input, Shape
from trainwell.models.categories import Categories
from trainwell.models.embeddings import PeriodicEmbeddings, PiecewiseLinearEmbeddings
from trainwell.models.ngrams import NgramBag, spans
from trainwell.models.picture import Normalize, PictureFeatures

Numbers = Literal["plain", "piecewise", "periodic"]

#: Features a text becomes in each way in which it is cut.
TEXT_WIDTH = 32

#: Features a picture becomes when it stands beside other inputs.
PICTURE_WIDTH = 64

#: Most features that the columns of one kind become, so that a table of thousands of columns still fits into memory.
MOST_FEATURES = 8192

#: Most bins over all number columns.
MOST_BINS = 20_000


class Inputs(nn.Module):
    """Every input encoded by its kind, flattened and joined.

    Numbers pass as they are or are embedded; categories are one-hot or, where they are many, embedded; a picture alone is
    flattened, beside other inputs it goes through a small convolutional encoder; a text becomes a bag of n-grams; other tensors
    are flattened. In tables of more than some hundred columns the embeddings are narrower and the bins fewer than asked for.

    **Shape:** one tensor `(B, …)` per input of `shape` → `(B, width)`.

    Args:
        shape: the network's inputs.
        numbers: how numbers enter.
        number_width: length of each number's embedding.
        bins: most bins of a piecewise-linear embedding.
        one_hot: most categories of a column that is one-hot.
        category_width: length of the embedding of columns with more categories.

    Attributes:
        width: number of features that come out.
        chunks: how many neighbouring features belong to the same column, in order.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> shape = Shape((Input("number", "number", (3,)), Input("category", "category", (1,), (5,))))
        >>> encoder = Inputs(shape, numbers="piecewise", number_width=8, bins=4, one_hot=32, category_width=8)
        >>> encoder(torch.randn(2, 3), torch.zeros(2, 1, dtype=torch.int32)).shape, encoder.chunks
        (torch.Size([2, 28]), [8, 8, 8, 4])
    """

    def __init__(
        self, shape: Shape, *, numbers: Numbers, number_width: int, bins: int, one_hot: int, category_width: int
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList()
        self.chunks: list[int] = []
        alone = len(shape.inputs) == 1
        for position, given in enumerate(shape.inputs):
            if given.kind == "number":
                module, chunks = _numbers(given, position, numbers, number_width, bins)
            elif given.kind == "category":
                module, chunks = _categories(given, one_hot, category_width)
            elif given.kind == "picture":
                module, chunks = _picture(given, position, alone)
            elif given.kind == "text":
                module, chunks = _text(shape, position), [TEXT_WIDTH]
            else:
                module, chunks = nn.Flatten(), [given.size]
            self.encoders.append(module)
            self.chunks += [n for n in chunks if n]
        self.width = sum(self.chunks)
        if not self.width:
            raise CompileError("the data have no input columns", remedy="Keep at least one column that is not the target.")

    def forward(self, *inputs: Tensor) -> Tensor:
        parts = [encoder(x).flatten(1) for encoder, x in zip(self.encoders, inputs, strict=True)]
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]  # (B, width)


def _numbers(given: Input, position: int, numbers: Numbers, width: int, bins: int) -> tuple[nn.Module, list[int]]:
    columns = given.size
    width = _within(MOST_FEATURES, columns, width)
    if numbers == "plain" or not columns:
        return nn.Flatten(), [1] * columns
    if numbers == "piecewise":
        bins = _within(MOST_BINS, columns, bins)
        return PiecewiseLinearEmbeddings(columns, width, bins, position), [width] * columns
    return PeriodicEmbeddings(columns, width), [width] * columns


def _categories(given: Input, one_hot: int, width: int) -> tuple[nn.Module, list[int]]:
    if not given.cardinalities:
        return nn.Flatten(), []
    if sum(n - 1 for n in given.cardinalities if n - 1 <= one_hot) > MOST_FEATURES:
        one_hot = 1
    width = _within(MOST_FEATURES, len(given.cardinalities), width)
    layer = Categories(given.cardinalities, one_hot=one_hot, width=width)
    return layer, layer.chunks


def _text(shape: Shape, position: int) -> nn.Module:
    texts = [given for given in shape.inputs if given.kind == "text"]
    shortest, longest = spans(texts, 2, 4)[texts.index(shape.inputs[position])]
    return NgramBag(longest, TEXT_WIDTH, shortest=shortest, buckets=1 << 15, start=0.1, position=position)


def _within(most: int, columns: int, wanted: int) -> int:
    """`wanted` per column, or fewer where all columns together would pass `most`; what makes no sense is left to be refused."""
    return min(wanted, max(1, most // max(1, columns)))


def _picture(given: Input, position: int, alone: bool) -> tuple[nn.Module, list[int]]:
    if alone:
        return nn.Sequential(Normalize(given.shape[0], position), nn.Flatten()), [1] * given.size
    return PictureFeatures(given.shape[0], PICTURE_WIDTH, position), [1] * PICTURE_WIDTH
