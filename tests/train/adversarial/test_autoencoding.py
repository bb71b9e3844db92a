"""An autoencoder from raw pictures to samples: what it makes small, resume, samples, judgement, refusals."""

from __future__ import annotations

import math
import os
import signal

import numpy as np
import pytest
import torch

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.evaluate.run import evaluate
from trainwell.report.run import report
from trainwell.train.adversarial.autoencoding import ROUNDING, autoencoding, elbo, terms
from trainwell.train.adversarial.making import given_back
from trainwell.train.adversarial.sample import interpolate, sample
from trainwell.train.fit import fit
from trainwell.train.run import Run

HOW = Recipe(
    model={"name": "autoencoder", "width": 8, "code": 6},
    steps=300,
    validate_every=100,
    ema=0,
    batch_size=64,
    threads=1,
    memory_format="contiguous",
    device="cpu",
)


@pytest.fixture(scope="module")
def data():
    return load("digits", recipe=HOW)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return fit(HOW, data, folder=tmp_path_factory.mktemp("runs") / "whole", observers=[lambda _row: None])


def test_the_loss_is_the_bound_of_its_paper(run):
    network = run.network.eval()
    pictures, codes = torch.rand(16, 1, 8, 8), torch.arange(16) % 10
    torch.manual_seed(3)
    error, told = terms(network, pictures, codes)
    mean, log_variance = network.encode(pictures, codes)
    drawn, normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp()), torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(told, torch.distributions.kl_divergence(drawn, normal).sum(1).mean())
    # With the variance that fits a batch best, the negative log-likelihood of a number is this logarithm and a constant.
    fitted = torch.distributions.Normal(0.0, error.sqrt())
    likelihood = -fitted.log_prob(error.sqrt())
    torch.testing.assert_close(0.5 * torch.log(error), likelihood - 0.5 * math.log(2 * math.pi) - 0.5)
    torch.manual_seed(3)
    loss = autoencoding(network, elbo(beta=2.0), None)((pictures,), codes, 0)
    torch.testing.assert_close(loss, 0.5 * torch.log(error + ROUNDING) + 2 * told / 64)


def test_pictures_come_back_better_than_their_mean(run, data):
    rows = data.rows["test"]
    pictures = data.arrays["picture"][rows]
    again = given_back(run.network, pictures, data.arrays["target"][rows])
    assert again.shape == pictures.shape
    real = pictures / 255
    assert ((again / 255 - real) ** 2).mean() < 0.8 * ((real - real.mean(0)) ** 2).mean()
    valid = [row for row in run.history.rows if row["split"] == "valid"]
    assert valid[-1]["given_back_error"] < valid[0]["given_back_error"]


def test_an_interrupted_run_continues_to_the_same_bits(run, data, tmp_path):
    def interrupt(row):
        if row.get("step") == 200:
            os.kill(os.getpid(), signal.SIGTERM)

    torn = fit(HOW, data, folder=tmp_path / "torn", observers=[interrupt])
    assert torn.status == "interrupted"
    again = fit(HOW, data, folder=tmp_path / "torn", observers=[lambda _row: None])
    assert (again.folder / "weights.safetensors").read_bytes() == (run.folder / "weights.safetensors").read_bytes()


def test_it_is_sampled_judged_and_reported_like_any_maker_of_pictures(run, data):
    opened = Run.open(run.folder)
    found = sample(opened, 20, seed=3)
    assert np.array_equal(found.pictures, sample(run, 20, seed=3).pictures)
    assert set(sample(run, 4, label="7").labels) == {"7"}
    assert interpolate(run, ways=2, steps=4).shape == (8, 1, 8, 8)
    judged = evaluate(opened, data, baselines=False)
    assert "frechet_distance" in judged.scores
    assert judged.making is not None
    page = report(opened, data=data).read_text()
    assert "what their codes give back" in page
    assert opened.network(torch.rand(3, 1, 8, 8)).shape == (3, 6)


def test_games_and_bounds_do_not_mix(data):
    with pytest.raises(RecipeError, match="loss=hinge is for a generator and a critic"):
        fit(HOW.but(loss="hinge"), data)
    with pytest.raises(RecipeError, match="loss=elbo is for model=autoencoder"):
        fit(HOW.but(model="dcgan", loss="elbo"), data)


def test_answers_are_refused_with_what_to_do(run, data):
    with pytest.raises(DataError, match="sample"):
        run.predict_arrays(data.arrays["picture"][:2])
