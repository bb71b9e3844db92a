"""A forecast from table to report: baselines with known answers, intervals, prediction with times, exact resume."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import trainwell as tw
from trainwell.data.load import load
from trainwell.evaluate.evaluation import Evaluation
from trainwell.evaluate.forecast_baselines import forecast_baselines
from trainwell.train.run import Run

DATA = Path(os.environ.get("TRAINWELL_DATA") or Path(__file__).parents[3] / "shared" / "data")
START = datetime(2024, 1, 1)
RULES = {"id": "shop", "horizon": 6, "lookback": 24, "season": 12}
RECIPE = tw.Recipe(
    target="sold",
    series=RULES,
    model="nlinear",
    steps=60,
    batch_size=32,
    threads=1,
    doctor="off",
    split={"how": "time", "test": 0.25},
)


def shops(n: int = 300, noise: float = 0.1) -> pl.DataFrame:
    """Two shops with a season of 12 days, one selling a hundred times what the other does; holidays are known ahead."""
    draw = np.random.default_rng(0)
    day = np.arange(n)
    frames = []
    for name, level in (("large", 100.0), ("small", 1.0)):
        holiday = (draw.random(n) < 0.1).astype(int)
        sold = level * (3 + np.sin(day * 2 * np.pi / 12) + noise * draw.normal(size=n) + 2.0 * holiday)
        frames.append(
            pl.DataFrame({"day": [START + timedelta(days=int(d)) for d in day], "shop": name, "sold": sold, "holiday": holiday})
        )
    return pl.concat(frames)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tw.fit(RECIPE, load(shops(), recipe=RECIPE), folder=tmp_path_factory.mktemp("run"))


def test_baselines_continue_lines_and_seasons_exactly() -> None:
    n = 200
    recipe = tw.Recipe(series={"horizon": 6, "lookback": 24, "season": 12, "time": "t"})
    season = load({"t": np.arange(n), "x": np.tile(np.arange(12.0), n)[:n]}, recipe=recipe)
    line = load({"t": np.arange(n), "x": 3.0 * np.arange(n)}, recipe=recipe)
    for data, name in ((season, "repeat the last season"), (season, "least squares on the window"), (line, "drift")):
        found = {f.name: f for f in forecast_baselines(data, "test")}[name]
        truth = np.asarray(data.arrays["target"][data.rows["test"]])
        assert found.output == pytest.approx(truth, abs=0.02)
    last = forecast_baselines(line, "test")[0].output
    assert last == pytest.approx(np.repeat(np.asarray(line.arrays["series"][line.rows["test"]])[:, 0, -1:], 6, axis=1))


def test_an_evaluation_has_units_intervals_and_steps_and_comes_back_from_json(run: Run) -> None:
    found = tw.evaluate(run, load(shops(), recipe=RECIPE))
    assert list(found.scores)[:3] == ["mse", "mae", "mase"]
    assert found.scores["raw_mae"].value > 10 * found.scores["mae"].value
    assert 0.5 < found.scores["coverage"].value <= 1
    assert found.scores["mse"].n < found.n / 2  # windows that overlap are one witness
    assert found.future is not None
    assert {len(steps) for steps in found.future.by_step.values()} == {6}
    assert {b.name for b in found.baselines} >= {"repeat the last value", "repeat the last season", "drift"}
    assert Evaluation.from_dict(found.to_dict()).future == found.future


def test_a_prediction_gives_every_series_its_next_steps(run: Run) -> None:
    answers = run.predict(shops().reverse())
    assert answers.columns == ["shop", "day", "sold", "sold_low", "sold_high", "problem"]
    assert answers["day"].unique().sort().to_list() == [START + timedelta(days=300 + i) for i in range(6)]
    level = answers.group_by("shop").agg(pl.col("sold").mean()).sort("shop")["sold"].to_list()
    assert level[0] > 50 * level[1]
    assert (answers["sold_low"] <= answers["sold_high"]).all()
    assert answers["problem"].is_null().all()


def test_oddities_at_prediction_stand_beside_the_answers(run: Run) -> None:
    recent = shops().filter(pl.col("day") >= START + timedelta(days=290))
    said = run.predict(recent.with_columns(shop=pl.lit("new") + pl.col("shop")))["problem"].to_list()
    assert all("only 10 of the 24 steps" in text and "never saw this series" in text for text in said)
    assert run.predict(recent.to_dicts()).height == 12


def test_what_is_known_ahead_is_used(tmp_path: Path) -> None:
    recipe = RECIPE.but(series={**RULES, "known": ["holiday"]}, steps=300, learning_rate=0.01)
    data, blind = load(shops(400), recipe=recipe), RECIPE.but(steps=300, learning_rate=0.01, columns={"holiday": "ignore"})
    seeing = tw.evaluate(tw.fit(recipe, data), data, baselines=False).scores["mse"].value
    without = load(shops(400), recipe=blind)
    assert seeing < 0.6 * tw.evaluate(tw.fit(blind, without), without, baselines=False).scores["mse"].value
    future = pl.DataFrame(
        {"day": [START + timedelta(days=400 + i) for i in range(6)], "shop": "small", "holiday": [1, 0, 0, 0, 0, 0]}
    )
    run = tw.fit(recipe, data)
    answers = run.predict(pl.concat([shops(400), future], how="diagonal")).filter(pl.col("shop") == "small")
    plain = run.predict(shops(400)).filter(pl.col("shop") == "small")
    assert answers["sold"][0] > plain["sold"][0] + 0.7
    assert answers["problem"].is_null().all()
    assert "future steps of holiday are missing" in plain["problem"][0]


def test_an_interrupted_forecast_goes_on_to_the_same_bits(run: Run, tmp_path: Path) -> None:
    data = load(shops(), recipe=RECIPE)

    def stop(row: dict) -> None:
        if row["split"] == "train" and row["step"] > 20:
            os.kill(os.getpid(), signal.SIGINT)

    assert tw.fit(RECIPE, data, folder=tmp_path, observers=[stop]).signal == signal.SIGINT
    assert not (tmp_path / "weights.safetensors").exists()
    tw.fit(RECIPE, data, folder=tmp_path)
    assert run.folder is not None
    assert (tmp_path / "weights.safetensors").read_bytes() == (run.folder / "weights.safetensors").read_bytes()


def test_an_opened_run_answers_and_is_judged_alike(run: Run) -> None:
    assert run.folder is not None
    again = Run.open(run.folder)
    assert again.predict(shops()).equals(run.predict(shops()))
    data = load(shops(), recipe=RECIPE.but(split__test=0.1))
    assert tw.evaluate(again, data, part="test", baselines=False).n == len(data.rows["test"])


def test_the_report_draws_the_forecast(run: Run) -> None:
    page = tw.report(run, load(shops(), recipe=RECIPE)).read_text(encoding="utf-8")
    assert "Error by step ahead" in page
    assert "forecast of small, sold" in page


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "ett").exists(), reason="the ETT data are not here")
def test_ett_is_forecast_as_well_as_published() -> None:
    recipe = tw.Recipe(
        series={"horizon": 96, "lookback": 336},
        split={"how": "time", "at": ["2017-06-26", "2017-10-24", "2018-02-21"]},
        threads=1,
        doctor="off",
    )
    data = load(DATA / "ett" / "ETTh1.csv", recipe=recipe)
    found = tw.evaluate(tw.fit(recipe, data), data)
    free = {b.name: b.scores for b in found.baselines}
    assert found.scores["mse"].value <= 0.375
    assert found.scores["mae"].value <= 0.395
    assert free["repeat the last value"]["mse"].value == pytest.approx(1.294, abs=1e-3)
    assert free["repeat the last value"]["mae"].value == pytest.approx(0.713, abs=1e-3)
    assert free["least squares on the window"]["mse"].value == pytest.approx(0.370, abs=1e-3)
