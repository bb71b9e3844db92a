"""Weights that were trained elsewhere: taken over, frozen, thawed and slowed down as the recipe says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.seeds import draw_seed
from trainwell.data.data import Data
from trainwell.data.preparation import Preparation
from trainwell.models.hub import fetched
from trainwell.models.layers import freeze, hold_norms, layers_of
from trainwell.models.parametrize import low_rank, parametrize, prune
from trainwell.models.pretrained import Matched, read_weights, take_over
from trainwell.models.transformers_names import spelled
from trainwell.optim.rules import Pace


def start_from(network: nn.Module, recipe: Recipe, data: Data) -> Matched:
    """Give the network the weights that `init_from` names.

    Raises:
        CompileError: there are none, they cannot be reached, or they belong to another network.
        MissingExtra: what is needed to fetch them is not installed.
    """
    assert recipe.init_from is not None
    (path, origin), how = fetched(recipe.init_from), recipe.transfer
    new_head = how.head == "new" or (how.head == "auto" and other_classes(path, data))
    found = take_over(network, spelled(read_weights(path)), new_head=new_head, rename=how.rename)
    return replace(found, origin=origin)


def other_classes(folder: Path, data: Data) -> bool:
    """Whether the folder holds a run on other classes; of a mere file of weights nobody knows."""
    if not (folder / "preparation").is_dir():
        return False
    return Preparation.load(folder / "preparation").target.classes != data.preparation.target.classes


def settle(network: nn.Module, recipe: Recipe, seed: int) -> None:
    """Freeze layers, hold norms and put other forms in the place of weights, as the recipe says; changed in place.

    Raises:
        RecipeError: keys that exclude each other, or a layer that does not exist.
    """
    how = recipe.transfer
    _check(recipe)
    if how.lora:
        torch.manual_seed(draw_seed(seed, "lora"))
        low_rank(network, how.lora)
    elif how.freeze != "none" and not how.unfreeze:
        freeze(network, how.freeze)
    if how.norms == "frozen" or how.lora or (how.freeze != "none" and not how.unfreeze):
        hold_norms(network, frozen_only=how.norms == "train")
    if recipe.prune:
        prune(network, recipe.prune)
    if recipe.parametrize != "none":
        torch.manual_seed(draw_seed(seed, "parametrize"))
        parametrize(network, recipe.parametrize)
    if not any(True for _ in network.parameters()):
        raise CompileError("the network has no weights", where=type(network).__name__, remedy="Give it a layer that learns.")
    if not any(p.requires_grad for p in network.parameters()):
        raise RecipeError("every layer is frozen", where="recipe key 'transfer.freeze'", remedy="Leave out the last layer.")


def _check(recipe: Recipe) -> None:
    how, where = recipe.transfer, "recipe key 'transfer'"
    if how.unfreeze and how.freeze == "none":
        raise RecipeError("transfer.unfreeze has nothing to thaw", where=where, remedy="Set transfer.freeze=body.")
    if how.lora and (how.freeze != "none" or how.layer_decay != 1 or recipe.parametrize != "none"):
        raise RecipeError(
            "transfer.lora freezes all weights itself and trains changes of them",
            where=where,
            remedy="Leave out transfer.freeze, transfer.layer_decay and parametrize.",
        )
    if recipe.prune and (recipe.init_from is None or how.lora or recipe.parametrize != "none"):
        raise RecipeError(
            "prune takes the small weights of a trained network away",
            where="recipe key 'prune'",
            remedy="Give init_from, and leave out transfer.lora and parametrize.",
        )
    if (how.lora or recipe.prune or recipe.parametrize != "none") and (recipe.max_norm or recipe.constraint != "none"):
        raise RecipeError(
            "constraints hold weights, and here weights are computed from others",
            where="recipe keys 'max_norm' and 'constraint'",
            remedy="Choose one of the two.",
        )


def paces(network: nn.Module, recipe: Recipe) -> dict[str, Pace]:
    """How fast each parameter trains and from when; empty where all train alike.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
        >>> gradual = Recipe(transfer={"freeze": "body", "unfreeze": 0.4, "layer_decay": 0.5})
        >>> paces(network, gradual)["0.weight"], paces(network, gradual)["1.weight"]
        (Pace(scale=0.5, start=0.4), Pace(scale=1.0, start=0.0))
    """
    how, layers = recipe.transfer, layers_of(network)
    if how.layer_decay == 1 and not how.unfreeze:
        return {}
    chosen = [_is_frozen(layer.name, how.freeze, last=layer is layers[-1]) for layer in layers]
    found: dict[str, Pace] = {}
    thawed, most = 0, sum(chosen)
    for depth, (layer, frozen) in enumerate(zip(reversed(layers), reversed(chosen), strict=True)):
        thawed += frozen
        start = how.unfreeze * thawed / most if frozen and how.unfreeze else 0.0
        found |= dict.fromkeys(layer.parameters, Pace(how.layer_decay**depth, start))
    return found


def _is_frozen(layer: str, chosen: str | list[str], *, last: bool) -> bool:
    if isinstance(chosen, str):
        return chosen == "body" and not last
    return any(layer == name or layer.startswith(f"{name}.") for name in chosen)
