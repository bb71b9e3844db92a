"""Remedies for recipes: for each diagnosis the changes worth trying, the likeliest first, each a function Recipe -> Recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trainwell.core.recipe import Recipe
from trainwell.doctor.finding import Finding

Change = Callable[[Recipe], Recipe]


@dataclass(frozen=True)
class Remedy:
    """One change of a recipe against a finding.

    Args:
        sentence: what is changed, as an imperative.
        change: the recipe with the change.

    Example:
        >>> Remedy("Take a tenth of the rate.", times(learning_rate=0.1)).change(Recipe(lr=0.5)).learning_rate
        0.05
    """

    sentence: str
    change: Change


def sets(**keys: Any) -> Change:
    """The change that sets keys, written as in `Recipe.but`."""
    return lambda recipe: recipe.but(**keys)


def times(**factors: float) -> Change:
    """The change that multiplies numbers of the recipe; a number that is `auto` or 0 begins at a usual value.

    Example:
        >>> times(weight_decay=10)(Recipe(weight_decay=0.01)).weight_decay
        0.1
    """
    return lambda recipe: recipe.but(**{key: _scaled(recipe, key, factor) for key, factor in factors.items()})


_USUAL = {"learning_rate": 1e-3, "weight_decay": 1e-2, "epochs": 20.0, "batch_size": 64, "clip_norm": 1.0}


def _scaled(recipe: Recipe, key: str, factor: float) -> float | int:
    value = vars(recipe)[key]
    known = _USUAL[key] if value == "auto" or not value else value
    return max(1, round(known * factor)) if key == "batch_size" else float(f"{known * factor:.12g}")


def model_option(**options: Any) -> Change:
    """The change of the network's options; those that the network does not have are left out.

    Example:
        >>> model_option(dropout=0.2, nonsense=1)(Recipe(model="mlp")).model.options
        {'dropout': 0.2}
    """

    def change(recipe: Recipe) -> Recipe:
        known = _options_of(recipe)
        return recipe.but(**{f"model__{k}": v for k, v in options.items() if k in known})

    return change


def wider(factor: float) -> Change:
    """The change that multiplies the network's width; a network without hidden layers has none."""

    def change(recipe: Recipe) -> Recipe:
        known = _options_of(recipe)
        if "width" not in known or recipe.model.options.get("depth") == 0:
            return recipe
        width = recipe.model.options.get("width", known["width"].default)
        return recipe.but(model__width=max(1, round(width * factor)))

    return change


def deeper(layers: int) -> Change:
    """The change that adds hidden layers to a network whose `depth` counts them.

    Example:
        >>> deeper(2)(Recipe(model={"name": "mlp", "depth": 0})).model.options
        {'depth': 2}
    """

    def change(recipe: Recipe) -> Recipe:
        known = _options_of(recipe)
        if "depth" not in known:
            return recipe
        return recipe.but(model__depth=recipe.model.options.get("depth", known["depth"].default) + layers)

    return change


def _options_of(recipe: Recipe) -> Mapping[str, Any]:
    """The options of the recipe's network; none for `auto` and for a class of the user's own."""
    from trainwell.models.registry import models

    return models.options(recipe.model.name) if recipe.model.name in models else {}


_SLOWER = Remedy("Take a tenth of the learning rate.", times(learning_rate=0.1))
_CLIP = Remedy("Limit the gradient's norm to 1.", sets(clip_norm=1.0))
_LONGER = Remedy("Train three times as long.", times(epochs=3))
_NORM = Remedy("Normalise between the layers.", model_option(norm="batch_norm"))
_HE = Remedy("Draw the weights as He et al. do.", sets(initializer="he_normal"))
_XAVIER = Remedy("Draw the weights as Glorot and Bengio do.", sets(initializer="xavier_uniform"))
_RELU = Remedy("Use ReLU between the layers.", model_option(activation="relu"))
_WIDER = Remedy("Make the network four times as wide.", wider(4))
_SCALE = Remedy("Standardise the inputs.", sets(prepare__scale="standard"))


def _spectral(recipe: Recipe) -> Recipe:
    """A network whose critic has no spectral norm to be switched on gives way to one that has."""
    named = {} if "spectral" in _options_of(recipe) else {"model__name": "dcgan"}
    return recipe.but(**named, model__spectral=True)


_SPECTRAL = Remedy("Hold the critic's weights to spectral norm 1.", _spectral)
_USUAL_GAME = Remedy("Play the hinge game with equal rates.", sets(loss="hinge"))

REMEDIES: dict[str, tuple[Remedy, ...]] = {
    "TW002": (_SCALE, Remedy("Use quantiles as inputs.", sets(prepare__scale="quantile"))),
    "TW003": (Remedy("Scale the target for training.", sets(prepare__scale_target=True)),),
    "TW005": (Remedy("Drop rows that repeat.", sets(prepare__duplicates="drop")),),
    "TW008": (
        Remedy("Weigh classes by the inverse of their frequency.", sets(class_weight="balanced")),
        Remedy("Draw every class equally often.", sets(sampling="balanced")),
    ),
    "TW009": (
        Remedy("Smooth the labels.", sets(label_smoothing=0.1)),
        Remedy("Stop when the score stalls.", sets(early_stopping=5)),
    ),
    "TW012": (Remedy("Shuffle the rows.", sets(sampling="shuffle")),),
    "TW013": (Remedy("Leave out augmentation.", sets(augment=[])),),
    "TW101": (_NORM, _RELU, _HE),
    "TW102": (_CLIP, _SLOWER, Remedy("Begin with orthogonal weights.", sets(initializer="orthogonal"))),
    "TW103": (_XAVIER, _SCALE, _RELU),
    "TW104": (_HE, _NORM, _SLOWER, Remedy("Use LeakyReLU between the layers.", model_option(activation="leaky_relu"))),
    "TW105": (_HE, _XAVIER),
    "TW106": (_HE, _XAVIER, _NORM),
    "TW107": (_RELU,),
    "TW110": (
        _WIDER,
        Remedy("Add two hidden layers.", deeper(2)),
        _LONGER,
        Remedy("Leave out dropout.", model_option(dropout=0.0)),
    ),
    "TW203": (Remedy("Use a loss that takes logits.", sets(loss="binary_cross_entropy")),),
    "TW208": (Remedy("Use cross-entropy.", sets(loss="cross_entropy")),),
    "TW301": (_SLOWER, Remedy("Take a hundredth of the learning rate.", times(learning_rate=0.01)), _CLIP),
    "TW302": (
        Remedy("Take a hundred times the learning rate.", times(learning_rate=100)),
        Remedy("Take ten thousand times the learning rate.", times(learning_rate=10_000)),
    ),
    "TW304": (
        Remedy("Let the rate fall along a cosine.", sets(schedule="cosine")),
        Remedy("Keep the rate.", sets(schedule="constant")),
    ),
    "TW305": (Remedy("Raise the limit of the gradient a thousandfold.", times(clip_norm=1000)),),
    "TW306": (Remedy("Take momentum 0.9.", sets(optimizer__momentum=0.9)),),
    "TW307": (_SLOWER, Remedy("Let the rate fall along a cosine.", sets(schedule="cosine"))),
    "TW309": (_LONGER, Remedy("Take three times the learning rate.", times(learning_rate=3))),
    "TW310": (Remedy("Take batches of 32 rows.", sets(batch_size=32)),),
    "TW311": (_SLOWER, _CLIP),
    "TW401": (
        Remedy("Stop when the score stalls.", sets(early_stopping=5)),
        Remedy("Use dropout of 0.3.", model_option(dropout=0.3)),
        Remedy("Take ten times the weight decay.", times(weight_decay=10)),
    ),
    "TW402": (Remedy("Take a thousandth of the weight decay.", times(weight_decay=1e-3)),),
    "TW403": (Remedy("Use dropout of 0.2.", model_option(dropout=0.2)),),
    "TW506": (Remedy("Take batches of 32 rows.", sets(batch_size=32)),),
    "TW601": (_SPECTRAL, _USUAL_GAME, Remedy("Take a quarter of the learning rate.", times(learning_rate=0.25))),
    "TW602": (_USUAL_GAME, _SPECTRAL, Remedy("Take a quarter of the critic's rate.", sets(loss__critic_rate=0.25))),
}


def remedies_for(finding: Finding) -> tuple[Remedy, ...]:
    """The changes of a recipe worth trying against a finding, the likeliest first; none where only code can be mended.

    Args:
        finding: of any rule.

    Example:
        >>> remedies_for(Finding("…", code="TW301"))[0].change(Recipe(lr=1.0)).learning_rate
        0.1
    """
    column = finding.measurement.get("column")
    if finding.code == "TW006" and isinstance(column, str):
        return (Remedy(f"Leave out the column {column!r}.", lambda recipe: _without(recipe, column)),)
    narrow, classes = finding.measurement.get("narrowest"), finding.measurement.get("classes")
    if finding.code == "TW110" and narrow and classes:
        factor = max(4, math.ceil(4 * classes / narrow))
        return (Remedy(f"Make the network {factor} times as wide.", wider(factor)), *REMEDIES["TW110"][1:])
    return REMEDIES.get(finding.code, ())


def _without(recipe: Recipe, column: str) -> Recipe:
    return recipe.but(columns={**recipe.model_dump()["columns"], column: {"kind": "ignore"}})
