"""A training starts from the final weights of another run, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainwell.core.errors import CompileError
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit

from .small import numbers, recipe

MLP = {"name": "mlp", "width": 8, "norm": "batch_norm"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    fit(recipe(model=MLP, epochs=2), numbers(), folder=folder)
    return folder


def test_the_start_is_the_other_runs_end_to_the_bit(trained: Path) -> None:
    from trainwell.train.run import Run

    started = compile_program(recipe(model=MLP, init_from=str(trained)), numbers(), seed=5).network.state_dict()
    ended = Run.open(trained).network.state_dict()
    assert all(torch.equal(started[name], ended[name]) for name in ended)


def test_training_goes_on_from_there(trained: Path) -> None:
    first = fit(recipe(model=MLP, epochs=2, init_from=str(trained)), numbers())
    again = fit(recipe(model=MLP, epochs=2), numbers())
    assert first.summary["valid"]["loss"] < again.summary["valid"]["loss"]


@pytest.mark.parametrize("model", [{**MLP, "width": 9}, {**MLP, "depth": 3}])
def test_another_network_is_refused(trained: Path, model: dict) -> None:
    with pytest.raises(CompileError, match="do not fit"):
        compile_program(recipe(model=model, init_from=str(trained)), numbers())


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no final weights"):
        compile_program(recipe(model=MLP, init_from=str(tmp_path)), numbers())
