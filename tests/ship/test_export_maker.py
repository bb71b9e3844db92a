"""Networks that make pictures make the same ones in other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load, wrap
from trainwell.models.autoencoder import PictureMaker
from trainwell.ship.bundle import bundle, open_bundle
from trainwell.ship.export import export
from trainwell.ship.onnx_rows import session_of
from trainwell.train.fit import fit
from trainwell.train.run import Run

SMALL = {
    "dcgan": {"width": 4, "critic_width": 4, "noise": 5},
    "wgan_gp": {"width": 4, "critic_width": 4, "noise": 5, "conditional": False},
    "autoencoder": {"width": 4, "code": 5},
    "cyclegan": {"width": 4, "critic_width": 4},
}


@pytest.fixture(scope="module", params=SMALL)
def run(request, tmp_path_factory) -> Run:
    recipe = Recipe(model={"name": request.param} | SMALL[request.param], steps=4, batch_size=8, threads=1, validate_every=4)
    if request.param == "cyclegan":
        draw = np.random.default_rng(0)
        source = (draw.integers(0, 256, (60, 1, 8, 8)).astype(np.uint8), np.arange(60) % 2)
        return fit(recipe, wrap(source, recipe=recipe), observers=[lambda _row: None])
    folder = tmp_path_factory.mktemp("runs") / request.param
    return fit(recipe, load("digits", recipe=recipe), folder=folder, observers=[lambda _row: None])


def given(run: Run, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    network = run.network
    assert isinstance(network, PictureMaker)
    first = torch.rand(n, 1, 8, 8) if run.recipe.model.name == "cyclegan" else torch.randn(n, network.noise)
    return first, torch.arange(n) % network.classes


def answer(path: Path, first: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """What another program gets, with nothing of this package but the file."""
    if path.suffix == ".ts":
        return torch.jit.load(path)(first, codes)
    if path.suffix == ".pt2":
        return torch.export.load(path).module()(first, codes)
    session = session_of(path)
    name = session.get_inputs()[0].name
    fed = {name: first.numpy()} | ({"class": codes.numpy()} if len(session.get_inputs()) > 1 else {})
    return torch.from_numpy(session.run(["made"], fed)[0])


@pytest.mark.parametrize("suffix", [".onnx", ".pt2", ".ts"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*TracerWarning", "ignore::torch.jit.TracerWarning")
def test_any_number_of_pictures_is_the_same(run, suffix, tmp_path):
    done = export(run, tmp_path / f"made{suffix}")
    assert done.difference < 1e-5
    assert list(done.inputs)[1] == "class"
    network = run.network.eval()
    for n in (1, 5, 40):
        first, codes = given(run, n)
        with torch.no_grad():
            ours = network.make(first, codes)
            theirs = answer(done.path, first, codes)
        assert theirs.shape == ours.shape == (n, 1, 8, 8)
        torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=0)
    assert 0 <= float(theirs.min()) <= float(theirs.max()) <= 1


def test_bundles_are_exported_too_and_java_projects_refused(run, tmp_path):
    if run.folder is not None:
        opened = open_bundle(bundle(run, tmp_path / "made.tw"))
        assert export(opened, tmp_path / "made.pt2", batch=3).rows == 3
    with pytest.raises(UsageError, match="a Java project answers rows"):
        export(run, tmp_path / "project", form="djl")
    with pytest.raises(UsageError, match="is compared on noise or pictures of its own"):
        export(run, tmp_path / "made.onnx", rows=run.network)
    assert {p.name for p in tmp_path.iterdir()} <= {"made.tw", "made.pt2"}
