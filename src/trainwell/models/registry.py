"""The registries of networks and of the named pieces they are made of.

A recipe names a piece as a word (`relu`) or as a mapping with options (`{name: leaky_relu, slope: 0.2}`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trainwell.core.errors import RecipeError
from trainwell.core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor, nn

HOME = "trainwell.models"

models: Registry[Callable[..., nn.Module]] = Registry("model", home=HOME)
activations: Registry[Callable[..., nn.Module]] = Registry("activation", home=HOME)
norms: Registry[Callable[..., nn.Module]] = Registry("norm", home=HOME)
initializers: Registry[Callable[..., Tensor]] = Registry("initializer", home=HOME)
blocks: Registry[Callable[..., nn.Module]] = Registry("block", home=HOME)

#: A registered name, or a mapping with `name` and that name's options.
Named = str | dict[str, Any]


def name_and_options(piece: Named, noun: str) -> tuple[str, dict[str, Any]]:
    """The name and the options of a piece as a recipe writes it.

    Example:
        >>> name_and_options({"name": "leaky_relu", "slope": 0.2}, "activation")
        ('leaky_relu', {'slope': 0.2})
    """
    if isinstance(piece, str):
        return piece, {}
    if not isinstance(piece, Mapping) or not isinstance(piece.get("name"), str):
        raise RecipeError(
            f"the {noun} must be a name or a mapping with 'name', however: {piece!r}",
            remedy=f"Write it as {noun}=word or {noun}={{name: word, option: value}}.",
        )
    return piece["name"], {key: value for key, value in piece.items() if key != "name"}


def activation(piece: Named) -> nn.Module:
    """A new activation module.

    Example:
        >>> activation({"name": "leaky_relu", "slope": 0.2})
        LeakyReLU(negative_slope=0.2)
    """
    name, options = name_and_options(piece, "activation")
    new: nn.Module = activations.bind(name, options)()
    return new


def norm(piece: Named, width: int, *, picture: bool) -> nn.Module:
    """A new normalisation over `width` features `(B, width)`, or channels `(B, width, H, W)` of a picture.

    Example:
        >>> norm("layer_norm", 8, picture=False).normalized_shape
        (8,)
    """
    name, options = name_and_options(piece, "norm")
    new: nn.Module = norms.bind(name, options)(width, picture)
    return new
