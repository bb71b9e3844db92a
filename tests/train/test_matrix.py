"""Every registered network with every update rule: trains, and goes on to the same bits from what a checkpoint keeps.

Stacks and exports look at one side alone: `stack/test_equality.py` has every network and every rule, and an export holds
weights, whatever moved them.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache

import pytest
import torch

from trainwell.core.errors import CompileError, DataError, RecipeError
from trainwell.core.suggest_generation import PICTURE_MAKERS
from trainwell.data.batches import Batches
from trainwell.models.registry import models
from trainwell.optim.registry import optimizers
from trainwell.testing import FIXED, KINDS, SMALL
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import Program, compile_program
from trainwell.train.machine import build_engine
from trainwell.train.plan import Machine

OPTIONS = {"sequential": {"blocks": ["relu"]}, "parallel": {"branches": [["relu"], ["relu"]]}}
#: The deepest of a family are built like the others; pairs that make pictures own their update rules.
NETWORKS = [n for n in models.names() if n not in ("resnet34", "resnet101", "resnet152", *PICTURE_MAKERS)]
STEPS = 4


@cache
def program_of(name: str) -> tuple[Program, Batches]:
    """A small form of the network on the first kind of data that it takes."""
    known = models.options(name)
    small = {key: size for key, size in SMALL.items() if key in known and known[key].annotation is int}
    for make in KINDS.values():
        data = make()
        recipe = data.recipe.but(**FIXED, model={"name": name, **small, **OPTIONS.get(name, {})}, ema=0.0)
        try:
            program = compile_program(recipe, data.under(recipe))
        except (CompileError, DataError, RecipeError):
            continue
        return program, build_batches(program)
    raise AssertionError(f"{name} takes no kind of data")


def steps(engine, batches: Batches, numbers: range) -> list[float]:
    return [engine.step(*batches[number], rates=[1e-3], number=number)[0] for number in numbers]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_trains_and_continues_to_the_bit_with_every_rule(name: str) -> None:
    program, batches = program_of(name)
    for rule in optimizers.names():

        def engine(rule: str = rule):
            recipe = program.recipe.but(optimizer=rule)
            return build_engine(replace(program, recipe=recipe, network=copy.deepcopy(program.network)), Machine(threads=1))

        whole, torn, fresh = engine(), engine(), engine()
        losses = steps(whole, batches, range(STEPS))
        assert None not in losses, f"{name} with {rule} leads to what is not finite"
        steps(torn, batches, range(STEPS // 2))
        fresh.restore({key: tensor.clone() for key, tensor in torn.tensors().items()})
        assert steps(fresh, batches, range(STEPS // 2, STEPS)) == losses[STEPS // 2 :], f"{name} with {rule} goes another way"
        ended, continued, began = whole.tensors(), fresh.tensors(), program.network.state_dict()
        assert ended.keys() == continued.keys()
        assert all(torch.equal(ended[key], continued[key]) for key in ended), f"{name} with {rule} ends in other bits"
        trained = [n for n, p in program.network.named_parameters() if p.requires_grad]
        assert any(not torch.equal(ended[f"network.{n}"], began[n]) for n in trained), f"{rule} does not move {name}"
