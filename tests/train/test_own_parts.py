"""Losses and update rules of the user's own are named by their path and trained like registered ones."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from train.small import FIXED, numbers
from trainwell.core.errors import CompileError, RecipeError, UnknownName
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.score.registry import losses
from trainwell.train import units
from trainwell.train.fit import fit
from trainwell.train.machine import Lap
from trainwell.train.many import fit_many
from trainwell.train.plan import Machine, Way
from trainwell.train.replay import replay
from trainwell.train.run import Run
from trainwell.train.stack.choose import Choice

OWN = '''
import torch
import torch.nn.functional as F


def asymmetric(output, target, factor: float = 3.0):
    gap = output - target
    return torch.where(gap > 0, factor * gap, -gap).mean()


def rows_of(output, target):
    return (output - target) ** 2


def detached(output, target):
    return (output.detach() - target).mean()


class Weighted(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, output, target):
        return self.scale * F.mse_loss(output, target)


class Growing(torch.nn.Module):
    """A loss that counts its own calls."""

    calls = 0

    def forward(self, output, target):
        self.calls += 1
        return F.mse_loss(output, target) * (1 + self.calls)


class Listing(torch.optim.SGD):
    """Remembers what no checkpoint holds."""

    def step(self, closure=None):
        super().step()
        self.state["history"] = [1, 2]


class Counting(torch.optim.Optimizer):
    """Signs of gradients with a step that shrinks as it counts: numbers in its state and in its groups, no tensors."""

    def __init__(self, params, lr=0.1, weight_decay=0.0, pull: float = 0.5):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "pull": pull, "largest": 0.0})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                state["count"] = state.get("count", 0) + 1
                group["largest"] = max(group["largest"], float(p.grad.abs().max()))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(p.grad / (group["largest"] + 1e-8), alpha=group["lr"] / state["count"] ** group["pull"])
'''


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    Path(tmp_path, "ownparts.py").write_text(OWN)
    Path(tmp_path, "raisingparts.py").write_text('raise ValueError("boom")')
    Path(tmp_path, "brokenparts.py").write_text("def (")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("ownparts", None)


def trained(data: Data | None = None, **keys) -> Run:
    folder, observers = keys.pop("folder", None), keys.pop("observers", ())
    recipe = {"model": "mlp", "steps": 40, "metrics": ["rmse"]} | keys
    return fit(Recipe(**FIXED | recipe), data or numbers(regression=True), folder=folder, observers=observers)


def weights(run: Run) -> list[torch.Tensor]:
    return [t.clone() for t in run.network.state_dict().values()]


def same(a: Run, b: Run) -> bool:
    return all(torch.equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


@pytest.mark.parametrize("path", ["torch.nn:HuberLoss", "torch.nn.functional:huber_loss"])
def test_a_loss_by_its_path_trains_to_the_bits_of_the_registered_one(path):
    known = trained(loss={"name": "huber", "delta": 0.5})
    assert same(trained(loss={"name": path, "delta": 0.5}), known)
    assert not same(trained(loss={"name": path, "delta": 5.0}), known)


def test_a_function_of_the_user_with_an_option_pushes_predictions_down():
    middle = [trained(loss={"name": "ownparts:asymmetric", "factor": factor}, steps=200) for factor in (0.2, 5.0)]
    high, low = (run.predict(np.zeros((4, 5), np.float32))["prediction"].mean() for run in middle)
    assert low < high - 0.05


def test_a_function_or_class_is_named_by_where_it_lies():
    import ownparts

    assert Recipe(loss=ownparts.asymmetric).loss.name == "ownparts:asymmetric"
    assert losses.options("ownparts:asymmetric")["factor"].default == 3.0
    assert Recipe(optimizer=ownparts.Counting).optimizer.name == "ownparts:Counting"


@pytest.mark.parametrize(("path", "known"), [("torch.optim:AdamW", "adamw"), ("torch.optim:Adagrad", "adagrad")])
def test_an_optimizer_by_its_path_agrees_with_the_registered_one(path, known):
    a, b = (trained(optimizer=name, weight_decay=0.01) for name in (path, known))
    assert all(torch.allclose(x, y, rtol=1e-4, atol=1e-6) for x, y in zip(weights(a), weights(b), strict=True))


@pytest.mark.parametrize("optimizer", ["torch.optim:Adadelta", "torch.optim:Rprop", {"name": "ownparts:Counting", "pull": 0.3}])
def test_an_own_optimizer_resumes_to_the_same_bits(optimizer, tmp_path):
    keys = {"optimizer": optimizer, "weight_decay": 0.0, "loss": "ownparts:asymmetric"}

    def interrupt(row: dict) -> None:
        if row["split"] == "train" and row["step"] >= 17 and not sent:
            sent.append(row["step"])
            os.kill(os.getpid(), signal.SIGTERM)

    sent: list[int] = []
    whole = trained(**keys, folder=tmp_path / "whole")
    assert trained(**keys, folder=tmp_path / "torn", observers=[interrupt]).status == "interrupted"
    assert same(trained(**keys, folder=tmp_path / "torn"), whole)


def test_a_loss_of_a_class_is_new_in_every_training():
    assert same(trained(loss="ownparts:Growing"), trained(loss="ownparts:Growing"))


def test_memory_that_a_checkpoint_cannot_hold_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="'history' as list"):
        trained(optimizer="ownparts:Listing", folder=tmp_path / "run")


def test_a_replay_meets_the_losses_of_an_optimizer_that_counts_in_its_groups(tmp_path):
    optimizer = {"name": "ownparts:Counting", "pull": 0.3}
    run = trained(load("diabetes"), optimizer=optimizer, weight_decay=0.0, folder=tmp_path / "run", validate_every=10)
    found = replay(run, step=3)
    assert found.met > 0
    assert found.agreed == found.met
    as_it_was = found.what_ifs[0]
    assert as_it_was.losses[3 - as_it_was.first] == found.loss


def test_networks_with_an_own_loss_in_a_stack_equal_those_alone(monkeypatch):
    stack = Choice(Way(Machine(stack="stack"), 0.001, 1), Lap(0.001, 0.001))
    monkeypatch.setattr(units, "choose_way", lambda programs, workers=0: stack)
    data, steps = numbers(regression=True), {"model": "mlp", "steps": 30, "metrics": ["rmse"]}
    how = Recipe(**FIXED | steps | {"loss": {"name": "ownparts:asymmetric", "factor": 2.0}})
    together = fit_many(how, data, seeds=(0, 1, 2))
    assert all(run.plan.machine.stack for run in together)
    for seed, run in enumerate(together):
        alone = weights(fit(how, data, seed=seed))
        assert all(torch.allclose(x, y, rtol=1e-3, atol=1e-4) for x, y in zip(weights(run), alone, strict=True))


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"loss": "ownparts:asymetric"}, UnknownName, "Did you mean asymmetric"),
        ({"loss": "nowhere:asymmetric"}, RecipeError, "there is no module 'nowhere'"),
        ({"loss": {"name": "ownparts:asymmetric", "factr": 2}}, UnknownName, "Did you mean factor"),
        ({"loss": {"name": "ownparts:asymmetric", "factor": "many"}}, RecipeError, "factor='many'"),
        ({"loss": "ownparts:torch"}, RecipeError, "is no loss"),
        ({"loss": "raisingparts:l1"}, RecipeError, "cannot be imported .ValueError: boom"),
        ({"loss": "brokenparts:l1"}, RecipeError, "cannot be imported .SyntaxError"),
        ({"loss": "ownparts:rows_of"}, CompileError, "not one number"),
        ({"loss": "ownparts:detached"}, CompileError, "without a gradient"),
        ({"loss": "ownparts:Weighted"}, RecipeError, "weights or buffers of its own"),
        ({"loss": "torch.nn:CosineEmbeddingLoss"}, CompileError, "fails"),
        ({"loss": {"name": "torch.nn:HuberLoss", "delta": -1.0}}, CompileError, "fails"),
        ({"optimizer": "torch.optim:Muon"}, RecipeError, "cannot be made"),
        ({"optimizer": "ownparts:asymmetric"}, RecipeError, "no class of update rules"),
        ({"optimizer": "torch.optim:LBFGS"}, RecipeError, "several times per update"),
        ({"optimizer": "torch.optim:Rprop", "weight_decay": 0.1}, RecipeError, "Set weight_decay=0"),
        ({"optimizer": {"name": "torch.optim:Adadelta", "rhoo": 0.1}}, UnknownName, "Did you mean rho"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(keys, error, message):
    with pytest.raises(error, match=message):
        trained(**keys)
