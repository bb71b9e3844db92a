"""Boosting: the gradient is the gradient, the training loss falls with every member, and the sum answers like a run."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from trainwell.evaluate.run import evaluate
from trainwell.study.ensemble.boost import Sum, best_step
from trainwell.study.ensemble.ensemble import Ensemble
from trainwell.study.ensemble.make import ensemble
from trainwell.train.fit import fit

from .small import recipe, table


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_gradient_is_that_of_the_loss(task):
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(6, 3))
    target = draw.integers(0, 3, 6) if task == "classification" else draw.normal(size=(6, 3))
    now = Sum(task, target, scores)
    rows, step = np.arange(6), 1e-6
    numeric = np.zeros_like(scores)
    for at in np.ndindex(scores.shape):
        moved = scores.copy()
        moved[at] += step
        numeric[at] = -(now.loss(rows, moved) - now.loss(rows)) / step
    per_row = 6 if task == "classification" else 18  # the loss is a mean over rows, or over rows and targets
    assert now.gradient() == pytest.approx(numeric * per_row, abs=1e-4)


def test_the_best_step_is_best():
    draw = np.random.default_rng(1)
    now = Sum("classification", draw.integers(0, 3, 50), draw.normal(size=(50, 3)))
    output, rows = now.gradient() + draw.normal(0, 0.1, (50, 3)), np.arange(50)
    step = best_step(now, output, rows)
    around = [now.loss(rows, now.scores + s * output) for s in (0.97 * step, step, 1.03 * step)]
    assert around[1] == min(around)
    assert best_step(now, -output, rows) == 0.0


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_the_training_loss_never_rises(regression, rate):
    team = ensemble(recipe(epochs=3), table(regression=regression), members=4, how="boosting", rate=rate)
    losses = team.account.losses["train"]
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("regression", [False, True])
def test_the_sum_is_what_was_summed_and_comes_back_from_disk(regression, tmp_path):
    data = table(regression=regression)
    team = ensemble(recipe(epochs=5), data, members=3, how="boosting", folder=tmp_path)
    rows = data.rows["valid"]
    found = team.predictions(data, rows)
    kept = int(np.argmin(team.account.losses["valid"][1:])) + 1
    if regression:
        spread = data.preparation.target.spread[0]
        loss = float(((found.error / spread) ** 2).mean() / 2)
    else:
        loss = float(-np.log(found.true_probability).mean())
    assert loss == pytest.approx(team.account.losses["valid"][kept], rel=1e-4)
    opened = Ensemble.open(tmp_path)
    assert np.array_equal(opened.predictions(data, rows).output, found.output)
    raw = data.source.frame.drop("y")[:4]
    assert opened.predict(raw).equals(team.predict(raw))
    column = "prediction" if regression else "p_low"
    place = 0 if regression else data.classes.index("low")
    assert opened.predict_row(raw.row(2, named=True))[place] == pytest.approx(team.predict(raw)[column][2], rel=1e-5)


def test_small_networks_together_beat_one_of_them():
    data = table(600, regression=True)
    small = recipe(model={"name": "mlp", "width": 4, "depth": 1}, epochs=15)
    team, one = ensemble(small, data, members=8, how="boosting", rate=0.7), fit(small, data)
    ours, theirs = (evaluate(x, data, baselines=False).scores["rmse"].value for x in (team, one))
    assert ours < theirs
