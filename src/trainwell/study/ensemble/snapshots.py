"""Snapshots: one training whose rate falls and restarts; the network at the end of every fall is a member."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.train.job import Observer
from trainwell.train.many import fit_orders
from trainwell.train.run import Run


def snapshots(
    recipe: Recipe, data: Data, cycles: int, *, seed: int = 0, folder: Path | None = None, observers: Sequence[Observer] = ()
) -> list[Run]:
    """Train in cycles, each from where the one before ended; all together take the recipe's epochs.

    Every cycle is a run of its own that starts from the weights of the last (`init_from`), with fresh moments of the optimizer
    and a rate that falls along half a cosine from its top. A cycle that becomes NaN or infinite is the last.

    Args:
        recipe: how one network would be trained; its `epochs`, `steps` and `time_limit` are shared out among the cycles.
        data: loaded data under the recipe.
        cycles: number of snapshots.
        seed: of the first cycle; cycle i has `seed + i`.
        folder: where the runs are kept.
        observers: called with each measurement.

    Source: Huang et al., "Snapshot ensembles: train 1, get M for free", ICLR 2017.

    Example:
        >>> from trainwell.data.load import load
        >>> runs = snapshots(Recipe(model="mlp", epochs=6), load("iris"), 3)
        >>> [run.recipe.epochs for run in runs]
        [2.0, 2.0, 2.0]
    """
    if folder is None:
        with TemporaryDirectory() as place:
            runs = snapshots(recipe, data, cycles, seed=seed, folder=Path(place), observers=observers)
            return [_in_memory(run) for run in runs]
    one = cycle_of(recipe, data, cycles)
    runs = list[Run]()
    for number in range(cycles):
        start = str(runs[-1].folder) if runs else one.init_from
        runs += fit_orders([(one.but(init_from=start), seed + number)], data, folder=folder, observers=observers)
        if runs[-1].status in ("interrupted", "not finite"):
            break
    return runs


def cycle_of(recipe: Recipe, data: Data, cycles: int) -> Recipe:
    """The recipe of one cycle: its share of the length, a cosine from the top, no early stop."""
    whole, _ = recipe.resolved(data.facts)
    assert not isinstance(whole.epochs, str)
    return whole.but(
        epochs=whole.epochs / cycles,
        steps=max(1, whole.steps // cycles) if whole.steps else 0,
        time_limit=whole.time_limit / cycles,
        schedule=Part(name="cosine"),
        early_stopping=0,
    )


def _in_memory(run: Run) -> Run:
    """The run with its weights read, free of a folder that is about to go."""
    network = None if run.status in ("interrupted", "not finite") else run.network
    return Run(
        folder=None,
        recipe=run.recipe.but(init_from=None),
        plan=run.plan,
        preparation=run.preparation,
        network=network,
        history=run.history,
        summary=run.summary,
        signal=run.signal,
        error=run.error,
    )
