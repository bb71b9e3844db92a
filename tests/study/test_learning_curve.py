"""The law is found where it holds, its doubt covers the truth, samples are nested, and only rows differ between sizes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.study.compare_runs import runs_in
from trainwell.study.learning_curve import _curve, learning_curve, settled, wider
from trainwell.study.power_law import bootstrap_laws, fit_power_law, widened

TINY = Recipe(model={"name": "mlp", "width": 8, "depth": 1}, epochs=2, batch_size=32, threads=1, compile="off")
ROWS = np.array([100.0, 200.0, 400.0, 800.0, 1600.0])


@pytest.mark.parametrize(("floor", "scale", "exponent"), [(0.05, 1.0, 0.5), (0.0, 0.5, 0.2), (0.1, 30.0, 1.2)])
def test_a_power_law_is_found_again(floor: float, scale: float, exponent: float) -> None:
    law = fit_power_law(ROWS, (floor + scale * ROWS**-exponent)[None], least=0.0)
    for rows in (150, 1600, 6400):
        assert law.at(rows) == pytest.approx(floor + scale * rows**-exponent, rel=0.02)
    assert law.rows_for(law.at(5000)) == pytest.approx(5000)
    assert law.rows_for(law.floor / 2) == math.inf


def test_a_law_never_rises_and_never_beats_a_perfect_network() -> None:
    draw = np.random.default_rng(0)
    laws = bootstrap_laws(ROWS, draw.normal(0.01, 0.02, (5, 5)) + ROWS * 1e-5, least=0.0)
    assert (laws.scale >= 0).all()
    assert (laws.floor >= 0).all()
    assert (laws.at(3200) <= laws.at(1600)).all()


def test_the_interval_of_twice_the_data_covers_the_truth() -> None:
    draw, covered, trials = np.random.default_rng(1), 0, 80
    truth = 1600**-0.5 - 3200**-0.5
    for _ in range(trials):
        errors = 0.05 + ROWS**-0.5 + draw.normal(0, 0.01, (6, 5)) + draw.normal(0, 0.005, (6, 1))
        law, laws = fit_power_law(ROWS, errors, least=0.0), bootstrap_laws(ROWS, errors, least=0.0)
        covered += not widened(law.at(1600) - law.at(3200), laws.at(1600) - laws.at(3200), 6).excludes(truth)
    assert covered / trials >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / trials)


@pytest.mark.parametrize(("metric", "sign", "perfect"), [("accuracy", 1, 1.0), ("rmse", -1, 0.0), ("r2", 1, 1.0)])
def test_gains_are_positive_whatever_the_direction_of_the_metric(metric: str, sign: int, perfect: float) -> None:
    errors = 0.1 + ROWS**-0.5 + np.random.default_rng(2).normal(0, 0.001, (6, 5))
    found = _curve(ROWS, perfect - sign * errors, metric, "valid")
    assert found.twice.value == pytest.approx(1600**-0.5 - 3200**-0.5, rel=0.2)
    assert found.at(400) == pytest.approx(perfect - sign * 0.15, abs=0.005)
    assert found.rows_for(found.at(3200)) == pytest.approx(3200)
    assert not found.foretold.excludes(float(np.mean(perfect - sign * errors[:, -1])))
    assert ("points" in found.sentence) == (metric == "accuracy")


def test_a_curve_trains_nested_samples_with_equal_updates(tmp_path: Path) -> None:
    data = load("iris")
    found = learning_curve(TINY, data, repeats=2, metric="log_loss", folder=tmp_path)
    assert [point.rows for point in found.points] == [25, 51, 102]
    assert found.widths == (8, 16)
    assert found.false_alarms.paired
    runs = runs_in(tmp_path)
    assert len(runs) == 2 * (3 + 1 + 1)
    assert {run.plan.steps for run in runs} == {settled(TINY, data).steps}
    views = {(r.recipe.split.seed, r.recipe.split.sample): data.under(r.recipe).rows for r in runs}
    for seed in range(2):
        quarter, half, whole = (views[seed, share] for share in (0.25, 0.5, 1.0))
        assert set(quarter["train"]) < set(half["train"]) < set(whole["train"])
        assert (quarter["valid"] == whole["valid"]).all()
    assert "twice the data" in str(found)


def test_the_wider_network_is_twice_as_wide_or_none() -> None:
    assert wider(TINY)[0].model.options["width"] == 16
    assert wider(TINY.but(model={"name": "mlp", "width": [8, 4]})) is None
    assert wider(Recipe(model="somewhere:Module")) is None


def test_too_few_rows_for_a_curve_are_refused() -> None:
    with pytest.raises(UsageError, match="make no curve"):
        learning_curve(TINY, load("iris"), shares=[0.01, 0.5, 1.0])
