"""Many small linear layers in one matrix product."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ManyLinear(nn.Module):
    """One linear layer for each of N members (columns of a table, or members of an ensemble).

    **Shape:** `(B, N, n_in)` → `(B, N, n_out)`.

    Args:
        members: N.
        n_in: features into each layer.
        n_out: features out of each layer.
        bias: whether to add a bias.

    Example:
        >>> import torch
        >>> ManyLinear(4, 3, 2)(torch.randn(5, 4, 3)).shape
        torch.Size([5, 4, 2])
    """

    def __init__(self, members: int, n_in: int, n_out: int, bias: bool = True) -> None:
        super().__init__()
        bound = n_in**-0.5
        self.weight = nn.Parameter(torch.empty(members, n_in, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, n_out).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1)  # (N, B, n_in)
        y = torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)
        return y.transpose(0, 1)  # (B, N, n_out)
