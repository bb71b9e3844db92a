"""Borrowed weights are judged in pairs: they help where the tasks are the same, and useless ones are not called useful."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from train.small import numbers, recipe
from trainwell.core.errors import UsageError
from trainwell.data.load import wrap
from trainwell.report.transfer_check import show_transfer, write_transfer
from trainwell.study.transfer_check import transfer_check
from trainwell.train.fit import fit

MLP = {"name": "mlp", "width": 16, "dropout": 0.0}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on many rows of the same task."""
    folder = tmp_path_factory.mktemp("runs") / "taught"
    fit(recipe(model=MLP, epochs=30, doctor="off"), numbers(1500), folder=folder)
    return folder


def other_rows():
    draw = np.random.default_rng(9)
    x = draw.normal(size=(400, 5)).astype(np.float32)
    return wrap((x, (x[:, 0] - x[:, 1] + x[:, 2] * x[:, 3] > 0).astype(np.int64)))


def test_weights_of_the_same_task_help_with_few_rows(taught: Path, tmp_path: Path) -> None:
    chosen = recipe(model=MLP, steps=30, init_from=str(taught), doctor="off")
    found = transfer_check(chosen, other_rows(), rows=[20], repeats=6, metric="accuracy", folder=tmp_path)
    (size,) = found.sizes
    assert (size.rows, size.verdict.word) == (20, "helps")
    assert "takes more than 20 rows" in found.worth
    assert json.loads((tmp_path / "transfer-check.json").read_text())["sizes"][0]["verdict"]["word"] == "helps"
    assert "helps with 20 training rows" in write_transfer(found, tmp_path).read_text()
    show_transfer(found)


def test_weights_that_mean_nothing_are_not_called_helpful(taught: Path, tmp_path: Path) -> None:
    from trainwell.train.compile import compile_program

    fresh = compile_program(recipe(model=MLP), other_rows(), seed=99).network.state_dict()
    save_file(fresh, tmp_path / "noise.safetensors")
    chosen = recipe(model=MLP, steps=20, init_from=str(tmp_path / "noise.safetensors"), doctor="off")
    found = transfer_check(chosen, other_rows(), rows=[40], repeats=6, metric="accuracy")
    assert found.sizes[0].verdict.word != "helps"
    assert found.worth == ""


def test_what_cannot_be_compared_is_refused(taught: Path) -> None:
    with pytest.raises(UsageError, match="starts from nothing"):
        transfer_check(recipe(model=MLP), other_rows())
    with pytest.raises(UsageError, match="training rows"):
        transfer_check(recipe(model=MLP, init_from=str(taught)), other_rows(), rows=[100_000])
