"""Which parameters are watched: the weight matrices in the order of the network, embeddings left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Weights:
    """The weight matrices of a network that are trained.

    Args:
        names: of the parameters, without `.weight`.
        tensors: the parameters.
        floors: the norm each would have after the usual initialisation; below it, an update is compared with this, for a
            matrix that starts at zero is no sign of a large step.
    """

    names: list[str]
    tensors: list[nn.Parameter]
    floors: list[float]


def weights_of(network: nn.Module, trained: Iterable[Tensor] | None = None) -> Weights:
    """The trained weight matrices of a network.

    Args:
        network: the network.
        trained: parameters that the optimizer holds; None takes all that want a gradient.
    """
    held = None if trained is None else {id(p) for p in trained}
    embedded = {id(m.weight) for m in network.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag))}
    found = [
        (name.removesuffix(".weight"), p)
        for name, p in network.named_parameters()
        if p.ndim >= 2 and p.requires_grad and id(p) not in embedded and (held is None or id(p) in held)
    ]
    return Weights([n for n, _ in found], [p for _, p in found], [usual_norm(p) for _, p in found])


def usual_norm(weight: Tensor) -> float:
    """The norm of a matrix `(out, in, …)` under PyTorch's own initialisation, uniform with variance 1 / (3 in).

    Example:
        >>> round(usual_norm(torch.zeros(30, 10)), 3)
        3.162
    """
    fan_in = max(1, weight[0].numel()) if len(weight) else 1
    return math.sqrt(weight.numel() / (3 * fan_in))


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """The norm of each tensor in one pass, `(n,)`; nothing waits for the device."""
    return torch.stack([n.float() for n in torch._foreach_norm(list(tensors))]) if tensors else torch.zeros(0)
