"""Evaluate a run: predictions of one part of its data, judged."""

from __future__ import annotations

import json

import numpy as np

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import DataError
from trainwell.data.data import Data
from trainwell.evaluate.evaluation import Evaluation
from trainwell.evaluate.judge import evaluate_predictions
from trainwell.train.predicting import predict_rows
from trainwell.train.run import Run

#: Training rows scored for the overfit verdict; enough for a narrow interval.
TRAIN_SAMPLE = 5_000


def evaluate(run: Run, data: Data, *, part: str = "test", baselines: bool = True) -> Evaluation:
    """Score a run with 95% intervals, against baselines that cost nothing; kept as `evaluation.json` in its folder.

    Args:
        run: a finished run.
        data: its data, or other data loaded under its recipe.
        part: "test", "valid" or "train"; without test rows, "test" means the validation rows.
        baselines: whether to fit the free baselines (majority, linear, gradient-boosted trees) for comparison.

    Raises:
        DataError: the part has no rows.

    Example:
        >>> from trainwell.core.recipe import Recipe
        >>> from trainwell.data.load import load
        >>> from trainwell.train.fit import fit
        >>> data = load("iris")
        >>> found = evaluate(fit(Recipe(epochs=30, preset="quick"), data), data, baselines=False)
        >>> found.scores["accuracy"].value > 0.5
        True
    """
    if part not in data.rows:
        raise DataError(f"there is no part {part!r}", remedy="Use train, valid or test.")
    part = "valid" if part == "test" and not len(data.rows["test"]) else part
    rows = data.rows[part]
    if not len(rows):
        raise DataError(f"the {part} part has no rows", where=data.card.origin, remedy="Set split.test above 0.")
    train = data.rows["train"]
    train = train[:: max(1, len(train) // TRAIN_SAMPLE)] if part != "train" else np.empty(0, np.int64)
    found = evaluate_predictions(
        predict_rows(run.network, data, rows),
        data,
        part,
        train=predict_rows(run.network, data, train) if len(train) else None,
        baselines=baselines,
        cache=run.folder,
        threads=run.plan.machine.threads,
    )
    if run.folder is not None and part != "train":
        write_atomic(run.folder / "evaluation.json", json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n")
    return found
