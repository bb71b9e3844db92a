"""A loss of the user's own: a function `(output, target)`, or a class of modules such as those of `torch.nn`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from torch import Tensor, nn

from trainwell.core.errors import RecipeError
from trainwell.core.own_code import name_of, parameters_of, with_options


def as_loss(found: Any) -> Callable[..., Tensor]:
    """The user's code as `loss(output, target, *, options)`, a scalar.

    A function is called with output and target; its further parameters are options. A class is built from its options and
    called like a function. Targets are codes `(B,)` of classes, or numbers `(B, n_out)`.

    Raises:
        RecipeError: it is no function or class, takes no two tensors, or has weights of its own.

    Example:
        >>> import torch
        >>> from torch.nn.functional import smooth_l1_loss
        >>> as_loss(smooth_l1_loss)(torch.zeros(2, 1), torch.ones(2, 1), beta=0.5)
        tensor(0.7500)
        >>> as_loss(nn.HuberLoss)(torch.zeros(2, 1), torch.ones(2, 1), delta=0.5)
        tensor(0.3750)
    """
    module = isinstance(found, type) and issubclass(found, nn.Module)
    if not module and (isinstance(found, type) or not callable(found)):
        remedy = "Name a function of (output, target), or a class of torch.nn.Module."
        raise RecipeError(f"{name_of(found)} is no loss", remedy=remedy)
    return _of_class(found) if module else _of_function(found)


@lru_cache(64)  # one function per loss: those who compare losses do so by identity
def _of_function(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    names = list(parameters_of(function))
    if len(names) < 2:
        remedy = "It is called with the network's output and the target."
        raise RecipeError(f"the loss {name_of(function)} takes {len(names)} arguments, not two", remedy=remedy)

    def loss(output: Tensor, target: Tensor, **options: Any) -> Tensor:
        return function(output, target, **options)

    return with_options(loss, function, set(names[:2]))


@lru_cache(64)
def _of_class(kind: type[nn.Module]) -> Callable[..., Tensor]:
    def loss(output: Tensor, target: Tensor, **options: Any) -> Tensor:
        result: Tensor = built(kind, options)(output, target)
        return result

    loss.kind = kind  # type: ignore[attr-defined]
    return with_options(loss, kind, set())


def built(kind: type[nn.Module], options: dict[str, Any]) -> nn.Module:
    """A loss of a class; one that has weights, which nobody would train, or buffers, which no checkpoint holds, is refused."""
    try:
        made = kind(**options)
    except (TypeError, ValueError, RuntimeError) as error:
        what = f"the loss {name_of(kind)} cannot be made ({' '.join(str(error).split())})"
        raise RecipeError(what, remedy="Change its options.") from None
    held = [name for name, _ in (*made.named_parameters(), *made.named_buffers())]
    if held:
        remedy = "Put what is trained into the network, and keep numbers as options."
        raise RecipeError(f"the loss {name_of(kind)} has weights or buffers of its own ({held[0]})", remedy=remedy)
    return made


def once(loss: Callable[..., Tensor], options: dict[str, Any]) -> Callable[..., Tensor] | None:
    """The module of a class of losses, made once for a training; None for a function.

    Example:
        >>> once(as_loss(nn.HuberLoss), {"delta": 0.5})
        HuberLoss()
    """
    kind = getattr(loss, "kind", None)
    return built(kind, options) if kind is not None else None
