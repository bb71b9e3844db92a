"""Category columns as features: unit vectors where categories are few, learned vectors where they are many.

B batch, C category columns, E embedding width.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor, nn

from trainwell.models.check import at_least


class CategoryEmbeddings(nn.Module):
    """One learned vector per code and column, all columns in one table so that the look-up is one operation.

    Code 0 stands for unseen and rare values; its vector starts at zero, so that an unseen value says nothing.

    **Shape:** `(B, C)` codes → `(B, C, E)`.

    Args:
        cardinalities: number of codes of each column.
        width: length of the vectors.

    Source: Guo and Berkhahn, "Entity embeddings of categorical variables", 2016.

    Example:
        >>> import torch
        >>> CategoryEmbeddings((3, 5), 4)(torch.tensor([[0, 4], [2, 0]], dtype=torch.int32)).shape
        torch.Size([2, 2, 4])
    """

    first: Tensor

    def __init__(self, cardinalities: tuple[int, ...], width: int) -> None:
        super().__init__()
        at_least("category_width", width, 1)
        first = [0, *accumulate(cardinalities[:-1])]
        self.register_buffer("first", torch.tensor(first), persistent=False)
        self.table = nn.Embedding(sum(cardinalities), width)
        with torch.no_grad():
            nn.init.uniform_(self.table.weight, -(width**-0.5), width**-0.5)
            self.table.weight[self.first] = 0.0

    def forward(self, codes: Tensor) -> Tensor:
        vectors: Tensor = self.table(codes + self.first)  # (B, C, E)
        return vectors


class OneHot(nn.Module):
    """Every code as a unit vector; code 0 (unseen or rare) as zeros. Exact and cheap for columns with few categories.

    **Shape:** `(B, C)` codes → `(B, sum of (cardinality - 1))`.

    Example:
        >>> import torch
        >>> OneHot((3, 2))(torch.tensor([[2, 0]], dtype=torch.int32))
        tensor([[0., 1., 0.]])
    """

    column: Tensor
    code: Tensor

    def __init__(self, cardinalities: tuple[int, ...]) -> None:
        super().__init__()
        pairs = [(c, code) for c, n in enumerate(cardinalities) for code in range(1, n)]
        column, code = torch.tensor(pairs, dtype=torch.int32).reshape(-1, 2).T
        self.register_buffer("column", column.long(), persistent=False)
        self.register_buffer("code", code.contiguous(), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        return (codes.index_select(1, self.column) == self.code).float()  # (B, sum)


class Categories(nn.Module):
    """Columns with few categories as unit vectors, the others as learned vectors, all in one row.

    **Shape:** `(B, C)` codes → `(B, sum of chunks)`.

    Args:
        cardinalities: number of codes of each column, code 0 included.
        one_hot: most categories of a column that becomes unit vectors.
        width: length of the learned vectors.

    Attributes:
        chunks: number of features of each column, in the order in which they come out.

    Example:
        >>> import torch
        >>> layer = Categories((3, 500), one_hot=8, width=4)
        >>> layer(torch.tensor([[2, 77]], dtype=torch.int32)).shape, layer.chunks
        (torch.Size([1, 6]), [2, 4])
    """

    few: Tensor
    many: Tensor

    def __init__(self, cardinalities: tuple[int, ...], *, one_hot: int, width: int) -> None:
        super().__init__()
        at_least("one_hot", one_hot, 0)
        few = [c for c, n in enumerate(cardinalities) if n - 1 <= one_hot]
        many = [c for c, n in enumerate(cardinalities) if n - 1 > one_hot]
        self.register_buffer("few", torch.tensor(few, dtype=torch.long), persistent=False)
        self.register_buffer("many", torch.tensor(many, dtype=torch.long), persistent=False)
        self.units = OneHot(tuple(cardinalities[c] for c in few)) if few else None
        self.vectors = CategoryEmbeddings(tuple(cardinalities[c] for c in many), width) if many else None
        self.chunks = [cardinalities[c] - 1 for c in few] + [width] * len(many)

    def forward(self, codes: Tensor) -> Tensor:
        if self.vectors is None:
            assert self.units is not None
            units: Tensor = self.units(codes)
            return units
        vectors = self.vectors(codes.index_select(1, self.many)).flatten(1)
        return vectors if self.units is None else torch.cat([self.units(codes.index_select(1, self.few)), vectors], 1)
