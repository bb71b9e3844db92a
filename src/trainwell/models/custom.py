"""The user's own network: from `package.module:Class`, from a class or function, or a module that is ready."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from trainwell.core.errors import CompileError, RecipeError, UnknownName, did_you_mean
from trainwell.core.own_code import find, name_of, signature_of
from trainwell.core.shape import Shape


def build_own(target: str | Callable[..., Any] | nn.Module, shape: Shape, n_out: int, options: Mapping[str, Any]) -> nn.Module:
    """A network from the user's own code; it is told `shape` and `n_out` only if it has parameters of these names.

    Args:
        target: `package.module:Name`, a class or function that gives a module, or a module, which is used as it is.
        shape: the network's inputs.
        n_out: number of outputs.
        options: further arguments by name.

    Raises:
        RecipeError: the path leads nowhere, or an option has no parameter.
        CompileError: what came back is no `nn.Module`.

    Example:
        >>> from trainwell.core.shape import Input
        >>> shape = Shape((Input("x", "tensor", (4,)),))
        >>> build_own("torch.nn:Linear", shape, 2, {"in_features": 4, "out_features": 2})
        Linear(in_features=4, out_features=2, bias=True)
    """
    if isinstance(target, str):
        target = find(target)
    if isinstance(target, nn.Module):
        if options:
            raise RecipeError(
                f"the model is a ready {type(target).__name__} and takes no options, however: {', '.join(sorted(options))}",
                remedy="Give the class instead of the object, or set the options yourself.",
            )
        return target
    if not callable(target):
        raise RecipeError(f"the model must be a class, a function or a module, however: {target!r}")
    network = target(**_arguments(target, {"shape": shape, "n_out": n_out}, options))
    if not isinstance(network, nn.Module):
        raise CompileError(
            f"{name_of(target)} returned {type(network).__name__}, not a torch.nn.Module", remedy="Return the network itself."
        )
    return network


def _arguments(target: Callable[..., Any], offered: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    parameters = signature_of(target)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = {n for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    for name in options:
        if name not in named and not takes_any:
            raise UnknownName(f"{name_of(target)} has no option {name!r}", remedy=did_you_mean(name, named - offered.keys()))
    arguments = {n: v for n, v in offered.items() if n in named} | dict(options)
    missing = [n for n in sorted(named) if parameters[n].default is inspect.Parameter.empty and n not in arguments]
    if missing:
        raise RecipeError(f"{name_of(target)} needs the option {missing[0]!r}", remedy=f"Give it as model.{missing[0]}=….")
    return arguments
