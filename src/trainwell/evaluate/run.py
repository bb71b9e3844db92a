"""A run and its data in, an evaluation out."""

from __future__ import annotations

import numpy as np
import torch

from trainwell.core.seeds import draw_seed
from trainwell.data.cache import cache_home
from trainwell.data.data import Data
from trainwell.evaluate.evaluation import Evaluation
from trainwell.evaluate.judge import evaluate_predictions
from trainwell.train.predicting import predict_rows
from trainwell.train.run import Run

#: Training rows scored for the overfit verdict: enough for an interval of half a point.
TRAIN_ROWS = 10_000


def evaluate(run: Run, data: Data, *, part: str = "test", baselines: bool = True) -> Evaluation:
    """Score a run on rows of its data: intervals, free baselines, weak groups, rows worth looking at.

    The evaluation of a run's own test rows is kept in its folder as `evaluation.json`.

    Args:
        run: a finished run.
        data: its data, or other data under the same recipe.
        part: the rows to score: "train", "valid" or "test".
        baselines: whether to run what costs nothing on the same rows; kept in the cache for the next run on the same data.

    Raises:
        DataError: there are no such rows.
        CheckpointError: the run has no weights yet.

    Example:
        >>> import trainwell as tw
        >>> data = tw.load("iris")
        >>> found = evaluate(tw.fit(tw.Recipe(epochs=1, preset="quick"), data), data)
        >>> found.primary, found.n
        ('accuracy', 30)
    """
    data = data.under(run.recipe)
    rows = data.rows.get(part, np.empty(0, dtype=np.int64))
    train = (
        predict_rows(run.network, data, _sample(data.rows["train"])) if part != "train" and len(data.rows["train"]) else None
    )
    found = evaluate_predictions(
        predict_rows(run.network, data, rows),
        data,
        part,
        train=train,
        baselines=baselines,
        cache=cache_home() / "baselines",
        threads=torch.get_num_threads(),
    )
    if run.folder is not None and part == "test" and data.fingerprint == run.plan.data:
        found.save(run.folder)
    return found


def _sample(rows: np.ndarray) -> np.ndarray:
    """At most `TRAIN_ROWS` of them, drawn once and for all."""
    if len(rows) <= TRAIN_ROWS:
        return rows
    return np.sort(np.random.default_rng(draw_seed(0, "train rows")).choice(rows, TRAIN_ROWS, replace=False))
