"""The engine's state goes to disk and back without changing a bit, in every memory order."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn

from trainwell.core.errors import RecipeError
from trainwell.core.recipe import Recipe
from trainwell.optim.registry import optimizers
from trainwell.train.engine import Limits, SingleEngine
from trainwell.train.fit import fit
from trainwell.train.steps import supervised

from .small import Picky, pictures, recipe, weights

NETWORK = {"name": "cnn", "width": 4, "stages": 2}


def how(**changes: object) -> Recipe:
    return recipe(model=NETWORK, steps=12, ema=0.9, weight_decay=0.01, **changes)


def stop_half_way(row: dict) -> bool:
    return row["split"] == "train" and row["step"] >= 5


@pytest.mark.parametrize("optimizer", optimizers.names())
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_a_run_stopped_and_continued_ends_in_the_same_bits_in_every_memory_order(
    tmp_path: Path, memory_format: str, optimizer: str
) -> None:
    ema = {"ema": 0.0} if optimizer == "schedule_free" else {}
    chosen = how(memory_format=memory_format, optimizer=optimizer).but(**ema)
    fit(chosen, pictures(), folder=tmp_path / "whole")
    fit(chosen, pictures(), folder=tmp_path / "torn", observers=[stop_half_way])
    (tmp_path / "torn/weights.safetensors").unlink()
    fit(chosen, pictures(), folder=tmp_path / "torn")
    assert weights(tmp_path / "torn") == weights(tmp_path / "whole")


@pytest.mark.parametrize("change", [{"sam": 0.05}, {"swa": 0.6, "ema": 0.0}, {"constraint": "unit_norm"}], ids=str)
def test_other_ways_of_updating_continue_to_the_same_bits(tmp_path: Path, change: dict) -> None:
    chosen = recipe(model=Picky, steps=12, optimizer="sgd", **change)
    fit(chosen, pictures(), folder=tmp_path / "whole")
    fit(chosen, pictures(), folder=tmp_path / "torn", observers=[stop_half_way])
    (tmp_path / "torn/weights.safetensors").unlink()
    fit(chosen, pictures(), folder=tmp_path / "torn")
    assert weights(tmp_path / "torn") == weights(tmp_path / "whole")


def engine_of(network: nn.Module, **rules: object) -> SingleEngine:
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    step = supervised(network, nn.functional.cross_entropy, augment=None, autocast=None, device="cpu")
    return SingleEngine(network, step, optimizer, limits=Limits(**rules), seed=0)


def batch(n: int = 16) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return (torch.randn(n, 4, generator=draw),), torch.arange(n) % 3


def test_sam_takes_the_gradient_at_the_worst_point_nearby() -> None:
    torch.default_generator.manual_seed(0)
    network = nn.Linear(4, 3)
    (x,), y = batch()
    here = [p.detach().clone() for p in network.parameters()]
    first = torch.autograd.grad(nn.functional.cross_entropy(network(x), y), list(network.parameters()))
    norm = torch.cat([g.flatten() for g in first]).norm()
    there = [(p + 0.3 * g / norm).requires_grad_() for p, g in zip(here, first, strict=True)]
    second = torch.autograd.grad(nn.functional.cross_entropy(nn.functional.linear(x, *there), y), there)
    engine_of(network, sam=0.3).step((x,), y, rates=[0.1], number=0)
    for parameter, start, gradient in zip(network.parameters(), here, second, strict=True):
        torch.testing.assert_close(parameter, start - 0.1 * gradient)


def test_sam_draws_the_same_dropout_twice_and_counts_batch_statistics_once() -> None:
    torch.default_generator.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    plain = deepcopy(network)
    inputs, target = batch()
    engine_of(network, sam=0.05).step(inputs, target, rates=[0.0], number=0)
    engine_of(plain).step(inputs, target, rates=[0.0], number=0)
    assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), plain.state_dict().values(), strict=True))


def test_swa_judges_the_mean_of_the_last_weights() -> None:
    network = nn.Linear(4, 3)
    engine, seen = engine_of(network, swa_start=2), []
    for number in range(5):
        engine.step(*batch(), rates=[0.1], number=number)
        seen.append(network.weight.detach().clone())
    with engine.evaluating():
        torch.testing.assert_close(network.weight, torch.stack(seen[2:]).mean(0))
    assert torch.equal(network.weight, seen[-1])


@pytest.mark.parametrize("constraint", ["unit_norm", "non_negative"])
def test_constraints_hold_after_every_update(constraint: str) -> None:
    network = nn.Linear(4, 3)
    engine = engine_of(network, constraint=constraint)
    for number in range(3):
        engine.step(*batch(), rates=[1.0], number=number)
        weight = network.weight.detach()
        held = weight.norm(dim=1) - 1 if constraint == "unit_norm" else weight.clamp(max=0)
        torch.testing.assert_close(held, torch.zeros_like(held), atol=1e-6, rtol=0)


def test_schedule_free_is_judged_at_its_average() -> None:
    chosen = recipe(model={"name": "mlp", "width": 8}, optimizer="schedule_free", epochs=4)
    run = fit(chosen, pictures())
    assert run.summary["valid"]["accuracy"] > 0.6
    with pytest.raises(RecipeError, match="averages the weights itself"):
        fit(chosen.but(ema=0.9), pictures())
