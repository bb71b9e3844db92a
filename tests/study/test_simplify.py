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
from trainwell.report.simplify import show_simplified
from trainwell.study.onnx_forms import OnnxNetwork
from trainwell.study.simplify import Simplified, simplify
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit
from trainwell.train.run import Run

CNN = {"name": "cnn", "width": 8, "stages": 2, "head": "flatten", "hidden": 32}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(recipe(model=CNN, epochs=8, doctor="off"), pictures(), folder=tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture(scope="module")
def simpler(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Simplified, Path]:
    folder = tmp_path_factory.mktemp("simple")
    return simplify(trained, pictures(), shares=[0.8, 0.5], units=[0.5], folder=folder), folder


def test_every_form_is_measured_in_one_table(simpler: tuple[Simplified, Path]) -> None:
    found, folder = simpler
    forms = {form.name: form for form in found.forms}
    assert list(forms)[:3] == ["as it is", "weights -50%", "weights -80%"]
    whole, half, most = found.forms[:3]
    assert most.bytes < half.bytes < whole.bytes
    assert forms["int8 weights"].bytes < whole.bytes / 3
    assert forms["ONNX int8 static"].bytes < forms["ONNX"].bytes / 2
    assert whole.difference is None
    assert all(form.one_row > 0 and form.score.low <= form.score.value <= form.score.high for form in found.forms)
    assert found.notes == []
    assert json.loads((folder / "simplified.json").read_text())["forms"][1]["name"] == "weights -50%"
    show_simplified(found)


def test_small_weights_are_0_and_stay_it(simpler: tuple[Simplified, Path]) -> None:
    network = Run.open(simpler[1] / "pruned-80").network
    weights = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)])
    assert round(float((weights == 0).float().mean()), 2) == 0.8


def test_units_really_leave_and_the_taught_network_has_the_same_size(simpler: tuple[Simplified, Path], trained: Run) -> None:
    slim, taught = (Run.open(simpler[1] / place) for place in ("units-50", "distilled"))
    assert slim.recipe.model.options["width"] == taught.recipe.model.options["width"] == 4
    sizes = [sum(p.numel() for p in run.network.parameters()) for run in (trained, slim, taught)]
    assert sizes[1] == sizes[2] < sizes[0] / 3
    forms = {form.name: form for form in simpler[0].forms}
    assert forms["units -50%"].many_rows < forms["as it is"].many_rows


def test_a_second_call_trains_nothing_again(simpler: tuple[Simplified, Path], trained: Run) -> None:
    found, folder = simpler
    kept = ("weights.safetensors", "history.jsonl")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.name in kept and path.parent.name != "int8"}
    again = simplify(trained, pictures(), shares=[0.5, 0.8], units=[0.5], folder=folder)
    assert [form.score.value for form in again.forms] == [form.score.value for form in found.forms]
    assert len(before) >= 8
    assert all(path.read_bytes() == content for path, content in before.items())


def test_static_int8_agrees_with_the_network(simpler: tuple[Simplified, Path], trained: Run) -> None:
    forms = {form.name: form.score.value for form in simpler[0].forms}
    assert forms["ONNX"] == forms["as it is"]
    x = torch.from_numpy(next(iter(pictures().arrays.values()))[:20]).float() / 255
    shape = trained.preparation.shape
    with torch.no_grad():
        exact = trained.network(x)
        for name, far in (("network", 1e-4), ("network-int8", 0.1)):
            assert (OnnxNetwork(simpler[1] / f"{name}.onnx", shape)(x) - exact).abs().max() < far * exact.abs().max()


def test_eight_bits_open_as_a_run_with_nearly_the_same_answers(simpler: tuple[Simplified, Path], trained: Run) -> None:
    rounded, x = Run.open(simpler[1] / "int8"), next(iter(pictures().arrays.values()))[:20]
    assert abs(rounded.predict_arrays(x) - trained.predict_arrays(x)).max() < 0.05
    small, large = ((p / "weights.safetensors").stat().st_size for p in (simpler[1] / "int8", trained.folder))
    assert small < 0.4 * large


def test_what_cannot_be_made_is_told(tmp_path: Path) -> None:
    own = fit(recipe(epochs=1, doctor="off"), pictures(), folder=tmp_path / "own")
    found = simplify(own, pictures(), shares=[], units=[0.5], folder=tmp_path / "simple")
    assert [note.split(":")[0] for note in found.notes] == ["units -50%", "distilled, units -50%"]
    assert "no option width or hidden or maps" in found.notes[0]


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
