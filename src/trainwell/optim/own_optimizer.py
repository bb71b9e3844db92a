"""An update rule of the user's own: any class of `torch.optim.Optimizer`, of torch or of another package."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

from trainwell.core.errors import RecipeError
from trainwell.core.own_code import name_of, parameters_of, with_options
from trainwell.optim.rules import Groups


def as_optimizer(found: Any) -> Callable[..., torch.optim.Optimizer]:
    """The user's class as a function of parameter groups; its parameters, but rate and decay, are options.

    The loop sets the rate before every update, and the recipe's `weight_decay` comes with the groups. What the rule remembers
    is kept in checkpoints as long as it is tensors or numbers.

    Raises:
        RecipeError: it is no update rule, wants to compute the loss itself, or has no weight decay and should decay.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> as_optimizer(torch.optim.Adadelta)([{"params": [weight]}], rho=0.95).defaults["rho"]
        0.95
    """
    if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
        raise RecipeError(f"{name_of(found)} is no class of update rules", remedy="Name a subclass of torch.optim.Optimizer.")
    closure = inspect.signature(found.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise RecipeError(f"{name_of(found)} computes the loss several times per update", remedy="Choose another optimizer.")
    return _made_of(found)  # type: ignore[arg-type]  # a class can be hashed


@lru_cache(64)
def _made_of(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    named, name = parameters_of(kind), name_of(kind)
    if not named or {"scale", "start"} & named.keys():
        what = "has options called scale or start, which the loop keeps for itself" if named else "names no parameters"
        raise RecipeError(f"{name} {what}", remedy="Derive a class with parameters of other names.")
    rate = {"lr": 1.0} if "lr" in named else {}

    def optimizer(groups: Groups, **options: Any) -> torch.optim.Optimizer:
        if "weight_decay" not in named and any(group.get("weight_decay") for group in groups):
            raise RecipeError(f"{name} has no weight decay", remedy="Set weight_decay=0.")
        try:
            return kind(groups, **rate, **options)  # type: ignore[arg-type]
        except (TypeError, ValueError, RuntimeError) as error:
            raise RecipeError(f"{name} cannot be made ({' '.join(str(error).split())})", remedy="Change its options.") from None

    return with_options(optimizer, kind, {next(iter(named)), "lr", "weight_decay"})
