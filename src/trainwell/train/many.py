"""Many networks: recipes x seeds in, runs out. How they are executed, one by one or as one program, changes no caller."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.data.fingerprint import about_data
from trainwell.train.distributed import refuse_teams
from trainwell.train.job import Observer
from trainwell.train.run import Run
from trainwell.train.trackers.tracker import Tracker
from trainwell.train.units import Order, Work, finished, order_name, train_works
from trainwell.train.workers import can_fork


def fit_many(
    recipes: Recipe | Sequence[Recipe],
    data: Data,
    *,
    seeds: Sequence[int] = (0,),
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
    workers: int | Literal["auto"] = "auto",
) -> list[Run]:
    """Train every recipe with every seed; called again after a crash, it continues to the same bits.

    Networks of one structure are trained as one program, or shared among processes, where that is measured to be faster.

    Args:
        recipes: one or several.
        data: loaded data; each recipe sees them under its own split and preparation.
        seeds: of initialisation, shuffling, augmentation and dropout.
        folder: where the runs are kept, one folder each, named by recipe and seed; runs that are there are not trained again.
            None keeps everything in memory.
        observers: called with each measurement, which carries the number of its `run`.
        workers: most processes that share the work; `auto` is one per core, as far as that is measured to be faster.

    Returns:
        `len(recipes) * len(seeds)` runs, all seeds of the first recipe first. A run whose loss became NaN or infinite is
        returned with the status "not finite", and the others go on.

    Raises:
        UsageError: a tracker is among the observers: it writes down one run, and here many are trained as one program.
        KeyboardInterrupt: a signal stopped it; what is trained so far is kept in the folder.

    Example:
        >>> from trainwell.data.load import load
        >>> runs = fit_many(Recipe(epochs=1, preset="quick"), load("iris"), seeds=[0, 1])
        >>> [run.plan.seed for run in runs]
        [0, 1]
    """
    several = [recipes] if isinstance(recipes, Recipe) else list(recipes)
    demand(data, *several)
    orders = [(recipe, seed) for recipe in several for seed in seeds]
    return fit_orders(orders, data, folder=folder, observers=observers, workers=workers)


def fit_orders(
    orders: Sequence[Order],
    data: Data,
    *,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
    workers: int | Literal["auto"] = "auto",
    save_every: float = 20.0,
) -> list[Run]:
    """Train each (recipe, seed), as `fit_many` does, for pairings that are no full table of recipes and seeds.

    Args:
        orders: what is trained; the same order twice is trained once.
        data: loaded data.
        folder: as in `fit_many`.
        observers: as in `fit_many`.
        workers: as in `fit_many`.
        save_every: seconds between checkpoints.

    Raises:
        UsageError: a tracker is among the observers.
        KeyboardInterrupt: a signal stopped it; what is trained so far is kept in the folder.
    """
    refuse_teams("training many networks")
    _refuse_trackers(observers)
    root = Path(folder) if folder is not None else None
    works: dict[str, Work] = {}
    views: dict[str, Data] = {}
    for number, order in enumerate(orders):
        recipe = order[0] if order[0].target is not None else order[0].but(target=data.recipe.target)
        about = str(about_data(recipe))
        if about not in views:
            views[about] = data.under(recipe)
        works.setdefault(order_name(order), Work(order, number, views[about], root))
    done = finished(works.values())
    pending = [work for name, work in works.items() if name not in done]
    processes = (len(os.sched_getaffinity(0)) if can_fork() else 1) if workers == "auto" else workers
    for work, run in train_works(pending, observers, workers=processes, save_every=save_every):
        done[work.name] = run
    return [done[order_name(order)] for order in orders]


def _refuse_trackers(observers: Sequence[Observer]) -> None:
    if any(isinstance(observer, Tracker) for observer in observers):
        remedy = "Give trackers to fit, run by run; or watch the folder of the runs: trainwell board FOLDER."
        raise UsageError("a tracker writes down one run, and fit_many trains many as one program", remedy=remedy)
