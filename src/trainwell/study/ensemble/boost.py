"""Gradient boosting of networks: each member learns the negative gradient of the loss of the sum so far.

N rows, K classes or targets. The sum F is a score per class, or a scaled value per target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainwell.core.errors import TrainingError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Task
from trainwell.data.data import Data
from trainwell.data.relabel import asks_like, relabelled
from trainwell.study.cost import seconds_of
from trainwell.study.ensemble.account import Account
from trainwell.study.ensemble.ensemble import Ensemble, Making
from trainwell.study.scores import run_ended
from trainwell.train.combined import softmax
from trainwell.train.job import Observer
from trainwell.train.many import fit_orders
from trainwell.train.run import Run

Floats = NDArray[np.float64]

#: Gradients smaller than this (root mean square) leave nothing to learn.
NOTHING_LEFT = 1e-6


@dataclass
class Sum:
    """The sum of members so far.

    Args:
        task: classification or regression.
        target: codes `(N,)`, or scaled values `(N, K)`, of all rows.
        scores: F of all rows `(N, K)`.
    """

    task: Task
    target: np.ndarray
    scores: Floats
    runs: list[Run] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def loss(self, rows: np.ndarray, scores: Floats | None = None) -> float:
        """Mean cross-entropy, or half the mean squared error, of some rows."""
        f = self.scores[rows] if scores is None else scores
        if self.task == "regression":
            return float(((self.target[rows] - f) ** 2).mean() / 2)
        top = f.max(axis=1)
        return float((np.log(np.exp(f - top[:, None]).sum(axis=1)) + top - f[np.arange(len(f)), self.target[rows]]).mean())

    def gradient(self) -> Floats:
        """What would make the loss of every row fall fastest `(N, K)`: residuals, or truth minus probability; else 0."""
        if self.task == "regression":
            return np.asarray(np.nan_to_num(self.target - self.scores))
        known = self.target >= 0
        found = -softmax(self.scores)
        found[np.flatnonzero(known), self.target[known]] += 1.0
        return np.where(known[:, None], found, 0.0)

    def add(self, run: Run, output: Floats, weight: float) -> None:
        """One more member, which says `output` `(N, K)`."""
        self.scores = self.scores + weight * output
        self.runs.append(run)
        self.weights.append(weight)


def boost(
    recipe: Recipe,
    data: Data,
    *,
    members: int,
    rate: float = 0.3,
    seed: int = 0,
    folder: Path | None = None,
    observers: Sequence[Observer] = (),
) -> Ensemble:
    """Train networks one after another, each on the negative gradient of the loss of the sum before it.

    Each member is trained by squared error on the gradient, its best step length is found on the training rows, and the share
    `rate` of that step is taken. The loss is convex along the step, so the training loss falls with every member. Where there
    are validation rows, members after their lowest loss are dropped.

    Args:
        recipe: of the members; loss, metrics, smoothing and class weights are set for the gradient. Small networks do best.
        data: loaded data under the recipe.
        members: at most.
        rate: share of each best step that is taken.
        seed: of the first member; member i has `seed + i`.
        folder: where the runs are kept.
        observers: called with each measurement.

    Raises:
        UsageError: rate is not in (0, 1], or the recipe asks for another loss than boosting can take.
        TrainingError: the first member became NaN or infinite.

    Source: Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 2001; Badirli et al.,
    "Gradient boosting neural networks: GrowNet", 2020, for networks as members.

    Example:
        >>> from trainwell.data.load import load
        >>> team = boost(Recipe(model={"name": "mlp", "width": 8}, epochs=10), load("iris"), members=3)
        >>> losses = team.account.losses["train"]
        >>> losses[0] > losses[1]
        True
    """
    if not 0 < rate <= 1:
        raise UsageError(f"boosting takes a share of each step, however: rate={rate}", remedy="Give rate=0.3.")
    start = starting_scores(data)
    now = Sum(data.task, data.arrays["target"], np.tile(start, (len(data), 1)))
    train, valid = data.rows["train"], data.rows["valid"]
    losses, notes = {"train": [now.loss(train)]} | ({"valid": [now.loss(valid)]} if len(valid) else {}), list[str]()
    one = member_recipe(recipe, data)
    for number in range(members):  # each needs the sum of those before it, so they cannot be trained together
        run = _next(now.gradient(), one, data, seed + number, folder, observers)
        if run is None or not run_ended(run):
            notes.append(f"after {number} members there was nothing left to learn" if run is None else _lost(number))
            break
        output = run.predict_arrays([np.asarray(data.arrays[name]) for name in data.shape.names])
        now.add(run, output, rate * best_step(now, output, train))
        for part, seen in losses.items():
            seen.append(now.loss(data.rows[part]))
    keep = max(1, int(np.argmin(losses["valid"]))) if "valid" in losses else len(now.runs)
    if keep < len(now.runs):
        notes.append(f"{len(now.runs) - keep} members after the lowest validation loss were dropped")
    # A member without weight says nothing; the first one stays, for an ensemble has at least one.
    kept = [i for i in range(keep) if now.weights[i] > 0] or [0]
    account = Account(losses=losses, seconds=seconds_of(now.runs), notes=notes)
    making = Making("boosting", "sum", recipe, data.fingerprint, data.origin)
    runs, weights = [now.runs[i] for i in kept], [now.weights[i] for i in kept]
    return Ensemble(runs, weights, data.preparation, making, start=start, account=account)


def _lost(number: int) -> str:
    if not number:
        raise TrainingError("the first member became NaN or infinite", remedy="Lower learning_rate, or set clip_norm=1.")
    return f"member {number + 1} became NaN or infinite; boosting ended before it"


def starting_scores(data: Data) -> Floats:
    """F before the first member `(K,)`: log frequencies of the classes, or the mean of the scaled targets."""
    target = np.asarray(data.arrays["target"][data.rows["train"]])
    if data.task == "regression":
        return np.asarray(target.mean(axis=0, dtype=np.float64))
    # One more row of every class: a class without rows would start at minus infinity.
    counts = np.bincount(target, minlength=data.n_out) + 1.0
    return np.log(counts / counts.sum())


def member_recipe(recipe: Recipe, data: Data) -> Recipe:
    """The recipe under which members fit gradients."""
    whole, _ = recipe.resolved(data.facts)
    usual = "cross_entropy" if data.task == "classification" else "mean_squared_error"
    if whole.loss.name not in (usual, "mse"):
        raise UsageError(f"boosting knows no gradient of the loss {whole.loss.name!r}", remedy=f"Set loss={usual}.")
    return whole.but(
        loss="mean_squared_error", metrics=[], monitor="loss", label_smoothing=0.0, class_weight="none", sampling="shuffle"
    )


def _next(
    gradient: Floats, recipe: Recipe, data: Data, seed: int, folder: Path | None, observers: Sequence[Observer]
) -> Run | None:
    """The network that fits the gradient, trained on it in units of its own spread; None where it is zero."""
    spread = float(np.sqrt((gradient[data.rows["train"]] ** 2).mean()))
    if spread < NOTHING_LEFT:
        return None
    names = [f"gradient {i}" for i in range(gradient.shape[1])]
    labelled = relabelled(data, gradient, names, spread=spread)
    return fit_orders([(asks_like(recipe, labelled), seed)], labelled, folder=folder, observers=observers)[0]


def best_step(now: Sum, output: Floats, rows: np.ndarray) -> float:
    """How much of a member's output makes the loss of these rows smallest; 0 where any of it would make it larger.

    Example:
        >>> now = Sum("regression", np.array([[2.0], [4.0]]), np.zeros((2, 1)))
        >>> best_step(now, np.array([[1.0], [2.0]]), np.arange(2))
        2.0
    """
    f, h = now.scores[rows], output[rows]
    if now.task == "regression":
        power = float((h * h).sum())
        return max(0.0, float(((now.target[rows] - f) * h).sum()) / power) if power > 0 else 0.0
    from scipy.optimize import minimize_scalar

    def loss(step: float) -> float:
        return now.loss(rows, f + step * h)

    top = 1.0
    while loss(2 * top) < loss(top) and top < 1e3:
        top *= 2
    found = float(minimize_scalar(loss, bounds=(0.0, 2 * top), method="bounded", options={"xatol": 1e-4}).x)
    return found if loss(found) < loss(0.0) else 0.0
