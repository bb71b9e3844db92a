"""Relatives of Adam that torch has: Adagrad, NAdam, RAdam."""

from __future__ import annotations

import torch

from trainwell.optim.light import light
from trainwell.optim.registry import optimizers
from trainwell.optim.rules import Groups, has_fused


@optimizers.register
def adagrad(groups: Groups, *, eps: float = 1e-10, start: float = 0.0) -> torch.optim.Optimizer:
    """Adagrad: the gradient over the root of the sum of all its squares so far; for rare features, such as words.

    `weight_decay` is L2, as in torch. Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 2011.

    Args:
        eps: added to the denominator.
        start: the sum of squares at the start; larger ones make the first steps smaller.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> adagrad([{"params": [weight]}]).defaults["eps"]
        1e-10
    """
    return light(torch.optim.Adagrad)(groups, lr=1.0, eps=eps, initial_accumulator_value=start, fused=has_fused(groups))


@optimizers.register
def nadam(
    groups: Groups,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    momentum_decay: float = 0.004,
    decoupled: bool = True,
) -> torch.optim.Optimizer:
    """Adam with Nesterov's look ahead along the momentum.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.

    Args:
        betas: decay of the running mean of gradients and of their squares.
        eps: added to the denominator.
        momentum_decay: how fast the share of momentum grows to its full size.
        decoupled: weight decay apart from the gradient, as in AdamW; else L2, as in Adam.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> nadam([{"params": [weight]}]).defaults["decoupled_weight_decay"]
        True
    """
    return light(torch.optim.NAdam)(
        groups, lr=1.0, betas=betas, eps=eps, momentum_decay=momentum_decay, decoupled_weight_decay=decoupled, foreach=True
    )


@optimizers.register
def radam(
    groups: Groups, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, decoupled: bool = True
) -> torch.optim.Optimizer:
    """Adam that steps by plain momentum until its running mean of squares can be trusted: a warm-up of its own.

    Source: Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020.

    Args:
        betas: decay of the running mean of gradients and of their squares.
        eps: added to the denominator.
        decoupled: weight decay apart from the gradient, as in AdamW; else L2, as in Adam.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> radam([{"params": [weight]}]).defaults["betas"]
        (0.9, 0.999)
    """
    return light(torch.optim.RAdam)(groups, lr=1.0, betas=betas, eps=eps, decoupled_weight_decay=decoupled, foreach=True)
