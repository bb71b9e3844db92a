"""LSUV: weights scaled layer by layer until the outputs of every layer have variance 1 on real rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

#: Rounds for each layer; one suffices for a linear layer, more where dropout or a norm stands before it.
ROUNDS = 5


@torch.no_grad()
def rescale(network: nn.Module, inputs: tuple[Tensor, ...], *, tolerance: float = 0.02) -> nn.Module:
    """Divide the weights of each linear layer and convolution by the deviation of its output, from the inputs to the head.

    A layer whose output does not vary on these rows stays as it is.

    Args:
        network: changed in place; its weights have been drawn, best orthogonal.
        inputs: some hundred training rows.
        tolerance: how far from 1 a deviation may be.

    Source: Mishkin and Matas, "All you need is a good init", ICLR 2016.

    Example:
        >>> network = rescale(nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 4)), (9 * torch.randn(200, 8),))
        >>> round(network[0](9 * torch.randn(2000, 8)).std().item(), 1)
        1.0
    """
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    for layer in _in_order(network, inputs):
        for _ in range(ROUNDS):
            deviation = _deviation(network, layer, inputs)
            if abs(deviation - 1) < tolerance or not deviation > 1e-8:
                break
            layer.weight.div_(deviation)
    for module, training in modes:
        module.training = training
    return network


def _in_order(network: nn.Module, inputs: tuple[Tensor, ...]) -> list[nn.Linear | _ConvNd]:
    """The layers in the order in which they are used."""
    seen: list[nn.Linear | _ConvNd] = []
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | _ConvNd)]
    handles = [m.register_forward_pre_hook(lambda m, _: None if m in seen else seen.append(m)) for m in layers]
    network(*inputs)
    for handle in handles:
        handle.remove()
    return seen


def _deviation(network: nn.Module, layer: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    found: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _m, _i, out: found.append(out))
    network(*inputs)
    handle.remove()
    return float(found[0].std())
