"""Many networks: recipes x seeds in, runs out. How they are executed, one by one or as one program, changes no caller."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import to_yaml
from trainwell.data.data import Data
from trainwell.train.fit import attempt
from trainwell.train.loop import Observer
from trainwell.train.plan import read_plan
from trainwell.train.run import Run

#: One network to be trained: how, and the seed of every draw.
Order = tuple[Recipe, int]


def fit_many(
    recipes: Recipe | Sequence[Recipe],
    data: Data,
    *,
    seeds: Sequence[int] = (0,),
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> list[Run]:
    """Train every recipe with every seed; called again after a crash, it continues to the same bits.

    Args:
        recipes: one or several.
        data: loaded data; each recipe sees them under its own split and preparation.
        seeds: of initialisation, shuffling, augmentation and dropout.
        folder: where the runs are kept, one folder each, named by recipe and seed; runs that are there are not trained again.
            None keeps everything in memory.
        observers: called with each measurement, which carries the number of its `run`.

    Returns:
        `len(recipes) * len(seeds)` runs, all seeds of the first recipe first. A run whose loss became NaN or infinite is
        returned with the status "not finite", and the others go on.

    Example:
        >>> from trainwell.data.load import load
        >>> runs = fit_many(Recipe(epochs=1, preset="quick"), load("iris"), seeds=[0, 1])
        >>> [run.plan.seed for run in runs]
        [0, 1]
    """
    several = [recipes] if isinstance(recipes, Recipe) else list(recipes)
    return fit_orders([(recipe, seed) for recipe in several for seed in seeds], data, folder=folder, observers=observers)


def fit_orders(
    orders: Sequence[Order], data: Data, *, folder: str | Path | None = None, observers: Sequence[Observer] = ()
) -> list[Run]:
    """Train each (recipe, seed), as `fit_many` does, for pairings that are no full table of recipes and seeds."""
    place = Path(folder) if folder is not None else None
    return [_one(order, data, place, observers, number) for number, order in enumerate(orders)]


def _one(order: Order, data: Data, folder: Path | None, observers: Sequence[Observer], number: int) -> Run:
    recipe, seed = order
    own = folder / order_name(order) if folder is not None else None
    if own is not None and (own / "run.json").exists() and read_plan(own / "plan.json").data == data.under(recipe).fingerprint:
        return Run.open(own)
    return attempt(recipe, data, seed=seed, folder=own, observers=[_numbered(observer, number) for observer in observers])


def _numbered(observer: Observer, number: int) -> Observer:
    return lambda row: observer({**row, "run": number})


def order_name(order: Order) -> str:
    """The name of an order's folder: a digest of recipe and seed, so that the same order finds its run again."""
    recipe, seed = order
    return blake2b(f"{to_yaml(recipe)}\0{seed}".encode(), digest_size=6).hexdigest()
