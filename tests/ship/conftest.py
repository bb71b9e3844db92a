"""One run on people that several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainwell.data.load import load
from trainwell.evaluate.run import evaluate
from trainwell.train.fit import fit
from trainwell.train.run import Run

from .small import people, recipe


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run in a folder, read from a CSV file and evaluated."""
    folder = tmp_path_factory.mktemp("ship")
    people().write_csv(folder / "people.csv")
    data = load(folder / "people.csv", target="rich", recipe=recipe())
    found = fit(recipe(target="rich"), data, folder=folder / "run")
    evaluate(found, data, baselines=False)
    return Run.open(folder / "run")


@pytest.fixture(scope="session")
def table(run: Run) -> Path:
    """The file that the run was trained on."""
    assert run.folder is not None
    return run.folder.parent / "people.csv"
