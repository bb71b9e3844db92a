"""From a recipe to the engine of a generator and a critic."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.suggest_generation import PICTURE_MAKERS
from trainwell.data.augment.registry import mixes
from trainwell.data.data import Data
from trainwell.models.autoencoder import PictureMaker
from trainwell.models.cyclegan import Pair, Translator
from trainwell.optim.registry import optimizers
from trainwell.optim.rules import parameter_groups
from trainwell.train.adversarial.engine import AdversarialEngine
from trainwell.train.adversarial.noise_and_cycle import FromNoise, FromPictures, Maker
from trainwell.train.adversarial.registry import Game, games
from trainwell.train.steps import Augment

#: Recipe keys that a game does not know, and the value that leaves them off.
OFF = {
    "l1": 0.0, "l2": 0.0, "max_norm": 0.0, "constraint": "none", "clip_value": 0.0, "sam": 0.0, "swa": 0.0, "accumulate": 1,
    "class_weight": "none", "label_smoothing": 0.0, "precision": "float32", "compile": "off", "parametrize": "none",
    "gradient_checkpointing": False,
}  # fmt: skip


def check_game(recipe: Recipe) -> None:
    """Every key of a resolved recipe that a game cannot follow, named before anything is built.

    Raises:
        RecipeError: naming the key.
    """
    games.checked(recipe.loss.name, recipe.loss.options)
    codes = recipe.model.name == "autoencoder"
    if codes != (recipe.loss.name == "elbo"):
        what = f"loss={recipe.loss.name} is for {'a generator and a critic' if codes else 'model=autoencoder'}"
        raise RecipeError(what, where="recipe key 'loss'", remedy=f"Use loss={'elbo' if codes else 'hinge'}.")
    fields = recipe.model_dump()
    for key, off in OFF.items():
        if fields[key] != off:
            raise RecipeError(
                f"{key}={fields[key]!r} is not for networks that make pictures",
                where=f"recipe key {key!r}",
                remedy=f"Set {key}={off}.",
            )
    blends = [part.name for part in recipe.augment if part.name in mixes] if recipe.augment != "auto" else []
    if blends:
        raise RecipeError(
            f"{blends[0]} blends classes, and pictures are made of one", where="recipe key 'augment'", remedy="Leave it out."
        )
    if recipe.optimizer.name == "schedule_free" and not codes:
        raise RecipeError("schedule_free has no place in a game", where="recipe key 'optimizer'", remedy="Use adam.")
    if recipe.monitor == "loss":
        raise RecipeError(
            "the loss of a game says nothing of the pictures",
            where="recipe key 'monitor'",
            remedy="Use monitor=frechet_distance.",
        )


def check_pair(network: nn.Module, data: Data) -> None:
    """A network that makes pictures belongs to the task generation, and no other does.

    Raises:
        CompileError: one without the other.
    """
    makes = isinstance(network, PictureMaker)
    if data.task == "generation" and not makes:
        known = f"Use one of {', '.join(PICTURE_MAKERS)}."
        raise CompileError("task=generation makes pictures, and this network makes none", remedy=known)
    if makes and data.task != "generation":
        raise CompileError(
            f"this network makes pictures and answers no question, but the task is {data.task}", remedy="Set task=generation."
        )


def one_loss(output: Tensor, target: Tensor) -> Tensor:
    """What stands where other programs have a loss: a game has two, which its engine knows."""
    raise AssertionError(f"two networks at play have no common loss: {output.shape}, {target.shape}")


def adversarial_engine(network: Pair, recipe: Recipe, *, augment: Augment | None, seed: int) -> AdversarialEngine:
    """The engine that a resolved recipe asks for.

    Args:
        network: the pair.
        recipe: without any `auto`.
        augment: as in `Program`.
        seed: of every draw.

    Raises:
        RecipeError: a game with a penalty for networks that turn pictures into others.
    """
    assert recipe.weight_decay != "auto"
    assert recipe.clip_norm != "auto"
    assert recipe.ema != "auto"
    rule = partial(_rule, recipe=recipe, decay=recipe.weight_decay)
    game = games.bind(recipe.loss.name, recipe.loss.options)()
    assert isinstance(game, Game), "see check_game"
    maker = maker_for(network, augment)
    if game.penalty and isinstance(maker, FromPictures):
        what = "the penalty of a critic's slope is for pictures made of noise, not of other pictures"
        raise RecipeError(what, where="recipe key 'loss.penalty'", remedy="Set loss.penalty=0, or loss=least_squares.")
    return AdversarialEngine(network, game, rule, maker=maker, clip=recipe.clip_norm, ema=recipe.ema, seed=seed)


def maker_for(network: Pair, augment: Augment | None) -> Maker:
    """What the network makes its pictures from."""
    return FromPictures(network, augment) if isinstance(network, Translator) else FromNoise(network, augment)


def _rule(network: nn.Module, *, recipe: Recipe, decay: float) -> torch.optim.Optimizer:
    made: torch.optim.Optimizer = optimizers.bind(recipe.optimizer.name, recipe.optimizer.options)(
        parameter_groups(network, decay)
    )
    return made
