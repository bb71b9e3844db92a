"""Simpler forms of a trained network: what is 0 stays 0, eight bits are a quarter of the file, and every form is a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from train.small import pictures, recipe
from trainwell.core.errors import CompileError, RecipeError, UsageError
from trainwell.models.int8 import int8_network, packed, unpacked
from trainwell.report.simplified import show_simplified
from trainwell.study.simplify import simplify
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit
from trainwell.train.run import Run

CNN = {"name": "cnn", "width": 8, "stages": 2, "head": "flatten", "hidden": 32}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(recipe(model=CNN, epochs=8, doctor="off"), pictures(), folder=tmp_path_factory.mktemp("runs") / "whole")


def test_every_form_is_measured_and_is_a_run(trained: Run, tmp_path: Path) -> None:
    found = simplify(trained, pictures(), shares=[0.5, 0.8], folder=tmp_path)
    forms = {form.name: form for form in found.forms}
    whole, half, most = (forms[n] for n in ("as it is", "pruned by 50%", "pruned by 80%"))
    assert most.bytes < half.bytes < whole.bytes
    assert forms["int8 weights"].bytes < whole.bytes / 3
    assert whole.difference is None
    assert all(form.one_row > 0 and form.score.low <= form.score.value <= form.score.high for form in found.forms)
    network = Run.open(tmp_path / "pruned-80").network
    weights = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)])
    assert round(float((weights == 0).float().mean()), 2) == 0.8
    assert json.loads((tmp_path / "simplified.json").read_text())["forms"][1]["name"] == "pruned by 50%"
    show_simplified(found)


def test_eight_bits_open_as_a_run_with_nearly_the_same_answers(trained: Run, tmp_path: Path) -> None:
    simplify(trained, pictures(), shares=[], folder=tmp_path)
    rounded, x = Run.open(tmp_path / "int8"), next(iter(pictures().arrays.values()))[:20]
    assert abs(rounded.predict_arrays(x) - trained.predict_arrays(x)).max() < 0.05
    small, large = ((p / "weights.safetensors").stat().st_size for p in (tmp_path / "int8", trained.folder))
    assert small < 0.4 * large


def test_packing_is_exact_to_half_a_step() -> None:
    torch.default_generator.manual_seed(0)
    layer = nn.Linear(300, 7)
    step = layer.weight.abs().amax(1, keepdim=True) / 127
    error = (unpacked(packed(layer))["weight"] - layer.weight).abs()
    assert bool((error <= step * 0.5001).all())


def test_whole_number_arithmetic_agrees_with_float() -> None:
    torch.default_generator.manual_seed(0)
    network = nn.Sequential(nn.Linear(200, 100), nn.ReLU(), nn.Linear(100, 10))
    x = torch.randn(3, 5, 200)
    with torch.no_grad():
        exact, whole = network(x), int8_network(network)(x)
    assert whole.shape == exact.shape
    assert (whole - exact).abs().max() < 0.05 * exact.abs().max()
    with pytest.raises(CompileError, match="no weight of the network"):
        int8_network(nn.Linear(2, 2))


def test_what_makes_no_sense_is_refused(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        simplify(trained, pictures(), shares=[1.5], folder=tmp_path)
    with pytest.raises(RecipeError, match="of a trained network"):
        compile_program(recipe(model=CNN, prune=0.5), pictures())
