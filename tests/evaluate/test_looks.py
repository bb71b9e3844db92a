"""Looks at test rows are counted by network and by content of the rows, and many of them are said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval, luck_of_the_best
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.evaluate.evaluation import Evaluation
from trainwell.evaluate.looks import looks_at, note_look, place_of_looks
from trainwell.evaluate.run import evaluate
from trainwell.score.predictions import Predictions
from trainwell.train.fit import fit


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path / "cache"))
    return load("iris")


def answers(data: Data, seed: int) -> Predictions:
    rows = data.rows["test"]
    output = np.random.default_rng(seed).dirichlet(np.ones(3), len(rows))
    return Predictions("classification", output, data.arrays["target"][rows])


def test_each_network_counts_once(data: Data) -> None:
    assert looks_at(data) == 0
    assert [note_look(data, answers(data, seed), "x") for seed in (0, 1, 1, 0, 2)] == [1, 2, 2, 2, 3]
    assert looks_at(data) == 3


def test_other_preparation_is_the_same_test_part_and_another_split_is_not(data: Data) -> None:
    note_look(data, answers(data, 0), "x")
    assert looks_at(data.under(Recipe(prepare={"scale": "robust"}))) == 1
    assert looks_at(data.under(Recipe(split={"seed": 1}))) == 0


def test_a_torn_line_is_no_look_and_a_cache_that_cannot_be_written_is_said(data: Data, caplog) -> None:
    note_look(data, answers(data, 0), "x")
    with place_of_looks(data).open("a") as file:
        file.write('{"answers": "ab')
    assert looks_at(data) == 1
    assert note_look(data, answers(data, 1), "y") == looks_at(data) == 2
    place_of_looks(data).unlink()
    place_of_looks(data).mkdir()
    assert note_look(data, answers(data, 0), "x") == 0
    assert "not counted" in caplog.text


def test_evaluating_says_how_often_the_test_rows_were_looked_at(data: Data, tmp_path: Path) -> None:
    recipe = Recipe(model={"name": "mlp", "width": 4}, preset="quick", epochs=1)
    runs = [fit(recipe, data, seed=seed, folder=tmp_path / str(seed)) for seed in range(2)]
    first, second, again = (evaluate(run, data, baselines=False) for run in (*runs, runs[0]))
    assert (first.looks, second.looks, again.looks) == (1, 2, 2)
    assert "looks" not in str(first)
    assert "2 networks were scored on these test rows" in str(second)
    assert evaluate(runs[0], data, part="valid", baselines=False).looks == 0
    assert Evaluation.load(tmp_path / "1").looks == 2


def test_the_luck_of_the_best_is_the_largest_of_so_many_normal_draws() -> None:
    draws = np.random.default_rng(0).normal(0, 0.01, (20_000, 12)).max(axis=1).mean()
    score = Interval(0.9, 0.9 - 1.96 * 0.01, 0.9 + 1.96 * 0.01, 900)
    assert luck_of_the_best(12, score) == pytest.approx(draws, rel=0.02)
    assert luck_of_the_best(1, score) == 0
