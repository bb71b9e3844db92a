"""A network from what the recipe says: a registered name, or the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from trainwell.core.shape import Shape
from trainwell.models.custom import build_own
from trainwell.models.registry import models


def build(
    model: str | Callable[..., Any] | nn.Module, shape: Shape, n_out: int, options: Mapping[str, Any] | None = None
) -> nn.Module:
    """The network that `model` names, built for these inputs and outputs.

    Weights are drawn from torch's default generator: seed it first.

    Args:
        model: a registered name, `package.module:Name`, a class or function, or a module that is ready.
        shape: the network's inputs, in the order of `forward`.
        n_out: number of classes or of target columns.
        options: options of that model, checked against its signature.

    Raises:
        RecipeError: an unknown name or option, or an option's value that makes no sense.
        CompileError: the network does not take such inputs.

    Example:
        >>> from trainwell.core.shape import Input
        >>> network = build("mlp", Shape((Input("number", "number", (4,)),)), 3, {"width": 8})
        >>> network.head
        Linear(in_features=8, out_features=3, bias=True)
    """
    options = options or {}
    if isinstance(model, str) and ":" not in model:
        network: nn.Module = models.bind(model, options)(shape, n_out)
        return network
    return build_own(model, shape, n_out, options)
