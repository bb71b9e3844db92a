"""Checks of numbers in options, made where the number is used and worded as a sentence."""

from __future__ import annotations

from collections.abc import Sequence

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


def each_at_least(low: int, **options: float) -> None:
    """Raise `RecipeError` unless each of these options is `low` or more.

    Example:
        >>> each_at_least(1, width=64, depth=0)
        Traceback (most recent call last):
        trainwell.core.errors.RecipeError: depth must be at least 1, however: depth=0
    """
    for name, value in options.items():
        at_least(name, value, low)


def shares(**options: float) -> None:
    """Raise `RecipeError` unless each of these options lies in [0, 1).

    Example:
        >>> shares(dropout=1.5)
        Traceback (most recent call last):
        trainwell.core.errors.RecipeError: dropout must be at least 0 and below 1, however: dropout=1.5
    """
    for name, value in options.items():
        if not 0 <= value < 1:
            raise RecipeError(f"{name} must be at least 0 and below 1, however: {name}={value}")


def blocks_per_stage(blocks: Sequence[int]) -> None:
    """Raise `RecipeError` unless there is a stage, and a block in each of them."""
    at_least("number of stages in blocks", len(blocks), 1)
    for count in blocks:
        at_least("every number in blocks", count, 1)


def width_for_heads(width: int, heads: int) -> None:
    """Raise `RecipeError` unless each head of an attention layer has the same share of the width."""
    if width % heads:
        raise RecipeError(f"width must be a multiple of heads, however: width={width}, heads={heads}")


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
