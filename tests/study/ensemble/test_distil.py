"""Distil: the pupil is a run on the ensemble's own target, copies its answers, and both scores are said."""

from __future__ import annotations

import numpy as np
import pytest

from trainwell.core.errors import UsageError
from trainwell.evaluate.run import evaluate
from trainwell.study.ensemble.distil import distil
from trainwell.study.ensemble.make import ensemble
from trainwell.train.run import Run

from .small import recipe, table


@pytest.mark.parametrize("regression", [False, True])
def test_the_pupil_learns_what_the_teacher_says(regression, tmp_path):
    data = table(regression=regression)
    team = ensemble(recipe(epochs=10), data, members=3, how="bagging")
    wide = recipe(epochs=40, model={"name": "mlp", "width": 64, "dropout": 0.0}, weight_decay=0.0)
    found = distil(team, data, recipe=wide, folder=tmp_path / "one")
    rows = data.rows["train"]
    said, taught = found.run.predictions(data, rows).output, team.predictions(data, rows).output
    spread = taught.std()
    assert np.abs(said - taught).mean() < 0.2 * spread
    opened = Run.open(tmp_path / "one")
    assert np.array_equal(opened.predictions(data, rows).output, said)
    assert opened.preparation.classes == data.classes
    assert evaluate(opened, data, baselines=False).part == "test"
    again = distil(team, data, recipe=wide, folder=tmp_path / "one")
    assert again.to_dict() == found.to_dict()
    assert found.parameters[0] == team.parameters
    assert "distilled" in str(found)


def test_the_teacher_may_be_a_sum():
    data = table()
    found = distil(ensemble(recipe(epochs=5), data, members=3, how="boosting"), data, recipe=recipe(epochs=5), hard=0.1)
    assert found.member is None
    assert found.run.predictions(data, data.rows["test"]).output.sum(axis=1) == pytest.approx(1.0)


def test_hard_is_a_share():
    data = table()
    team = ensemble(recipe(epochs=1), data, members=1)
    with pytest.raises(UsageError, match="share of the truth"):
        distil(team, data, hard=1.5)
