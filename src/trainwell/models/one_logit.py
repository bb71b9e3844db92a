"""A network of the user's own with one output for two classes, trained and judged as one with two."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn


class OneLogit(nn.Module):
    """Two logits from one: that of the first class is 0, so that the softmax of both is the sigmoid of the one.

    Shape: inputs as the network takes them; its output `(B, 1)` or `(B,)` becomes `(B, 2)`.

    Args:
        network: gives the logit of the second class.

    Example:
        >>> linear = nn.Linear(3, 1)
        >>> x = torch.randn(5, 3)
        >>> torch.allclose(OneLogit(linear)(x).softmax(1)[:, 1:], linear(x).sigmoid())
        True
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.one_logit = network

    def forward(self, *inputs: Tensor) -> Tensor:
        logit = self.one_logit(*inputs).reshape(-1, 1)  # (B, 1)
        return torch.cat([torch.zeros_like(logit), logit], dim=1)


def as_named(network: nn.Module, names: Collection[str]) -> nn.Module:
    """The network as weights of these names were trained: with two logits made from one, where that was so.

    Example:
        >>> type(as_named(nn.Linear(3, 1), ["one_logit.weight", "one_logit.bias"])).__name__
        'OneLogit'
    """
    made = bool(names) and all(name.startswith("one_logit.") for name in names)
    return OneLogit(network) if made and not any(n.startswith("one_logit.") for n in network.state_dict()) else network
