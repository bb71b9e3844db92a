"""What MLflow reads back is the history, the recipe and the run's files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from train.small import numbers
from trainwell.core.errors import MissingExtra, UnknownName, UsageError
from trainwell.train.fit import fit
from trainwell.train.resume import resume
from trainwell.train.trackers.mlflow import mlflow
from trainwell.train.trackers.registry import tracker_of

from .runs import HOW, history_of, stop_at

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow", "ignore::Warning:sqlalchemy", "ignore::Warning:alembic")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One sqlite store: making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


def told(store: str, folder: Path):
    """The client, and the only run that MLflow has of this folder."""
    library = pytest.importorskip("mlflow")
    client = library.MlflowClient(store)
    experiment = client.get_experiment_by_name("trainwell")
    (run,) = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{folder.name}'")
    return client, run


def test_measurements_recipe_and_files_are_read_back(store: str, tmp_path: Path) -> None:
    folder = tmp_path / "whole"
    run = fit(HOW, numbers(), folder=folder, observers=[mlflow(uri=store)])
    client, found = told(store, folder)
    assert found.info.status == "FINISHED"
    for tag in ("train/loss", "train/learning_rate", "valid/loss", "valid/accuracy"):
        assert [(m.step, m.value) for m in client.get_metric_history(found.info.run_id, tag)] == history_of(run, tag)
    assert found.data.params["model.width"] == "8"
    assert found.data.params["optimizer"] == run.recipe.optimizer.name
    assert found.data.metrics["best/loss"] == run.summary["valid"]["loss"]
    kept = {file.path for file in client.list_artifacts(found.info.run_id)}
    assert kept >= {"recipe.yaml", "card.json", "weights.safetensors", "run.json"}


def test_a_continued_run_goes_on_in_the_same_one(store: str, tmp_path: Path) -> None:
    folder = tmp_path / "continued"
    fit(HOW, numbers(), folder=folder, observers=[mlflow(uri=store), stop_at(12)])
    (folder / "weights.safetensors").unlink()
    run = fit(HOW, numbers(), folder=folder, observers=[mlflow(uri=store)])
    client, found = told(store, folder)
    measured = {m.step: m.value for m in client.get_metric_history(found.info.run_id, "valid/loss")}
    assert list(measured.items()) == history_of(run, "valid/loss")


def test_a_finished_run_is_written_down_from_its_history_once(store: str, tmp_path: Path) -> None:
    folder = tmp_path / "before"
    run, data = fit(HOW, numbers(), folder=folder), numbers()
    for _ in range(2):
        resume(folder, data=data, observers=[mlflow(uri=store)])
    client, found = told(store, folder)
    assert [(m.step, m.value) for m in client.get_metric_history(found.info.run_id, "valid/loss")] == history_of(
        run, "valid/loss"
    )


def test_used_as_a_context_it_takes_what_comes_later(store: str, tmp_path: Path) -> None:
    folder, page = tmp_path / "held", tmp_path / "report.html"
    page.write_text("<p>done</p>")
    with mlflow(uri=store) as tracker:
        fit(HOW, numbers(), folder=folder, observers=[tracker])
        assert told(store, folder)[1].info.status == "RUNNING"
        tracker.keep({"test/accuracy": 0.5}, [page])
    client, found = told(store, folder)
    assert (found.info.status, found.data.metrics["test/accuracy"]) == ("FINISHED", 0.5)
    assert "report.html" in {file.path for file in client.list_artifacts(found.info.run_id)}


def test_wrong_words_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="Did you mean mlflow"):
        tracker_of("mlfow")
    with pytest.raises(UnknownName, match="has no option 'experimnt'"):
        tracker_of("mlflow experimnt=a")
    with pytest.raises(UsageError, match="key=value"):
        tracker_of("mlflow adult")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"trainwell\[mlflow\]"):
        mlflow()
