"""Recipes x seeds: the same runs however they are executed, whatever happened on the way."""

from __future__ import annotations

import os
import random
import signal
import time

import numpy as np
import pytest
import torch

from train.small import numbers, pictures, recipe
from trainwell.core.recipe import Recipe
from trainwell.train import many, units
from trainwell.train.fit import fit
from trainwell.train.machine import Lap
from trainwell.train.many import fit_many, fit_orders
from trainwell.train.plan import Machine, Way
from trainwell.train.run import Run
from trainwell.train.stack.choose import Choice
from trainwell.train.units import order_name

DENSE = recipe(model={"name": "mlp", "width": 8}, optimizer="adamw", epochs=3, early_stopping=0)
RATES = (1e-3, 1e-2, 3e-2)


@pytest.fixture(params=["here", "processes"])
def always_stacked(monkeypatch, request):
    """The planner's answer is a stack, or two in processes, whatever a busy machine would measure."""
    workers = 2 if request.param == "processes" else 1

    def stack(programs, *, workers=workers):
        return Choice(Way(Machine(stack="stack"), 0.001, workers), Lap(0.001, 0.001))

    monkeypatch.setattr(units, "choose_way", lambda programs, workers=0: stack(programs))


@pytest.fixture
def always_in_processes(monkeypatch):
    """The planner's answer is two processes that train one by one."""
    monkeypatch.setattr(units, "choose_way", lambda programs, workers: Choice(Way(Machine(), 0.001, 2), Lap(0.001, 0.001)))


def same_weights(one: Run, other: Run) -> bool:
    own, theirs = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(own[n], theirs[n]) for n in own)


def test_recipes_by_seeds_in_order():
    runs = fit_many([DENSE, DENSE.but(learning_rate=0.1)], numbers(), seeds=[3, 4])
    assert [(r.recipe.learning_rate, r.plan.seed) for r in runs] == [(0.01, 3), (0.01, 4), (0.1, 3), (0.1, 4)]


@pytest.mark.usefixtures("always_stacked")
def test_a_stack_gives_the_runs_that_single_trainings_give():
    recipes = [DENSE.but(learning_rate=rate) for rate in RATES]
    runs = fit_many(recipes, numbers())
    assert {r.plan.machine.stack != "" for r in runs} == {True}
    for run, own in zip(runs, recipes, strict=True):
        alone = fit(own, numbers())
        assert run.summary["valid"]["loss"] == pytest.approx(alone.summary["valid"]["loss"], rel=1e-5)
        assert run.history.column("step", split="valid") == alone.history.column("step", split="valid")
        assert run.recipe == alone.recipe


@pytest.mark.usefixtures("always_stacked")
def test_finished_runs_are_not_trained_again(tmp_path, monkeypatch):
    first = fit_many(DENSE, numbers(), seeds=[0, 1], folder=tmp_path)
    monkeypatch.setattr(many, "train_works", lambda works, *_, **__: pytest.fail("trained again") if works else [])
    again = fit_many(DENSE, numbers(), seeds=[0, 1], folder=tmp_path)
    assert all(same_weights(a, b) for a, b in zip(first, again, strict=True))
    assert Run.open(tmp_path / order_name((DENSE, 1))).status == "finished"


def in_a_child(work) -> int:
    """The process that does the work, with none of this one's clean-up at its end."""
    child = os.fork()
    if child == 0:
        try:
            torch.set_num_threads(1)
            work()
        finally:
            os._exit(0)
    return child


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork beside threads
@pytest.mark.usefixtures("always_stacked")
def test_killed_stacks_go_on_to_the_same_bits(tmp_path):
    recipes = [DENSE.but(learning_rate=r, model__dropout=0.2 * i, ema=0.9, epochs=8) for i, r in enumerate(RATES)]
    orders, data = [(r, 0) for r in recipes], numbers()
    start = time.monotonic()
    whole = fit_orders(orders, data, folder=tmp_path / "whole")
    length, draw = time.monotonic() - start, random.Random(0)
    for _ in range(6):
        child = in_a_child(lambda: fit_orders(orders, data, folder=tmp_path / "torn", save_every=0.0))
        time.sleep(draw.uniform(0.1, 0.9) * length)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    torn = fit_orders(orders, data, folder=tmp_path / "torn")
    assert all(same_weights(a, b) for a, b in zip(whole, torn, strict=True))
    assert [r.history.column("loss", split="valid") for r in whole] == [r.history.column("loss", split="valid") for r in torn]


@pytest.mark.usefixtures("always_stacked")
@pytest.mark.parametrize("stop_at", [3, 11, 20])
def test_a_stopped_stack_goes_on_to_the_same_bits(tmp_path, stop_at):
    recipes = [DENSE.but(learning_rate=r, model__dropout=0.2 * i, ema=0.9) for i, r in enumerate(RATES)]
    whole = fit_many(recipes, numbers(), folder=tmp_path / "whole")

    def stopper(row):
        if row["split"] == "train" and row["step"] >= stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_orders([(r, 0) for r in recipes], numbers(), folder=tmp_path / "cut", observers=[stopper], save_every=0.0)
    resumed = fit_many(recipes, numbers(), folder=tmp_path / "cut")
    assert all(same_weights(a, b) for a, b in zip(whole, resumed, strict=True))
    assert [r.history.rows[-1]["loss"] for r in whole] == [r.history.rows[-1]["loss"] for r in resumed]


@pytest.mark.usefixtures("always_stacked")
def test_members_leave_when_their_own_time_has_come():
    recipes = [DENSE.but(epochs=e) for e in (1, 2, 2, 4)] + [DENSE.but(learning_rate=0.0, epochs=4, early_stopping=1)]
    runs = fit_many(recipes, numbers())
    alone = [fit(r, numbers()) for r in recipes]
    assert [r.summary["steps"] for r in runs] == [r.summary["steps"] for r in alone]
    assert [r.status for r in runs] == [r.status for r in alone]
    for run, own in zip(runs, alone, strict=True):
        assert run.summary["valid"]["loss"] == pytest.approx(own.summary["valid"]["loss"], rel=1e-5)


@pytest.mark.usefixtures("always_stacked")
def test_one_that_explodes_harms_nobody(tmp_path):
    wild = DENSE.but(optimizer="sgd", learning_rate=1e30, clip_norm=0.0)
    calm = wild.but(learning_rate=1e-2)
    runs = fit_many([calm, wild, calm], numbers(), seeds=[0], folder=tmp_path)
    assert [r.status for r in runs] == ["finished", "not finite", "finished"]
    assert "NaN or infinity" in str(runs[1].error)
    assert runs[0].summary["valid"]["loss"] == pytest.approx(fit(calm, numbers()).summary["valid"]["loss"], rel=1e-5)


def test_the_same_order_twice_is_trained_once():
    seen = []
    runs = fit_orders([(DENSE, 0), (DENSE, 0)], numbers(), observers=[lambda row: seen.append(row["run"]) and None])
    assert runs[0] is runs[1]
    assert set(seen) == {0}


def test_splits_of_their_own():
    runs = fit_orders([(DENSE.but(split__seed=i), i) for i in range(3)], numbers())
    assert len({run.plan.data for run in runs}) == 3


class Fickle(torch.nn.Module):
    """Control flow that looks at values."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x if float(x.sum()) > 0 else -x)


@pytest.mark.parametrize("change", [{"model": Fickle}, {"time_limit": 5.0}, {"accumulate": 2}])
def test_what_cannot_be_stacked_is_trained_one_by_one(change):
    runs = fit_many(DENSE.but(**change), numbers(), seeds=[0, 1])
    assert [(r.status, r.plan.machine.stack) for r in runs] == [("finished", "")] * 2


@pytest.mark.usefixtures("always_in_processes")
def test_processes_give_the_same_bits(tmp_path):
    recipes = [DENSE.but(learning_rate=rate) for rate in RATES]
    shared, kept = fit_many(recipes, numbers()), fit_many(recipes, numbers(), folder=tmp_path)
    for recipe_, one, other in zip(recipes, shared, kept, strict=True):
        alone = fit(recipe_, numbers())
        assert same_weights(one, alone)
        assert same_weights(other, alone)
        assert one.history.column("loss") == alone.history.column("loss")


@pytest.mark.usefixtures("always_in_processes")
def test_an_observer_stops_a_run_in_another_process():
    runs = fit_many(DENSE, numbers(), seeds=[0, 1], observers=[lambda row: row["run"] == 1 and row["split"] == "train"])
    assert [r.status for r in runs] == ["finished", "stopped by an observer"]


def test_pictures_too():
    base = Recipe(model={"name": "cnn", "width": 4, "stages": 2}, epochs=2, batch_size=32, threads=1, augment=["flip"])
    runs = fit_many(base, pictures(), seeds=[0, 1])
    assert np.isfinite([r.summary["valid"]["loss"] for r in runs]).all()
