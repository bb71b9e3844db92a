"""Scores of many runs: one number each, on validation rows for a choice, on test rows for the final word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from trainwell.core.errors import DataError, RecipeError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.fingerprint import about_data
from trainwell.evaluate.looks import note_look
from trainwell.evaluate.run import seen_by
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.train.run import Run

Part = Literal["train", "valid", "test"]


def metric_of(recipe: Recipe) -> str:
    """The metric that judges a recipe when nobody says: its monitor, or its first metric where it monitors the loss.

    Raises:
        UsageError: the recipe has no metric.

    Example:
        >>> metric_of(Recipe(metrics=["accuracy", "auroc"], monitor="loss"))
        'accuracy'
    """
    if recipe.monitor not in ("loss", "auto"):
        return metrics[recipe.monitor].__name__
    if not recipe.metrics or recipe.metrics == "auto":
        raise UsageError("the recipe names no metric", remedy="Give metric=…, or resolve the recipe first.")
    return metrics[recipe.metrics[0]].__name__


def check_metric(metric: str | None, task: str) -> None:
    """Refuse a metric that cannot judge this task before anything is trained; None is whatever the recipe says.

    Raises:
        UnknownName: there is no such metric.
        RecipeError: it is for another task.

    Example:
        >>> check_metric("accuracy", "classification")
    """
    if metric is None or task in metrics[metric].tasks:
        return
    fitting = ", ".join(name for name in metrics.names() if task in metrics[name].tasks)
    raise RecipeError(f"the metric {metric!r} does not fit {task}", remedy=f"Choose from: {fitting}.")


def higher_is_better(metric: str) -> bool:
    """Whether more of the metric is better.

    Example:
        >>> higher_is_better("accuracy"), higher_is_better("rmse")
        (True, False)
    """
    return metrics[metric].higher_is_better


def score_runs(runs: Sequence[Run], data: Data, *, metric: str | None = None, part: Part = "valid") -> np.ndarray:
    """One score per run, on rows of the split that the run was trained under.

    Args:
        runs: finished runs; one that became not finite scores NaN.
        data: loaded data, under any recipe.
        metric: what to score; None is the first run's monitor or first metric, for all.
        part: "valid" for choices; "test" only for the final word.

    Returns:
        `(n,)` float64, in the order of the runs.

    Raises:
        DataError: a run's split has no rows in that part.

    Example:
        >>> from trainwell.data.load import load
        >>> from trainwell.train.many import fit_many
        >>> runs = fit_many(Recipe(epochs=1, preset="quick"), load("iris"), seeds=[0, 1])
        >>> score_runs(runs, load("iris"), metric="accuracy").shape
        (2,)
    """
    if not runs:
        return np.empty(0)
    name = metrics[metric].__name__ if metric else metric_of(runs[0].recipe)
    kept = [_kept(run, name) if part == "valid" else None for run in runs]
    found = np.array([np.nan if score is None else score for score in kept])
    asked = [i for i, score in enumerate(kept) if score is None and run_ended(runs[i])]
    for place, predictions in zip(asked, predictions_of_all([runs[i] for i in asked], data, part), strict=True):
        found[place] = metrics[name](predictions)
    return found


def run_ended(run: Run) -> bool:
    """Whether the run has weights: NaN and infinity leave none.

    Raises:
        UsageError: the run was interrupted, so that it has no score yet.
    """
    if run.status == "interrupted":
        raise UsageError(f"the run {run.name} was interrupted", remedy="Call again with the same folder: it continues.")
    return run.status != "not finite"


def _kept(run: Run, name: str) -> float | None:
    """The score that the training itself measured with the best weights, where it had validation rows."""
    if run.status in ("interrupted", "not finite") or (run.recipe.split.valid == 0 and run.recipe.split.fold is None):
        return None
    score = run.summary.get("valid", {}).get(name)
    return float(score) if isinstance(score, (int, float)) else None


def predictions_of(run: Run, data: Data, part: Part = "valid") -> Predictions:
    """What a run says about one part of the split that it was trained under, beside what is true.

    Raises:
        DataError: the part has no rows.

    Example:
        >>> from trainwell.data.load import load
        >>> from trainwell.train.fit import fit
        >>> data = load("iris")
        >>> len(predictions_of(fit(Recipe(epochs=1, preset="quick"), data), data, "test"))
        30
    """
    return predictions_of_all([run], data, part)[0]


def predictions_of_all(runs: Sequence[Run], data: Data, part: Part) -> list[Predictions]:
    """`predictions_of` for many runs; runs of one split see it built once."""
    found: dict[int, Predictions] = {}
    view = views(data)
    for place in sorted(range(len(runs)), key=lambda i: about_data(runs[i].recipe)):
        run = runs[place]
        own = seen_by(run, view(run.recipe))
        if not len(own.rows[part]):
            raise DataError(f"the {part} part has no rows", where=data.card.origin, remedy=f"Set split.{part} above 0.")
        found[place] = run.predictions(own, own.rows[part])
        if part == "test" and run.recipe.split.test_fold is None:  # a fold is judged once, and chooses nothing
            note_look(own, found[place], str(run.folder or "a run in memory"))
    return [found[i] for i in range(len(runs))]


def views(data: Data) -> Callable[[Recipe], Data]:
    """`data.under`, which keeps its last answer: recipes of one split that follow each other share it."""
    last: dict[str, Data] = {}

    def view(recipe: Recipe) -> Data:
        key = about_data(recipe)
        if key not in last:
            last.clear()
            last[key] = data.under(recipe)
        return last[key]

    return view
