"""A network of the user's own with one output for two classes is trained, kept and opened like one with two."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import trainwell as tw
from trainwell.core.errors import CompileError, DataError
from trainwell.data.load import wrap
from trainwell.models.one_logit import OneLogit, as_named
from trainwell.train.fit import fit
from trainwell.train.run import Run

from .small import numbers, recipe

SOURCE = """
from torch import nn


class One(nn.Module):
    def __init__(self, *, width: int = 8):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.body(x)
"""


@pytest.fixture
def one(tmp_path, monkeypatch):
    Path(tmp_path, "onenet.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "onenet:One"
    sys.modules.pop("onenet", None)


def by_hand(network: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int) -> None:
    """Full batches of plain PyTorch with the usual loss of one output."""
    rule = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(steps):
        rule.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(x).reshape(-1), y.float()).backward()
        rule.step()


@pytest.mark.parametrize("loss", ["cross_entropy", "bce_with_logits", "torch.nn:BCEWithLogitsLoss"])
@pytest.mark.parametrize("end", [nn.Identity(), nn.Flatten(0)])
def test_it_is_trained_as_by_hand_with_the_loss_of_one_output(loss, end):
    data = numbers(64)
    rows = data.rows["train"]
    x, y = (torch.from_numpy(data.arrays[name][rows]) for name in ("input", "target"))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 1), end)
    mine = nn.Linear(5, 1)
    mine.load_state_dict(network[0].state_dict())
    plain = {
        "batch_size": 0,
        "steps": 20,
        "learning_rate": 0.1,
        "schedule": "constant",
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
    }
    how = recipe(
        **plain, optimizer={"name": "sgd", "momentum": 0.0}, loss=loss, early_stopping=0, monitor="loss", clip_norm=0.0
    )
    run = fit(how, data, network=network)
    by_hand(mine, x, y, run.summary["best_step"])
    assert torch.allclose(network[0].weight, mine.weight, atol=1e-5)
    share = mine(torch.from_numpy(data.arrays["input"])).sigmoid().detach().numpy()
    assert np.allclose(run.predict_arrays(data.arrays["input"])[:, 1:], share, atol=1e-5)


def test_a_run_and_a_bundle_of_it_are_opened_again(one, tmp_path):
    data = numbers()
    run = fit(recipe(model=one, loss="bce", epochs=3), data, folder=tmp_path / "run")
    x = data.arrays["input"]
    expected = run.predict_arrays(x)
    assert np.array_equal(Run.open(tmp_path / "run").predict_arrays(x), expected)
    import onenet

    file = tw.bundle(run, tmp_path / "one.tw")
    assert np.array_equal(tw.open_bundle(file, model=onenet.One).predict_arrays(x), expected)


def test_a_sigmoid_at_the_end_is_refused():
    network = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid())
    with pytest.raises(CompileError, match="through a sigmoid"):
        fit(recipe(loss="bce"), numbers(), network=network)


def test_networks_with_two_outputs_or_numbers_to_tell_are_left_alone():
    assert not isinstance(fit(recipe(steps=1), numbers(), network=nn.Linear(5, 2)).network, OneLogit)
    how = recipe(steps=1, metrics=["rmse"])
    assert not isinstance(fit(how, numbers(regression=True), network=nn.Linear(5, 1)).network, OneLogit)


def test_weights_are_told_by_their_names():
    plain, made = nn.Linear(3, 1), OneLogit(nn.Linear(3, 1))
    assert as_named(plain, plain.state_dict()) is plain
    assert as_named(made, made.state_dict()) is made
    assert isinstance(as_named(plain, made.state_dict()), OneLogit)


def test_torchs_cross_entropy_sees_both_logits():
    run = fit(recipe(loss="torch.nn:CrossEntropyLoss", steps=30), numbers(), network=nn.Linear(5, 1))
    assert run.history.column("loss", split="train")[-1] > 0.01


def test_weights_of_a_run_are_taken_over_by_another(one, tmp_path):
    fit(recipe(model=one, loss="bce", epochs=3), numbers(), folder=tmp_path / "run")
    found = fit(recipe(model=one, loss="bce", steps=1, learning_rate=1e-30, init_from=str(tmp_path / "run")), numbers())
    kept = Run.open(tmp_path / "run").network.state_dict()
    assert all(torch.allclose(kept[name], tensor) for name, tensor in found.network.state_dict().items())


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int64, np.uint8, bool, torch.float64, torch.bfloat16])
def test_arrays_of_any_number_type_are_answered_as_what_they_hold(kind):
    run = fit(recipe(steps=2), numbers(), network=nn.Linear(5, 2))
    whole = np.arange(20).reshape(4, 5) % 2
    given = torch.from_numpy(whole).to(kind) if isinstance(kind, torch.dtype) else whole.astype(kind)
    expected = run.predict(whole.astype(np.float32))
    assert run.predict(given).equals(expected)
    assert np.array_equal(run.predict_arrays(given), run.predict_arrays(whole.astype(np.float32)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((3, 4), np.float32), r"given \(3, 4\)"),
        (np.zeros((3, 5), complex), "holds complex128"),
        ((np.zeros((3, 5), np.float32), np.zeros((3, 5), np.float32)), "It was trained on"),
    ],
)
def test_arrays_that_are_not_those_of_the_training_are_refused(given, message):
    run = fit(recipe(steps=2), numbers(), network=nn.Linear(5, 2))
    with pytest.raises(DataError, match=message):
        run.predict(given)


def test_inputs_of_unequal_lengths_are_refused():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(5, 2), nn.Embedding(3, 2)

        def forward(self, a, b):
            return self.a(a) + self.b(b)

    x, codes, y = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3, np.arange(60) % 2
    run = fit(recipe(steps=2), wrap(((x, codes), y)), network=Two())
    assert len(run.predict((x[:3], codes[:3].astype(np.uint8)))) == 3
    with pytest.raises(DataError, match="unequal numbers of rows"):
        run.predict((x[:2], codes[:3]))
    with pytest.raises(DataError, match="holds float32, trained on int64"):
        run.predict((x[:3], codes[:3].astype(np.float32)))
