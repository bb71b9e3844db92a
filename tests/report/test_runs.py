"""Runs below a folder: found wherever they lie, the best first, whatever their score's direction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.core.errors import TrainwellError
from trainwell.report.runs import list_runs, show_runs


def write(folder: Path, score: float | None, *, monitor: str = "loss", higher: bool = False, test: float | None = None) -> None:
    """The files of a run folder that the list looks at."""
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps({"monitor": monitor, "higher_is_better": higher, "seed": 3}))
    if score is not None:
        outcome = {"status": "finished", "steps": 1200, "seconds": 4.2, "valid": {monitor: score}}
        (folder / "run.json").write_text(json.dumps(outcome))
    if test is not None:
        scores = {"f1": {"value": 0.1}, "accuracy": {"value": test}}
        (folder / "evaluation.json").write_text(json.dumps({"primary": "accuracy", "scores": scores}))


@given(scores=st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=6), higher=st.booleans())
def test_the_best_stands_first_and_nan_last(
    tmp_path_factory: pytest.TempPathFactory, scores: list[float], higher: bool
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    for i, score in enumerate(scores):
        write(folder / str(i), score, higher=higher)
    found = [entry["score"] for entry in list_runs(folder)]
    numbers = [score for score in found if score == score]
    assert numbers == sorted((s for s in scores if s == s), reverse=higher)
    assert found[: len(numbers)] == numbers


def test_unfinished_runs_come_last_and_equal_scores_stand_together(tmp_path: Path) -> None:
    write(tmp_path / "stopped", None)
    write(tmp_path / "deep/down/a", 0.3)
    write(tmp_path / "b", 0.9, monitor="auroc", higher=True)
    write(tmp_path / "c", 0.2)
    names = [Path(entry["run"]).name for entry in list_runs(tmp_path)]
    assert names == ["b", "c", "a", "stopped"]
    assert list_runs(tmp_path)[-1]["status"] == "interrupted"


def test_what_is_shown_is_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("runs/a"), 0.25, test=0.875)
    show_runs(list_runs(Path("runs")))
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.split() == ["runs/a", "finished", "loss", "0.25", "accuracy", "0.875", "1,200", "4", "s"]
    show_runs([])
    assert "no runs here" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainwellError, match="no such folder"):
        list_runs(tmp_path / "nothing")
