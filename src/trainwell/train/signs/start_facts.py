"""The network and its optimizer before the first update: initialisation, wiring, what is trained and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.train.signs.activations import BENDS, LINEAR, RECTIFIERS, SQUASHERS, Look, look_through
from trainwell.train.signs.layers import weights_of
from trainwell.train.signs.quiet import undisturbed

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)
_BATCH_NORMS = nn.modules.batchnorm._BatchNorm
_DROPOUTS = nn.modules.dropout._DropoutNd
_BENDING = {name.rstrip("_") for name in (*RECTIFIERS, *SQUASHERS, *BENDS)} | {"softmax", "log_softmax"}


def network_facts(network: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Facts about the network: activations, depth, constant matrices, forgotten parts.

    Args:
        network: as it is before training.
        inputs: rows of the probe set.
    """
    with undisturbed(network, "batch"):
        look = look_through(network, inputs)
    weights = weights_of(network)
    facts: dict[str, Any] = {
        "layers": weights.names,
        "constant_layers": [n for n, w in zip(weights.names, weights.tensors, strict=True) if constant(w)],
        "activations": look.names,
        "kinds": look.kinds,
        "silent": look.silent,
        "saturated": look.saturated,
        "spreads": look.layers,
        "depth": sum(op in LINEAR for op in look.operations),
        "nonlinear": any(op in _BENDING for op in _inner(look)),
        "unregistered": unregistered(network),
        "narrowest": min(look.widths[:-1], default=0),
        "norm_layers": sum(isinstance(m, _NORMS) for m in network.modules()),
        "batch_norms": sum(isinstance(m, _BATCH_NORMS) for m in network.modules()),
        "dropout": max((float(m.p) for m in network.modules() if isinstance(m, _DROPOUTS)), default=0.0),
        "recurrent": any(isinstance(m, nn.RNNBase) for m in network.modules()),
    }
    if not facts["nonlinear"] and facts["depth"] > 1:
        facts["linearity"] = linearity(network, inputs)
    return facts


def _inner(look: Look) -> list[str]:
    """The operations before the last linear one: what follows is the output's own activation."""
    places = [i for i, op in enumerate(look.operations) if op in LINEAR]
    return look.operations[: places[-1]] if places else look.operations


def constant(weight: Tensor) -> bool:
    """Whether all units of a matrix begin alike and not at zero, so that they would stay alike.

    Example:
        >>> constant(torch.full((4, 3), 0.05)), constant(torch.zeros(4, 3))
        (True, False)
    """
    rows = weight.detach().reshape(len(weight), -1)
    return len(rows) > 1 and rows.shape[1] > 0 and bool(rows[0].any()) and bool((rows - rows[:1]).abs().max() == 0)


def linearity(network: nn.Module, inputs: tuple[Tensor, ...]) -> float | None:
    """How far the middle of two answers is from the answer to the middle, as a share of their size; 0 is a straight line."""
    if not all(x.is_floating_point() for x in inputs) or len(inputs[0]) < 4:
        return None
    half = len(inputs[0]) // 2
    a, b = (tuple(10 * x[i * half : (i + 1) * half] for x in inputs) for i in (0, 1))
    with undisturbed(network, "judge"):
        middle = network(*((x + y) / 2 for x, y in zip(a, b, strict=True)))
        between = (network(*a) + network(*b)) / 2
    size = float(between.abs().max())
    return float((middle - between).abs().max()) / size if size > 0 else None


def unregistered(network: nn.Module) -> list[str]:
    """Attributes that hold modules or trainable tensors in plain lists or dicts, where `parameters()` does not see them."""
    known = {id(p) for p in network.parameters()} | {id(m) for m in network.modules()}
    found = []
    for name, module in network.named_modules():
        for key, value in vars(module).items():
            if not key.startswith("_") and any(id(x) not in known for x in _held(value)):
                found.append(f"{name}.{key}".lstrip("."))
    return found


def _held(value: Any, depth: int = 2) -> Iterator[Any]:
    """Modules and trainable tensors inside plain containers."""
    if isinstance(value, nn.Module):
        if next(value.parameters(), None) is not None:
            yield value
    elif isinstance(value, Tensor):
        if value.requires_grad and value.is_leaf:
            yield value
    elif depth and isinstance(value, (list, tuple, dict)):
        for inside in value.values() if isinstance(value, dict) else value:
            yield from _held(inside, depth - 1)


def optimizer_facts(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Facts about the optimizer: its options, and which of the network's parameters it holds."""
    group = optimizer.param_groups[0]
    held = {id(p) for g in optimizer.param_groups for p in g["params"]}
    named = list(network.named_parameters())
    wanting = [(n, p) for n, p in named if p.requires_grad]
    outside = [(n, p) for n, p in wanting if id(p) not in held]
    return {
        "optimizer": str(group.get("rule", type(optimizer).__name__)).lower(),
        "learning_rate": float(max(g["lr"] for g in optimizer.param_groups)),
        "momentum": float(group.get("momentum") or group.get("betas", (0.0,))[0]),
        "weight_decay": float(max(g.get("weight_decay") or 0.0 for g in optimizer.param_groups)),
        "parameters": sum(p.numel() for _, p in named),
        "trainable": sum(p.numel() for _, p in wanting),
        "outside": sum(p.numel() for _, p in outside),
        "outside_names": [n for n, _ in outside],
    }


def gradient_facts(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """After the first backward: trained parameters that got no gradient at all."""
    held = {id(p) for g in optimizer.param_groups for p in g["params"]}
    trained = [(n, p) for n, p in network.named_parameters() if id(p) in held and p.requires_grad]
    without = [(n, p) for n, p in trained if p.grad is None]
    bad = [n for n, p in trained if p.grad is not None and not bool(torch.isfinite(p.grad).all())]
    return {
        "without_gradient": sum(p.numel() for _, p in without),
        "without_names": [n for n, _ in without],
        "gradient_bad": bad,
    }
