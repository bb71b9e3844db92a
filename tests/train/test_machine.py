"""How a step is executed: measured, and bfloat16 on a CPU only where it was faster over a long run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from trainwell.core.recipe import Recipe
from trainwell.train import machine
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit
from trainwell.train.plan import Machine

from .small import pictures, recipe

#: Seconds of a step in each arithmetic, where the processor multiplies bfloat16 itself and where it does not.
FAST_HALF, SLOW_HALF = {"float32": 0.02, "bfloat16": 0.01}, {"float32": 0.02, "bfloat16": 0.04}
CNN = recipe(model={"name": "cnn", "width": 4, "stages": 2})


def chosen(asked: Recipe, *, steps: int, seconds: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> Machine:
    """What is chosen on a machine on which steps take these seconds."""

    def race(trials: Sequence[machine.Trial], *, budget: float) -> list[machine.Lap]:
        return [machine.Lap(*2 * (seconds[trial.machine.precision],)) for trial in trials]

    monkeypatch.setattr(machine, "race", race)
    program = compile_program(asked, pictures())
    way, lap = machine.choose_machine(program, build_batches(program)[0], steps=steps)
    assert lap.seconds == seconds[way.precision]
    return way


def test_a_long_run_takes_bfloat16_only_where_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = chosen(CNN, steps=5_000, seconds=FAST_HALF, monkeypatch=monkeypatch)
    assert fast.precision == "bfloat16"
    assert "1 thread, bfloat16 10.00 ms" in fast.why
    assert chosen(CNN, steps=5_000, seconds=SLOW_HALF, monkeypatch=monkeypatch).precision == "float32"


@pytest.mark.parametrize(
    ("asked", "steps"),
    [(CNN, 500), (CNN.but(precision="float32"), 5_000), (CNN.but(model={"name": "mlp", "width": 8}), 5_000)],
    ids=["a short run", "float32 is asked for", "no convolution"],
)
def test_bfloat16_is_not_tried(asked: Recipe, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(asked, steps=steps, seconds=FAST_HALF, monkeypatch=monkeypatch).precision == "float32"


def test_a_run_in_bfloat16_learns_and_keeps_float32_weights() -> None:
    run = fit(CNN.but(precision="bfloat16", epochs=6), pictures())
    assert run.summary["valid"]["accuracy"] > 0.8  # of three classes
    assert {p.dtype for p in run.network.parameters()} == {torch.float32}
