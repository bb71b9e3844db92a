"""Dropout with cheaper random numbers: on a CPU torch spends more time drawing them than a small layer spends computing."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function_unary

#: Values of one 16-bit draw: the rate is met to within 1/131,072.
DRAWS = 1 << 16


class Dropout(nn.Dropout):
    """`nn.Dropout` that draws 16 random bits an entry on the CPU, a fifth of torch's cost; elsewhere torch's own kernel.

    **Shape:** any → the same.

    Source: Srivastava et al., "Dropout", JMLR 2014.

    Example:
        >>> sorted(Dropout(0.5)(torch.ones(200)).unique().tolist())
        [0.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return drop(x, self.p) if self.training else x


class StochasticDepth(Dropout):
    """Leaves a whole residual branch out of a share of the examples, and scales it up in the others.

    **Shape:** `(B, …)` → the same.

    Source: Huang et al., "Deep networks with stochastic depth", ECCV 2016.

    Example:
        >>> sorted(StochasticDepth(0.5)(torch.ones(200, 3)).sum(1).unique().tolist())
        [0.0, 6.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * drop(x.new_ones(len(x), *(1 for _ in x.shape[1:])), self.p) if self.training and self.p else x


class SpatialDropout(Dropout):
    """Zeroes whole channels: neighbouring pixels say the same, so dropping single ones takes little away.

    **Shape:** `(B, C, …)` → the same.

    Source: Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.

    Example:
        >>> SpatialDropout(0.5)(torch.ones(1, 50, 2, 2)).sum((0, 2, 3)).unique().tolist()
        [0.0, 8.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * drop(x.new_ones(*x.shape[:2], *(1 for _ in x.shape[2:])), self.p) if self.training and self.p else x


def rising(chance: float, count: int) -> list[float]:
    """Chances of so many layers, from 0 for the first to `chance` for the last.

    Example:
        >>> rising(0.2, 3)
        [0.0, 0.1, 0.2]
    """
    return [chance * place / max(1, count - 1) for place in range(count)]


def drop(x: Tensor, rate: float) -> Tensor:
    """`x` with a share of `rate` of its entries zeroed and the others scaled up, drawn from torch's own generator."""
    if has_torch_function_unary(x):
        return handle_torch_function(drop, (x,), x, rate)
    if rate == 0.0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, rate)
    return x * dropped(random_bits(x.shape), rate, x.dtype)


def random_bits(shape: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
    """Uniform int16 of any shape, on the CPU."""
    n = prod(shape)
    words = torch.empty((n + 3) // 4, dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator)  # the whole range of 64 bits
    return words.view(torch.int16)[:n].view(tuple(shape))


def dropped(bits: Tensor, rate: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """Factors of entries: 0 for a share of `rate`, what keeps the mean for the others.

    Example:
        >>> dropped(torch.tensor([-32768, 0, 32767], dtype=torch.int16), 0.25).tolist()
        [0.0, 1.3333333730697632, 1.3333333730697632]
    """
    cut, scale = threshold(rate)
    factor = torch.empty(bits.shape, dtype=dtype)
    # Compared straight into floats: by way of booleans it takes four times as long.
    return torch.ge(bits, cut, out=factor).mul_(scale)


def threshold(rate: float) -> tuple[int, float]:
    """The smallest 16-bit draw that is kept, and the factor of what is kept."""
    cut = min(round(rate * DRAWS), DRAWS - 1)
    return cut - DRAWS // 2, DRAWS / (DRAWS - cut)
