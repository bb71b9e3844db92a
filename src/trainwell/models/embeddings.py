"""Embeddings of number columns by piecewise-linear or periodic functions.

B batch, F number columns, E embedding width, N bins or frequencies.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.models.adaptive import Adaptive
from trainwell.models.check import at_least
from trainwell.models.many_linear import ManyLinear


class PiecewiseLinear(Adaptive):
    """Piecewise-linear encoding: how far a number has come through each bin, from 0 before it to 1 behind it.

    The bins are quantiles of the training rows, fewer where a column repeats itself; unused bins stay 0. Outside the
    training range the encoding is held, so that an outlier cannot grow without bound.

    **Shape:** `(B, F)` → `(B, F, N)`.

    Args:
        columns: F, number of columns.
        bins: N, most bins per column.
        position: which of the network's inputs is encoded.

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep learning", NeurIPS 2022.

    Example:
        >>> import torch
        >>> encoding = PiecewiseLinear(1, 2)
        >>> encoding.fit(torch.tensor([[0.0], [1.0], [3.0]]))
        >>> encoding(torch.tensor([[0.5], [2.0], [9.0]]))[:, 0]
        tensor([[0.5000, 0.0000],
                [1.0000, 0.5000],
                [1.0000, 1.0000]])
    """

    scale: Tensor
    start: Tensor

    def __init__(self, columns: int, bins: int, position: int = 0) -> None:
        super().__init__(position)
        at_least("bins", bins, 1)
        self.bins = bins
        self.register_buffer("scale", torch.zeros(columns, bins))
        self.register_buffer("start", torch.zeros(columns, bins))

    def fit(self, x: Tensor) -> None:
        self.scale.zero_()
        self.start.zero_()
        for f, column in enumerate(x.detach().cpu().double().numpy().T):
            edges = torch.from_numpy(bin_edges(column, self.bins))
            scale = 1.0 / edges.diff()  # (bins in use,)
            self.scale[f, : len(scale)] = scale
            self.start[f, : len(scale)] = edges[:-1]

    def forward(self, x: Tensor) -> Tensor:
        return ((x.unsqueeze(-1) - self.start) * self.scale).clamp(0.0, 1.0)  # (B, F, N)


def bin_edges(column: np.ndarray, bins: int) -> np.ndarray:
    """At most `bins + 1` increasing edges: quantiles of the rows, and of the distinct values where quantiles fall together.

    A column of mostly zeros has its quantiles at zero; the bins saved there go to its rare values, whose exact size may matter.

    Example:
        >>> bin_edges(np.array([0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0]), 3)
        array([0., 1., 2., 3.])
    """
    distinct = np.unique(column)
    if len(distinct) <= bins + 1:
        return distinct
    edges = np.unique(np.quantile(column, np.linspace(0, 1, bins + 1)))
    spare = bins + 1 - len(edges)
    more = np.quantile(distinct, np.linspace(0, 1, spare + 2)[1:-1])
    return np.unique(np.concatenate([edges, more]))


class PiecewiseLinearEmbeddings(nn.Module):
    """A linear embedding of each number plus a learned piecewise-linear correction that starts at zero.

    **Shape:** `(B, F)` → `(B, F, E)`.

    Args:
        columns: F, number of columns.
        width: E, length of the vectors.
        bins: most bins per column.
        position: which of the network's inputs is embedded.

    Source: Gorishniy, Kotelnikov and Babenko, "TabM", ICLR 2025, where this form is called version B.

    Example:
        >>> import torch
        >>> PiecewiseLinearEmbeddings(3, 8, bins=4)(torch.randn(2, 3)).shape
        torch.Size([2, 3, 8])
    """

    def __init__(self, columns: int, width: int, bins: int, position: int = 0) -> None:
        super().__init__()
        at_least("number_width", width, 1)
        self.encoding = PiecewiseLinear(columns, bins, position)
        self.linear = NumberLinear(columns, width)
        self.correction = ManyLinear(columns, bins, width, bias=False)
        nn.init.zeros_(self.correction.weight)

    def forward(self, x: Tensor) -> Tensor:
        vectors: Tensor = self.linear(x) + self.correction(self.encoding(x))  # (B, F, E)
        return vectors


class NumberLinear(nn.Module):
    """Each number times a vector of its own, plus a bias vector of its own.

    **Shape:** `(B, F)` → `(B, F, E)`.

    Example:
        >>> import torch
        >>> NumberLinear(3, 8)(torch.randn(2, 3)).shape
        torch.Size([2, 3, 8])
    """

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(columns, width).uniform_(-(width**-0.5), width**-0.5))
        self.bias = nn.Parameter(torch.empty(columns, width).uniform_(-(width**-0.5), width**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, x.unsqueeze(-1), self.weight)  # (B, F, E)


class PeriodicEmbeddings(nn.Module):
    """Sines and cosines of learned frequencies, then a linear layer of each column's own and ReLU.

    **Shape:** `(B, F)` → `(B, F, E)`.

    Args:
        columns: F, number of columns.
        width: E, length of the vectors.
        frequencies: number of frequencies per column; 48 as in the paper's code.
        deviation: spread of the frequencies at the start, in half-turns per unit; small means smooth.

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep learning", NeurIPS 2022.

    Example:
        >>> import torch
        >>> PeriodicEmbeddings(3, 8)(torch.randn(2, 3)).shape
        torch.Size([2, 3, 8])
    """

    def __init__(self, columns: int, width: int, frequencies: int = 48, deviation: float = 0.05) -> None:
        super().__init__()
        at_least("number_width", width, 1)
        self.frequency = nn.Parameter(torch.empty(columns, frequencies))
        nn.init.trunc_normal_(self.frequency, std=deviation, a=-3 * deviation, b=3 * deviation)
        self.linear = ManyLinear(columns, 2 * frequencies, width)

    def forward(self, x: Tensor) -> Tensor:
        angle = 2 * torch.pi * x.unsqueeze(-1) * self.frequency  # (B, F, N)
        vectors: Tensor = self.linear(torch.cat([angle.cos(), angle.sin()], -1))  # (B, F, E)
        return vectors.relu()
