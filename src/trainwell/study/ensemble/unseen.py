"""What networks say about rows that they were not trained on: validation rows, rows out of a bag, rows of the left-out fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainwell.data.data import Data
from trainwell.score.predictions import Predictions
from trainwell.study.scores import views
from trainwell.train.combined import beside, member_outputs
from trainwell.train.run import Run


@dataclass(frozen=True)
class Unseen:
    """Answers to rows by networks that were not trained on them.

    Args:
        part: what the rows are called.
        outputs: of each network, or each recipe, `(G, N, n_out)`: probabilities, or values in the target's own unit.
        like: targets of the rows, beside the first of the outputs.
        group: which of the G every run belongs to.
    """

    part: str
    outputs: np.ndarray
    like: Predictions
    group: list[int]

    def blended(self, weights: Sequence[float] | np.ndarray) -> Predictions:
        """The weighted answers, `weights` `(G,)`, beside what is true."""
        return self.beside(np.tensordot(np.asarray(weights), self.outputs, axes=1))

    def beside(self, output: np.ndarray) -> Predictions:
        """Any answers to these rows beside what is true."""
        return Predictions(self.like.task, output, self.like.target, self.like.classes)


def on_valid(runs: Sequence[Run], base: Data) -> Unseen | None:
    """Every run's answers to the validation rows that all share; None without such rows."""
    rows = base.rows["valid"]
    if not len(rows):
        return None
    outputs = np.stack([member_outputs(run, base, rows) for run in runs])
    return Unseen("valid", outputs, beside(outputs[0], base, rows), list(range(len(runs))))


def out_of_fold(runs: Sequence[Run], data: Data, base: Data, recipes: int) -> Unseen:
    """For each recipe, what the run says that left a row out; runs are those of the first recipe's folds first."""
    each, view = len(runs) // recipes, views(data)
    pool = np.flatnonzero(np.isin(np.arange(len(base)), np.concatenate([base.rows["train"], base.rows["valid"]])))
    outputs = np.full((recipes, len(base), base.n_out), np.nan)
    for place, run in enumerate(runs):
        own = view(run.recipe)
        rows = own.rows["valid"]
        outputs[place // each, rows] = run.predictions(own, rows).output
    rows = pool[np.isfinite(outputs[:, pool]).all(axis=(0, 2))]  # with splits by time the first rows are never left out
    kept = outputs[:, rows]
    return Unseen("out-of-fold", kept, beside(kept[0], base, rows), [i // each for i in range(len(runs))])


def out_of_bag(runs: Sequence[Run], weights: Sequence[float], data: Data, base: Data) -> Predictions | None:
    """For each training row, the weighted answer of the members whose bag it is not in; rows in every bag are left out.

    Returns:
        Predictions of the rows outside at least one bag; None where there is no such row.

    Source: Breiman, "Out-of-bag estimation", 1996.
    """
    total, weight, view = np.zeros((len(base), base.n_out)), np.zeros(len(base)), views(data)
    for run, share in zip(runs, weights, strict=True):
        own = view(run.recipe)
        rows = own.rows["out_of_bag"]
        total[rows] += share * run.predictions(own, rows).output
        weight[rows] += share
    rows = np.flatnonzero(weight > 0)
    return beside(total[rows] / weight[rows, None], base, rows) if len(rows) else None
