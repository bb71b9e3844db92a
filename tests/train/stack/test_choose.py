"""Measuring a stack leaves it as it was, and its engine then trains as a new one would."""

from __future__ import annotations

import pytest
import torch

from train.small import Picky, numbers, pictures, recipe
from trainwell.train.compile import compile_program
from trainwell.train.fit import repeatable
from trainwell.train.plan import Machine, Way
from trainwell.train.stack.choose import choose_way, measure
from trainwell.train.stack.run import fit_stack, new_engine

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


def test_the_choice_tells_what_was_measured():
    way = choose_way(programs("numbers"), workers=1).way
    assert "one by one" in way.machine.why
    assert "one stack" in way.machine.why
    assert way.workers == 1
