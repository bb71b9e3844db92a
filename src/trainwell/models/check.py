"""Checks of numbers in options, made where the number is used and worded as a sentence."""

from __future__ import annotations

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.shape import Input, InputKind, Shape


def at_least(name: str, value: float, low: int) -> None:
    """Raise `RecipeError` unless `value` is `low` or more.

    Example:
        >>> at_least("width", 0, 1)
        Traceback (most recent call last):
        trainwell.core.errors.RecipeError: width must be at least 1, however: width=0
    """
    if not value >= low:
        raise RecipeError(f"{name} must be at least {low}, however: {name}={value}")


def share(name: str, value: float) -> None:
    """Raise `RecipeError` unless `value` lies in [0, 1).

    Example:
        >>> share("dropout", 1.5)
        Traceback (most recent call last):
        trainwell.core.errors.RecipeError: dropout must be at least 0 and below 1, however: dropout=1.5
    """
    if not 0 <= value < 1:
        raise RecipeError(f"{name} must be at least 0 and below 1, however: {name}={value}")


def only(shape: Shape, kind: InputKind, *, model: str, instead: str) -> Input:
    """The one input of `shape`, which must be of `kind`.

    Args:
        model: name of the network, for the message.
        instead: what to use for other inputs, as a sentence.
    """
    if [i.kind for i in shape.inputs] != [kind]:
        found = " and ".join(f"{i.name} ({i.kind})" for i in shape.inputs) or "none"
        raise CompileError(f"the model {model!r} takes one {kind} input, however the data have: {found}", remedy=instead)
    return shape.inputs[0]
