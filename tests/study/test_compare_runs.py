"""Runs that exist are compared in pairs of seeds, or row by row; anything else is refused with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.score.predictions import Predictions
from trainwell.study.compare import compare
from trainwell.study.compare_runs import compare_runs, judge_rows, runs_in
from trainwell.study.repeats import repeats
from trainwell.train.fit import fit
from trainwell.train.many import fit_orders

TINY = Recipe(model={"name": "mlp", "width": 8, "depth": 1}, epochs=2, batch_size=32, threads=1, compile="off")


def test_folders_of_runs_are_paired_by_seed_as_compare_pairs_them(tmp_path: Path) -> None:
    data, slow = load("iris"), TINY.but(lr=1e-4)
    fit_orders(repeats(TINY, 6), data, folder=tmp_path / "a")
    fit_orders(repeats(slow, 7)[::-1], data, folder=tmp_path / "b")
    found = compare_runs(tmp_path / "a", tmp_path / "b", data=data, metric="log_loss", part="test")
    trained = compare(TINY, slow, data, repeats=6, metric="log_loss", part="test", aa=False)
    # Whether six networks are a stack is measured, and a stack rounds in its own way.
    assert np.array(found.scores) == pytest.approx(np.array(trained.scores), rel=1e-5)
    assert found.verdict.word == trained.verdict.word == "helps"
    assert found.seeds == list(range(6))
    assert not found.false_alarms.paired


def test_one_run_each_is_compared_row_by_row(tmp_path: Path) -> None:
    data = load("iris")
    a = fit(TINY, data, folder=tmp_path / "one")
    b = fit(TINY.but(lr=1e-4), data, folder=tmp_path / "two")
    found = compare_runs(tmp_path / "one", tmp_path / "two", metric="log_loss", part="test")  # data from where they came
    assert found.names == ("one", "two")
    assert found.verdict.unit == "row"
    assert found.verdict.pairs == 30
    assert compare_runs(a, b, data=data, metric="log_loss", part="test").scores == found.scores
    with pytest.raises(UsageError, match="no mean over rows"):
        compare_runs(a, b, data=data, metric="f1", part="test")


def test_runs_of_different_splits_are_no_pair() -> None:
    data = load("iris")
    a, b = fit(TINY, data), fit(TINY.but(split__seed=1), data)
    with pytest.raises(UsageError, match="no run of the first"):
        compare_runs(a, b, data=data)
    wider = fit(TINY.but(split__valid=0.3), data)
    with pytest.raises(UsageError, match="different validation rows"):
        compare_runs(a, wider, data=data)


def test_rows_of_accuracy_are_mcnemars_exact_test() -> None:
    draw = np.random.default_rng(0)
    target = draw.integers(0, 2, 100)
    right = draw.random(100) < 0.9
    other = np.where(draw.random(100) < 0.15, ~right, right)

    def says(hit: np.ndarray) -> Predictions:
        return Predictions("classification", np.eye(2)[np.where(hit, target, 1 - target)], target)

    found = judge_rows(says(right), says(other), "accuracy")
    wins, losses = int((right & ~other).sum()), int((other & ~right).sum())
    assert wins + losses <= 16  # every sign pattern is tried
    assert found.p == pytest.approx(stats.binomtest(wins, wins + losses).pvalue)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs in"):
        runs_in(tmp_path)


def test_runs_before_and_after_a_correction_are_judged_on_the_corrected_labels(tmp_path: Path) -> None:
    table, mended = tmp_path / "t.csv", tmp_path / "mended.csv"
    table.write_text("x,y\n" + "\n".join(f"{i / 7:.3f},{'ab'[i % 2]}" for i in range(80)))
    mended.write_text(
        "row,given,corrected\n" + "\n".join(f"{i},{'ab'[i % 2]},{'ba'[i % 2]}" for i in range(0, 80, 4)) + "\n1,b,?"
    )
    fit(TINY, load(table, "y"), folder=tmp_path / "before")
    fit(TINY, load(table, "y", corrections=mended), folder=tmp_path / "after")
    places = tmp_path / "before", tmp_path / "after"
    forth, back = compare_runs(*places, part="test"), compare_runs(*places[::-1], part="test")
    assert forth.note == back.note == f"Both are judged on the rows and labels of {places[1]}."
    assert forth.scores == back.scores[::-1]
    other = tmp_path / "other.csv"
    other.write_text("x,y\n" + "\n".join(f"{i / 7:.3f},{'ab'[i // 40]}" for i in range(80)))
    fit(TINY, load(other, "y"), folder=tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="different test rows"):
        compare_runs(tmp_path / "before", tmp_path / "elsewhere", part="test")


def test_a_correction_moves_no_row_to_another_part(tmp_path: Path) -> None:
    frame, mended = {"x": [i / 7 for i in range(80)], "y": ["a", "b"] * 40}, tmp_path / "mended.csv"
    mended.write_text("row,given,corrected\n" + "\n".join(f"{i},a,b" for i in range(0, 40, 2)) + "\n1,b,?")
    plain, corrected = load(frame, "y"), load(frame, "y", corrections=mended)
    for part, rows in plain.rows.items():
        assert corrected.rows[part].tolist() == [row for row in rows if row != 1]
    assert plain.fingerprint != corrected.fingerprint
