"""A small story for the page's tests, made without training."""

import numpy as np
import polars as pl

from trainwell.data.load import load
from trainwell.evaluate.judge import evaluate_predictions
from trainwell.report.story import RecipeLine, Story
from trainwell.score.predictions import Predictions
from trainwell.train.summary import Layer

NASTY = "<script>alert('x')</script> & \"q\""


def table(task: str, n: int = 900):
    """Data with a class name and column that would break a page which does not escape."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    y = np.where(x + rng.normal(size=n) > 0, NASTY, "b") if task == "classification" else 1000 * x
    return load(pl.DataFrame({"<b>x</b>": x, "kind": rng.choice(["u", "v"], n), "y": y}), "y")


def story_about(task: str, **changes) -> Story:
    """A story with history, recipe, network and an evaluation of made-up predictions."""
    data = table(task)
    rng = np.random.default_rng(1)
    target = data.arrays["target"][data.rows["test"]]
    if task == "classification":
        p = np.clip(0.2 + 0.6 * target + rng.normal(0, 0.2, len(target)), 0.01, 0.99)
        predictions = Predictions(task, np.stack([1 - p, p], axis=1), target, data.classes)
    else:
        target = data.preparation.decode_values(target)
        predictions = Predictions(task, target + rng.normal(0, 300, target.shape), target)
    evaluation = evaluate_predictions(predictions, data, train=predictions)
    history = [{"step": i, "epoch": i / 10, "split": "train", "loss": 1 / (i + 1), "learning_rate": 0.1} for i in range(60)]
    scores = {evaluation.primary: 0.5}
    history += [
        {"step": i, "epoch": i / 10, "split": "valid", "loss": 0.5, "best": i == 30, **scores} for i in range(0, 60, 10)
    ]
    given = {
        "title": "y from table",
        "subtitle": "mlp",
        "evaluation": evaluation,
        "card": data.card,
        "history": history,
        "recipe": [RecipeLine("model", "mlp", "tables are flat")],
        "recipe_text": "model: mlp\n",
        "layers": [Layer("0", "Linear", "(B, 2)", 6, 4, 0.0, 1.0, 0.0)],
        "environment": {"seed": "0"},
        "commands": ["trainwell fit table.csv"],
    }
    return Story(**(given | changes))
