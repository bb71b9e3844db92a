"""Measuring a stack leaves it as it was, and its engine then trains as a new one would."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.small import Picky, numbers, pictures, recipe
from trainwell.train.compile import compile_program
from trainwell.train.fit import repeatable
from trainwell.train.plan import Machine, Way
from trainwell.train.stack import choose
from trainwell.train.stack.choose import measure
from trainwell.train.stack.run import fit_stack, new_engine
from trainwell.train.stack.trace import tracing_seconds

KINDS = {
    "numbers": (numbers, {"model": {"name": "mlp", "width": 8, "dropout": 0.2}, "optimizer": "adamw", "ema": 0.9}),
    "pictures": (pictures, {"model": f"{Picky.__module__}:Picky", "optimizer": "sgd"}),
}


def programs(kind):
    make, changes = KINDS[kind]
    data = make()
    recipes = [recipe(**changes, epochs=2, early_stopping=0).but(learning_rate=rate) for rate in (0.01, 0.03)]
    with repeatable():
        return [compile_program(r, data.under(r), seed=s) for s, r in enumerate(recipes)]


def trained(made, engine=None):
    way = Way(Machine(stack="stack"), 0.001)
    runs = fit_stack(made, way, folders=[None, None], checkpoints=None, observers=[[], []], engine=engine)
    return [run.network.state_dict() for run in runs]


@pytest.mark.parametrize("kind", KINDS)
def test_measuring_changes_nothing(kind):
    with repeatable():
        engine = new_engine(programs(kind))
        before = {name: tensor.clone() for name, tensor in engine.tensors().items()}
        measure(engine, budget=0.1)
    assert all(torch.equal(before[name], tensor) for name, tensor in engine.tensors().items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_measured_engine_trains_like_a_new_one(kind):
    made = programs(kind)
    with repeatable():
        engine = new_engine(made)
        measure(engine, budget=0.1)
    for one, other in zip(trained(made, engine), trained(programs(kind)), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_step_overwrites_none_of_its_arguments():
    with repeatable():
        engine = new_engine(programs("numbers"))
        inputs, target = engine.batches[0]
        kept = [x.clone() for x in (*inputs, target)]
        engine.step(inputs, target, rates=[0.0, 0.0], number=0)
        first = engine._gradients.clone()
        engine.step(inputs, target, rates=[0.0, 0.0], number=0)
    assert all(torch.equal(a, b) for a, b in zip(kept, (*inputs, target), strict=True))
    assert torch.equal(first, engine._gradients)


@pytest.mark.parametrize("worth", [0.0, 1e9])
def test_a_stack_is_tried_where_tracing_can_pay(worth, monkeypatch):
    monkeypatch.setattr(choose, "WORTH", worth)
    chosen = choose.choose_way(programs("numbers"), workers=1)
    assert "one by one" in chosen.way.machine.why
    assert ("one stack" in chosen.way.machine.why) == (worth > 0)
    assert chosen.way.workers == 1


def test_tracing_is_expected_to_take_longer_for_longer_networks():
    x = torch.randn(4, 32, 5)
    layers = [nn.Linear(5, 5), nn.Sequential(*(nn.Linear(5, 5) for _ in range(9))), nn.LSTM(5, 5, batch_first=True)]
    found = [tracing_seconds(layer, (x,)) for layer in layers]
    assert found == sorted(found)
    assert found[2] > 10 * found[0]
