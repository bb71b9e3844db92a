"""Load a run's data again from where they came, and continue a run that was stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainwell.core.errors import CheckpointError
from trainwell.core.recipe_file import read_recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.train.fit import fit
from trainwell.train.job import Observer
from trainwell.train.plan import read_plan
from trainwell.train.run import Run
from trainwell.train.trackers.tracker import track_finished


def load_again(folder: str | Path, *, other: Any = None) -> Data:
    """The data of a run, read again from the source it names; or `other` data under the run's recipe.

    Args:
        folder: the folder of a run, or of an ensemble.
        other: another source with the same columns, all of it taken as test rows.

    Raises:
        CheckpointError: the folder holds no run, or the data came from memory.
    """
    folder = Path(folder)
    if not any((folder / name).exists() for name in ("plan.json", "ensemble.json")):
        remedy = "Give a folder that `trainwell fit --out` wrote."
        raise CheckpointError("there is no run here", where=str(folder), remedy=remedy)
    recipe = read_recipe(folder / "recipe.yaml")
    if other is not None and not isinstance(other, str):
        return load(other, recipe=recipe)
    origin = json.loads((folder / "source.json").read_text())
    if origin is None:
        remedy = "Call tw.fit with the same recipe, data, seed and folder."
        raise CheckpointError("the data came from memory and cannot be read again", where=str(folder), remedy=remedy)
    if other is not None:
        origin["test"] = other
    return load(
        origin["source"], recipe=recipe, test=origin["test"], valid=origin["valid"], corrections=origin.get("corrections")
    )


def resume(folder: str | Path, *, data: Data | None = None, observers: Sequence[Observer] = ()) -> Run:
    """Continue a stopped run to the same bits as if it had never stopped; a finished one is returned as it is.

    Args:
        folder: the run folder.
        data: its data, when they came from memory; else they are read again.
        observers: as in `fit`.
    """
    folder = Path(folder)
    data = load_again(folder) if data is None else data
    if (folder / "weights.safetensors").exists():
        run = Run.open(folder)
        track_finished(observers, run.recipe, folder, run.history.rows, run.summary)
        return run
    recipe, seed = read_recipe(folder / "recipe.yaml"), read_plan(folder / "plan.json").seed
    return fit(recipe, data, seed=seed, folder=folder, observers=observers)
