"""Update rules: torch's own, fused where torch has a fused kernel for the device.

Each takes parameter groups (with their `weight_decay`) and returns a `torch.optim.Optimizer`; the loop sets the rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from trainwell.optim.light import light
from trainwell.optim.registry import optimizers

Groups = list[dict[str, Any]]


@optimizers.register
def sgd(groups: Groups, *, momentum: float = 0.9, nesterov: bool = True, dampening: float = 0.0) -> torch.optim.Optimizer:
    """Stochastic gradient descent with (Nesterov) momentum.

    `weight_decay` is L2, as in torch. Source: Sutskever et al., "On the importance of initialization and momentum", ICML 2013.

    Args:
        momentum: share of the last update kept; 0 is plain gradient descent.
        nesterov: look ahead along the momentum before taking the gradient.
        dampening: share of the gradient held back from the momentum.

    Example:
        >>> weight = nn.Parameter(torch.ones(2))
        >>> sgd([{"params": [weight]}], momentum=0.0, nesterov=False).defaults["momentum"]
        0.0
    """
    nesterov = nesterov and momentum > 0 and dampening == 0
    return light(torch.optim.SGD)(
        groups, lr=1.0, momentum=momentum, nesterov=nesterov, dampening=dampening, fused=has_fused(groups)
    )


@optimizers.register
def adam(groups: Groups, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> torch.optim.Optimizer:
    """Adam; `weight_decay` is L2, as in torch (use `adamw` for decoupled decay).

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.

    Args:
        betas: decay of the running mean of gradients and of their squares.
        eps: added to the denominator.

    Example:
        >>> weight = nn.Parameter(torch.ones(2))
        >>> adam([{"params": [weight]}]).defaults["betas"]
        (0.9, 0.999)
    """
    return light(torch.optim.Adam)(groups, lr=1.0, betas=betas, eps=eps, fused=has_fused(groups))


@optimizers.register
def adamw(groups: Groups, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.

    Args:
        betas: decay of the running mean of gradients and of their squares.
        eps: added to the denominator.

    Example:
        >>> weight = nn.Parameter(torch.ones(2))
        >>> type(adamw([{"params": [weight]}])).__name__
        'AdamW'
    """
    return light(torch.optim.AdamW)(groups, lr=1.0, betas=betas, eps=eps, fused=has_fused(groups))


@optimizers.register
def rmsprop(
    groups: Groups, *, alpha: float = 0.99, momentum: float = 0.0, eps: float = 1e-8, centered: bool = False
) -> torch.optim.Optimizer:
    """RMSProp: the gradient over the root of a running mean of its square.

    Source: Tieleman and Hinton, "Lecture 6.5", Coursera 2012.

    Args:
        alpha: decay of the running mean of squares.
        momentum: share of the last update kept.
        eps: added to the denominator.
        centered: divide by the running variance instead.

    Example:
        >>> weight = nn.Parameter(torch.ones(2))
        >>> rmsprop([{"params": [weight]}]).defaults["alpha"]
        0.99
    """
    return light(torch.optim.RMSprop)(groups, lr=1.0, alpha=alpha, momentum=momentum, eps=eps, centered=centered, foreach=True)


def has_fused(groups: Groups) -> bool:
    """Whether torch's fused kernels take all these parameters: floating point on CPU or CUDA."""
    tensors = [p for group in groups for p in group["params"]]
    return all(p.device.type in {"cpu", "cuda"} and p.is_floating_point() for p in tensors)


def ready(
    optimizer: torch.optim.Optimizer, group: dict[str, Any], moment: str
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """A group's parameters that have a gradient, these gradients, and the running means kept as `moment`, zero at first."""
    weights = [p for p in group["params"] if p.grad is not None]
    gradients = [p.grad for p in weights if p.grad is not None]
    return weights, gradients, [optimizer.state[p].setdefault(moment, torch.zeros_like(p)) for p in weights]


class Pace(NamedTuple):
    """How fast a parameter trains: a factor of the learning rate, and the share of the run after which it begins."""

    scale: float = 1.0
    start: float = 0.0


def parameter_groups(network: nn.Module, weight_decay: float, paces: Mapping[str, Pace] | None = None) -> Groups:
    """Trainable parameters with decay on weight matrices only; norms, biases and embedding tables go without.

    One group when nothing decays: every group costs a kernel launch per step. With `paces`, by name, a group has its own
    `scale` of the rate and the share of the run at which it may `start`.
    """
    if paces:
        return _paced(network, weight_decay, paces)
    tables = {id(m.weight) for m in network.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag))}
    trained = [p for p in network.parameters() if p.requires_grad]
    if weight_decay == 0:
        return [{"params": trained, "weight_decay": 0.0}]
    decayed = [p for p in trained if p.ndim >= 2 and id(p) not in tables]
    chosen = {id(p) for p in decayed}
    rest = [p for p in trained if id(p) not in chosen]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return [g for g in groups if g["params"]]


def _paced(network: nn.Module, weight_decay: float, paces: Mapping[str, Pace]) -> Groups:
    """Groups of parameters that decay and train alike."""
    names = {id(p): name for name, p in network.named_parameters()}
    found: dict[tuple[float, Pace], list[nn.Parameter]] = {}
    for group in parameter_groups(network, weight_decay):
        for parameter in group["params"]:
            pace = paces.get(names[id(parameter)], Pace())
            found.setdefault((group["weight_decay"], pace), []).append(parameter)
    return [
        {"params": params, "weight_decay": decay, "scale": pace.scale, "start": pace.start}
        for (decay, pace), params in found.items()
    ]
