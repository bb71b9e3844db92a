"""Weights in eight bits: a quarter of the file, and linear layers that multiply whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError

#: What is added to the name of a packed weight for the name of its scales.
SCALE = ".int8_scale"
#: Weights with fewer numbers stay as they are: their scales would cost what the bits save.
FEWEST = 256


def packed(network: nn.Module) -> dict[str, Tensor]:
    """The network's tensors, weight matrices as int8 with one float scale for each unit.

    Example:
        >>> found = packed(nn.Linear(64, 8))
        >>> {name: str(tensor.dtype)[6:] for name, tensor in found.items()}
        {'weight': 'int8', 'weight.int8_scale': 'float32', 'bias': 'float32'}
    """
    matrices = {name for name, p in network.named_parameters() if p.ndim >= 2 and p.numel() >= FEWEST}
    found: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if name in matrices:
            found[name], found[name + SCALE] = rounded(tensor.detach())
        else:
            found[name] = tensor.detach()
    return found


def rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers from -127 to 127 of the weight's shape, and the scale `(n_out,)` that brings each unit's back."""
    scale = weight.flatten(1).abs().amax(1).clamp(min=1e-12) / 127
    return (weight / _along(scale, weight)).round().to(torch.int8), scale


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as a network takes them: packed ones times their scales, the others as they are.

    Example:
        >>> layer = nn.Linear(64, 8)
        >>> bool((unpacked(packed(layer))["weight"] - layer.weight).abs().max() < 0.001)
        True
    """
    scales = {name.removesuffix(SCALE): t for name, t in tensors.items() if name.endswith(SCALE)}
    plain = {name: t for name, t in tensors.items() if not name.endswith(SCALE)}
    return {name: t * _along(scales[name], t) if name in scales else t for name, t in plain.items()}


def _along(scale: Tensor, weight: Tensor) -> Tensor:
    return scale.view(-1, *(1 for _ in weight.shape[1:]))


class Int8Linear(nn.Module):
    """A linear layer over whole numbers: the weight is int8 once and for all, each row of the input is rounded as it comes.

    **Shape:** `(…, n_in)` → `(…, n_out)`.

    Source: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
    CVPR 2018.

    Example:
        >>> layer, x = nn.Linear(64, 8), torch.randn(5, 64)
        >>> bool((Int8Linear(layer)(x) - layer(x)).abs().max() < 0.05)
        True
    """

    columns: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        whole, scale = rounded(layer.weight.detach())
        self.register_buffer("columns", whole.T.contiguous())
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)
        size = rows.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
        product = torch._int_mm((rows / size).round().to(torch.int8), self.columns).float() * size * self.scale
        return (product if self.bias is None else product + self.bias).unflatten(0, x.shape[:-1])


def int8_network(network: nn.Module) -> nn.Module:
    """A copy for prediction on a CPU: linear layers become `Int8Linear`, other weights are rounded and computed in float.

    Raises:
        CompileError: nothing in the network is large enough.
    """
    copy = deepcopy(network).eval()
    if not any(name.endswith(SCALE) for name in packed(copy)):
        what = f"no weight of the network has {FEWEST} numbers or more"
        raise CompileError(what, remedy="A network this small needs no eight bits.")
    copy.load_state_dict(unpacked(packed(copy)))
    for module in list(copy.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear and child.weight.numel() >= FEWEST and not isinstance(module, nn.MultiheadAttention):
                setattr(module, name, Int8Linear(child))
    return copy
