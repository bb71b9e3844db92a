"""What MLflow loads answers as the run does, and is plain data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import trainwell as tw
from trainwell.core.errors import UsageError
from trainwell.ship.mlflow_model import mlflow_model

pytestmark = pytest.mark.filterwarnings("ignore::Warning")


@pytest.fixture(scope="module")
def run():
    return tw.fit(tw.Recipe(preset="quick", model="mlp", epochs=1), tw.load("iris"), observers=[lambda row: None])


def test_mlflow_answers_raw_rows_as_the_run_does(run, tmp_path: Path) -> None:
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    rows = tw.load("iris").source.frame.drop("target")
    folder = mlflow_model(run, tmp_path / "iris")
    told, wanted = pyfunc.load_model(str(folder)).predict(rows.to_pandas()), run.predict(rows)
    assert list(told.columns) == wanted.columns
    assert told["prediction"].tolist() == wanted["prediction"].to_list()
    assert (told["confidence"].to_numpy() == wanted["confidence"].to_numpy()).all()
    assert np.isfinite(told["confidence"]).all()


def test_nothing_in_it_is_pickled_and_what_is_there_is_not_written_over(run, tmp_path: Path) -> None:
    pytest.importorskip("mlflow.pyfunc")
    folder = mlflow_model(run, tmp_path / "iris")
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} <= {"", ".yaml", ".txt", ".tw"}
    assert "loader_module: trainwell.ship.mlflow_model" in (folder / "MLmodel").read_text()
    with pytest.raises(UsageError, match="is there already"):
        mlflow_model(run, folder)
