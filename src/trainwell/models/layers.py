"""The layers of any network in order, from its inputs to its head: what is frozen, thawed or slowed down layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from trainwell.core.errors import RecipeError, did_you_mean

#: Modules that only hold others in a row; what they hold are layers.
ROWS = (nn.Sequential, nn.ModuleList)


class Layer(NamedTuple):
    """A layer and the names of its parameters."""

    name: str
    parameters: list[str]


def layers_of(network: nn.Module) -> list[Layer]:
    """The layers that have parameters, in the order in which the network declares them; the last one is its head.

    A layer is a module that the network holds itself, or one in a row of modules; a norm belongs to the layer before it, and
    parameters of the network's own to the first layer.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
        >>> [layer.name for layer in layers_of(network)]
        ['0', '2']
    """
    found: dict[str, list[str]] = {}
    matrices: set[str] = set()
    for name, parameter in network.named_parameters():
        block = _block(network, name.split("."))
        found.setdefault(block, []).append(name)
        if parameter.ndim > 1:
            matrices.add(block)
    merged: list[Layer] = []
    own = found.pop("", [])
    for block, names in found.items():
        if merged and block not in matrices:
            merged[-1].parameters.extend(names)
        else:
            merged.append(Layer(block, names))
    if own:
        merged = [Layer(merged[0].name, own + merged[0].parameters), *merged[1:]] if merged else [Layer("", own)]
    return merged


def _block(network: nn.Module, path: Sequence[str]) -> str:
    """The name of the layer in which a parameter lies."""
    module, steps = network, list[str]()
    for step in path[:-1]:
        module = module.get_submodule(step)
        steps.append(step)
        if not isinstance(module, ROWS):
            break
    return ".".join(steps)


def freeze(network: nn.Module, chosen: str | Sequence[str]) -> list[str]:
    """Take layers out of training, and hold the statistics of their batch norms; returns the names of these parameters.

    Args:
        network: changed in place.
        chosen: `body` for all layers but the head; or names of modules.

    Raises:
        RecipeError: there is no such module.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
        >>> freeze(network, "body"), network[1].weight.requires_grad
        (['0.weight', '0.bias'], True)
    """
    wanted = [layer.name for layer in layers_of(network)[:-1]] if chosen == "body" else list(chosen)
    known = [name for name, _ in network.named_modules() if name]
    for name in wanted:
        if name and name not in known:
            raise RecipeError(f"the network has no layer {name!r}", where="transfer.freeze", remedy=did_you_mean(name, known))
    if chosen == "body":
        frozen = [name for layer in layers_of(network)[:-1] for name in layer.parameters]
    else:
        frozen = [n for n, _ in network.named_parameters() if any(n.startswith(f"{name}.") for name in wanted)]
    for name in frozen:
        network.get_parameter(name).requires_grad_(False)
    return frozen


class HeldNorm(nn.Module):
    """Batch norm that uses its statistics as they are, in training too; its scale and shift may still be trained.

    **Shape:** any that the batch norm takes → the same. Parameters have the batch norm's names.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.eps = norm.eps
        self.register_parameter("weight", norm.weight)
        self.register_parameter("bias", norm.bias)
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.get_buffer("running_mean"), self.get_buffer("running_var")
        return F.batch_norm(x, mean, variance, self.weight, self.bias, training=False, eps=self.eps)


def hold_norms(network: nn.Module, *, frozen_only: bool = False) -> int:
    """Put `HeldNorm` in the place of batch norms, of frozen ones or all; returns how many.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))
        >>> hold_norms(network), type(network[1]).__name__
        (1, 'HeldNorm')
    """
    count = 0
    for module in list(network.modules()):
        for name, child in module.named_children():
            trains = any(p.requires_grad for p in child.parameters())
            if isinstance(child, _BatchNorm) and child.track_running_stats and not (frozen_only and trains):
                setattr(module, name, HeldNorm(child))
                count += 1
    return count
