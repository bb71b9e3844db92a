"""Weights that are computed from others while a network trains, and are plain weights again when it has been trained."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import is_parametrized, register_parametrization, remove_parametrizations

from trainwell.core.errors import CompileError
from trainwell.models.layers import layers_of

#: Strength of a low-rank change: alpha over rank in the words of its paper, alpha being twice the rank as is usual.
LORA_SCALE = 2.0


class LowRank(nn.Module):
    """A weight plus a product of two thin matrices, which starts at zero.

    **Shape:** `(n_out, n_in)` → the same.

    Source: Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.

    Example:
        >>> change = LowRank(6, 4, rank=2)
        >>> torch.equal(change(torch.ones(6, 4)), torch.ones(6, 4))
        True
    """

    def __init__(self, n_out: int, n_in: int, *, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(rank, n_in), a=math.sqrt(5)))
        self.up = nn.Parameter(torch.zeros(n_out, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return torch.addmm(weight, self.up, self.down, alpha=LORA_SCALE)


def low_rank(network: nn.Module, rank: int) -> int:
    """Train low-rank changes of the matrices of linear layers and attention, and the head; everything else is frozen.

    Args:
        network: changed in place.
        rank: of each change; random numbers come from torch's default generator.

    Returns:
        How many numbers are trained.

    Raises:
        CompileError: the network has no linear layer below its head.

    Example:
        >>> network = nn.Sequential(nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 2))
        >>> low_rank(network, 4)
        1002
    """
    head = set(layers_of(network)[-1].parameters)
    chosen: list[tuple[nn.Module, str]] = []
    for path, module in network.named_modules():
        names = ["weight"] if isinstance(module, nn.Linear) else []
        if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            names = ["in_proj_weight"]
        chosen += [(module, name) for name in names if f"{path}.{name}".lstrip(".") not in head]
    if not chosen:
        remedy = "Use transfer.freeze, or a network with linear layers or attention."
        raise CompileError("transfer.lora changes linear layers, and this network has none below its head", remedy=remedy)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in head)
    for module, name in chosen:
        n_out, n_in = getattr(module, name).shape
        register_parametrization(module, name, LowRank(n_out, n_in, rank=min(rank, n_out, n_in)))
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def parametrize(network: nn.Module, how: str) -> nn.Module:
    """Give every linear layer and convolution a weight in another form; returns the network.

    Args:
        network: changed in place.
        how: `weight_norm` (length and direction apart) or `spectral_norm` (divided by the largest singular value).

    Raises:
        CompileError: `weight_norm` of a unit whose weights are all 0, which has no direction.

    Source: Salimans and Kingma, "Weight normalization", NeurIPS 2016; Miyato et al., "Spectral normalization for generative
    adversarial networks", ICLR 2018.

    Example:
        >>> network = parametrize(nn.Sequential(nn.Linear(4, 4)), "spectral_norm")
        >>> for _ in range(50): _ = network(torch.randn(2, 4))
        >>> bool(abs(torch.linalg.matrix_norm(network.eval()[0].weight, 2) - 1) < 1e-3)
        True
    """
    for name, layer in list(network.named_modules()):
        if not isinstance(layer, nn.Linear | _ConvNd):
            continue
        if how == "spectral_norm":
            parametrizations.spectral_norm(layer)
        else:
            if not layer.weight.detach().flatten(1).norm(dim=1).all():
                raise CompileError(
                    f"weight_norm: a unit of layer {name!r} starts with weights of 0", remedy="Use another form."
                )
            parametrizations.weight_norm(layer)
    return network


class Masked(nn.Module):
    """A weight of which some entries are 0 and stay it.

    **Shape:** any → the same.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask


def prune(network: nn.Module, share: float) -> nn.Module:
    """Set the smallest weights of all linear layers and convolutions to 0, and keep them there; returns the network.

    Source: Han et al., "Learning both weights and connections for efficient neural networks", NeurIPS 2015.

    Example:
        >>> network = prune(nn.Sequential(nn.Linear(10, 10)), 0.8)
        >>> int(plain(network)[0].weight.count_nonzero())
        20
    """
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | _ConvNd)]
    if not layers:
        raise CompileError("the network has no linear layer or convolution to prune", remedy="Set prune=0.")
    sizes = torch.cat([layer.weight.detach().abs().flatten() for layer in layers])
    gone = round(share * len(sizes))
    least = sizes.kthvalue(gone).values if gone else sizes.new_tensor(-1.0)
    for layer in layers:
        register_parametrization(layer, "weight", Masked((layer.weight.detach().abs() > least).to(layer.weight.dtype)))
    return network


def plain(network: nn.Module) -> nn.Module:
    """The network with plain weights of the values that were computed; changed in place.

    Example:
        >>> network = parametrize(nn.Sequential(nn.Linear(4, 4)), "weight_norm")
        >>> list(plain(network).state_dict())
        ['0.bias', '0.weight']
    """
    for module in list(network.modules()):
        if is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[arg-type]  # a ModuleDict, which torch's stub hides
                remove_parametrizations(module, name, leave_parametrized=True)
    return network
