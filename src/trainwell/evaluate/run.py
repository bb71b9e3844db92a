"""Evaluate a run: predictions of one part of its data, judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from trainwell.core.errors import DataError, UsageError
from trainwell.core.recipe_sections import Series
from trainwell.core.shape import UNJUDGED
from trainwell.data.cache import cache_home
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.data.forecast.grid import regular
from trainwell.data.language.build import seen_with
from trainwell.data.masks.build import masks_as
from trainwell.data.preparation import Preparation
from trainwell.evaluate.calibrate import change_of
from trainwell.evaluate.evaluation import Evaluation
from trainwell.evaluate.generation import judge_making
from trainwell.evaluate.judge import evaluate_predictions
from trainwell.evaluate.language import write_samples
from trainwell.evaluate.looks import note_look
from trainwell.models.autoencoder import PictureMaker
from trainwell.score.predictions import Predictions
from trainwell.train.forecast import ahead_of
from trainwell.train.plan import Plan
from trainwell.train.run import Run

#: Training rows scored for the overfit verdict; enough for a narrow interval.
TRAIN_SAMPLE = 5_000


@runtime_checkable
class Trained(Protocol):
    """What can be judged: a run, or several runs that answer together."""

    folder: Path | None
    preparation: Preparation

    @property
    def plan(self) -> Plan:
        """Whose `data` are the fingerprint of what it was trained on."""

    def predictions(self, data: Data, rows: np.ndarray) -> Predictions:
        """Answers for rows of data that were encoded by `preparation`, beside what is true."""


def evaluate(run: Trained, data: Data, *, part: str = "test", baselines: bool = True) -> Evaluation:
    """Score a run with 95% intervals, against baselines that cost nothing.

    The evaluation of a run's own test rows is kept as `evaluation.json` in its folder. The baselines' answers are kept in the
    cache, so that the next run on the same data need not fit them. Every network scored on the same test rows is counted there.

    Args:
        run: a finished run, or an ensemble.
        data: its data, or other data loaded under its recipe.
        part: "test", "valid" or "train"; without test rows, "test" means the validation rows.
        baselines: whether to fit the free baselines (majority, linear, gradient-boosted trees) for comparison.

    Raises:
        DataError: the part has no rows, or other data lack the target.
        UsageError: these are no run and no data.

    Example:
        >>> from trainwell.core.recipe import Recipe
        >>> from trainwell.data.load import load
        >>> from trainwell.train.fit import fit
        >>> data = load("iris")
        >>> found = evaluate(fit(Recipe(epochs=30, preset="quick"), data), data, baselines=False)
        >>> found.scores["accuracy"].value > 0.5
        True
    """
    demand_run(run, data)
    data = seen_by(run, data)
    asked, own = part, data.fingerprint == run.plan.data
    part = "valid" if part == "test" and not len(data.rows["test"]) else part
    rows = _rows_of(data, part)
    train = data.rows["train"]
    compared = part != "train" and data.task != "generation"
    train = train[:: max(1, len(train) // TRAIN_SAMPLE)] if compared else np.empty(0, np.int64)
    predictions = run.predictions(data, rows)
    if predictions.ahead is None and data.preparation.forecast is not None:
        predictions = replace(predictions, ahead=ahead_of(data, rows))
    found = evaluate_predictions(
        predictions,
        data,
        part,
        train=run.predictions(data, train) if len(train) else None,
        baselines=baselines,
        cache=cache_home() / "baselines" if own else None,
        threads=run.plan.machine.threads,
    )
    if isinstance(run, Run) and "decision" in run.summary:
        found.decided = change_of(run.uncorrected(data, rows), predictions, run.summary["decision"])
    if found.writing is not None and isinstance(run, Run):
        write_samples(run, data, rows, found.writing)
    if isinstance(run, Run) and isinstance(run.network, PictureMaker):
        found.making = judge_making(run.network, data, rows, list(found.scores))
    if part == "test":
        found.looks = note_look(data, predictions, str(run.folder or "a run in memory"))
    if not own:
        found.notes.append("these are not the data of the training: baselines and training scores may rest on other rows")
    elif run.folder is not None and asked == "test":
        found.save(run.folder)
    return found


def demand_run(run: Any, data: Any) -> None:
    """Refuses anything but a trained network and loaded data, with what to write instead.

    Raises:
        UsageError: one of them is something else.

    Example:
        >>> demand_run("runs/a", None)
        Traceback (most recent call last):
        ...
        trainwell.core.errors.UsageError: a str was given as run. Open one: tw.Run.open('runs/a').
    """
    if not isinstance(run, Trained):
        remedy = (
            f"Open one: tw.Run.open({run!r})." if isinstance(run, str) else "Give what tw.fit returned, or tw.Run.open(folder)."
        )
        raise UsageError(f"a {type(run).__name__} was given as run", remedy=remedy)
    demand(data)


def _rows_of(data: Data, part: str) -> np.ndarray:
    if part not in data.rows:
        raise DataError(f"there is no part {part!r}", remedy="Use train, valid or test.")
    if not len(data.rows[part]):
        few = "" if data.recipe.split.test == 0 else "Give more rows, or s"
        raise DataError(f"the {part} part has no rows", where=data.card.origin, remedy=f"{few or 'S'}et split.test above 0.")
    return data.rows[part]


def seen_by(run: Trained, data: Data) -> Data:
    """The data encoded as the run's network was trained to see them.

    Other data, or the same in other parts, would be scaled and coded a little differently by a preparation of their own.

    Raises:
        DataError: a target column of the run is missing.
    """
    if data.preparation.digest() == run.preparation.digest():
        return data
    if run.preparation.forecast is not None:
        return _windows_of(run, data)
    if run.preparation.language is not None:
        return seen_with(data, run.preparation)
    names, frame = list(run.preparation.target.names), data.source.frame
    missing = [name for name in names if name not in (*frame.columns, *data.source.arrays)]
    if missing:
        raise DataError(f"the target column {missing[0]!r} is missing", remedy="Scores need the true answers; use predict.")
    if run.preparation.target.task == "segmentation":
        target = masks_as(data.source, run.preparation)
        known = (target != UNJUDGED).any(axis=(1, 2))
    else:
        target = run.preparation.encode_target(frame.select(names))
        known = target >= 0 if target.ndim == 1 else np.isfinite(target).all(axis=1)
    return replace(
        data,
        arrays=run.preparation.encode(data.source).arrays | {"target": target},
        rows={part: rows[known[rows]] for part, rows in data.rows.items()},
        preparation=run.preparation,
    )


def _windows_of(run: Trained, data: Data) -> Data:
    """The same for windows: the grid of other data, scaled and cut as the run's network was trained to see it."""
    state = run.preparation.forecast
    if state is None or data.preparation.forecast is None:
        raise DataError("these data have no forecast", remedy="Load them with the run's recipe.")
    grid = regular(data.source, state.names, Series(), clock=state.ticking)
    if len(grid) != len(data):
        raise DataError("the steps of these data are not those of the training", remedy="Load them with the run's recipe.")
    return replace(data, arrays=state.arrays(grid), preparation=run.preparation)
