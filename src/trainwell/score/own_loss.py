"""A loss of the user's own: a function `(output, target)`, or a class of modules such as those of `torch.nn`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from torch import Tensor, nn

from trainwell.core.errors import RecipeError
from trainwell.core.own_code import name_of, parameters_of, with_options


@lru_cache(64)  # one function per loss: stacks compare them by identity
def as_loss(found: Any) -> Callable[..., Tensor]:
    """The user's code as `loss(output, target, *, options)`, a scalar.

    A function is called with output and target; its further parameters are options. A class is built from its options, once,
    and called like a function. Targets are codes `(B,)` of classes, or numbers `(B, n_out)`.

    Raises:
        RecipeError: it is no function or class, or takes no two tensors.

    Example:
        >>> import torch
        >>> from torch.nn.functional import smooth_l1_loss
        >>> as_loss(smooth_l1_loss)(torch.zeros(2, 1), torch.ones(2, 1), beta=0.5)
        tensor(0.7500)
        >>> as_loss(nn.HuberLoss)(torch.zeros(2, 1), torch.ones(2, 1), delta=0.5)
        tensor(0.3750)
    """
    if isinstance(found, type) and issubclass(found, nn.Module):
        return _of_class(found)
    if isinstance(found, type) or not callable(found):
        remedy = "Name a function of (output, target), or a class of torch.nn.Module."
        raise RecipeError(f"{found!r} is no loss", remedy=remedy)
    return _of_function(found)


def _of_function(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    names = list(parameters_of(function))
    if len(names) < 2:
        remedy = "It is called with the network's output and the target."
        raise RecipeError(f"the loss {name_of(function)} takes {len(names)} arguments, not two", remedy=remedy)

    def loss(output: Tensor, target: Tensor, **options: Any) -> Tensor:
        return function(output, target, **options)

    return with_options(loss, function, set(names[:2]))


def _of_class(kind: type[nn.Module]) -> Callable[..., Tensor]:
    @lru_cache(16)
    def built(options: tuple[tuple[str, Any], ...]) -> nn.Module:
        return kind(**dict(options))

    def loss(output: Tensor, target: Tensor, **options: Any) -> Tensor:
        chosen = tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in options.items())
        result: Tensor = built(chosen)(output, target)
        return result

    return with_options(loss, kind, set())
