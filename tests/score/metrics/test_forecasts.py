"""Metrics of forecasts agree with their formulas; windows that overlap are resampled together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trainwell.core.errors import RecipeError
from trainwell.score.metric import intervals, mean_of
from trainwell.score.predictions import Ahead, Predictions
from trainwell.score.registry import metrics

N, H, C = 50, 4, 3
NAMES = ("mase", "raw_mse", "raw_mae", "raw_smape", "coverage", "pinball")


def forecast() -> Predictions:
    draw = np.random.default_rng(0)
    target = draw.normal(size=(N, H * C))
    ahead = Ahead(
        centre=draw.normal(size=(N, C)),
        spread=draw.uniform(1, 3, (N, C)),
        naive=draw.uniform(0.5, 1, (N, C)),
        groups=np.arange(N) // 5,
        low=np.full(H * C, -1.0),
        high=np.full(H * C, 0.5),
    )
    return Predictions("regression", target + draw.normal(size=(N, H * C)), target, ahead=ahead)


def by_hand(p: Predictions) -> dict[str, float]:
    ahead = p.ahead
    said, true = (v.reshape(N, H, C) for v in (p.output, p.target))
    raw_said, raw_true = (v * ahead.spread[:, None] + ahead.centre[:, None] for v in (said, true))
    off = np.abs(raw_said - raw_true)
    losses = []
    for i in range(N):
        for j in range(H * C):
            for q, value in ((0.1, p.output[i, j] - 1.0), (0.5, p.output[i, j]), (0.9, p.output[i, j] + 0.5)):
                short = p.target[i, j] - value
                losses.append(q * short if short > 0 else (q - 1) * short)
    return {
        "mase": (np.abs(said - true) / ahead.naive[:, None]).mean(),
        "raw_mse": (off**2).mean(),
        "raw_mae": off.mean(),
        "raw_smape": (2 * off / (np.abs(raw_said) + np.abs(raw_true))).mean(),
        "coverage": ((true >= said - 1.0) & (true <= said + 0.5)).mean(),
        "pinball": np.mean(losses),
    }


@pytest.mark.parametrize("name", NAMES)
def test_metric_agrees_with_its_formula(name: str) -> None:
    assert metrics[name](forecast()) == pytest.approx(by_hand(forecast())[name], rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_metric_of_something_else_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match="is for forecasts"):
        metrics[name](replace(forecast(), ahead=None))


def test_rows_that_are_copies_of_each_other_are_worth_one() -> None:
    once = np.random.default_rng(1).normal(size=300)
    tenfold = np.repeat(once, 10)
    alone = intervals({"x": mean_of(once)})["x"]
    together = intervals({"x": mean_of(tenfold)}, groups=np.repeat(np.arange(300), 10))["x"]
    apart = intervals({"x": mean_of(tenfold)})["x"]
    assert together.n == 300
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.15)
    assert apart.high - apart.low < 0.5 * (alone.high - alone.low)


def test_some_rows_keep_their_units() -> None:
    p = forecast()
    rows = np.array([3, 4, 10])
    assert metrics["raw_mae"](p.take(rows)) == pytest.approx(
        np.mean([metrics["raw_mae"](p.take(np.array([row]))) for row in rows])
    )
