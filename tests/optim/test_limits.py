"""Limits agree with torch's own and with their definitions."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import nn

from trainwell.optim.limits import MovingAverage, add_penalties, clip_norm, clip_value, limit_norm, recent


def _network_with_gradients() -> nn.Sequential:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3))
    network(torch.randn(8, 5)).square().sum().backward()
    return network


@pytest.mark.parametrize("largest", [0.1, 1e6])
def test_clipping_by_norm_is_torchs(largest: float) -> None:
    ours = _network_with_gradients()
    theirs = copy.deepcopy(ours)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.grad = mine.grad.clone()
    norm = clip_norm([p.grad for p in ours.parameters()], largest)
    assert norm.item() == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs.parameters(), largest).item(), rel=1e-6)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_clipping_by_value_bounds_every_entry() -> None:
    network = _network_with_gradients()
    clip_value([p.grad for p in network.parameters()], 0.05)
    assert max(p.grad.abs().max() for p in network.parameters()) <= 0.05


def test_penalties_are_the_gradient_of_the_penalised_loss() -> None:
    network = _network_with_gradients()
    before = [p.grad.clone() for p in network.parameters()]
    penalty = sum(0.3 * p.abs().sum() + 0.5 * 0.2 * p.square().sum() for p in network.parameters() if p.ndim == 2)
    extra = torch.autograd.grad(penalty, [p for p in network.parameters() if p.ndim == 2])
    add_penalties(list(network.parameters()), l1=0.3, l2=0.2)
    weights = iter(extra)
    for parameter, old in zip(network.parameters(), before, strict=True):
        expected = old + next(weights) if parameter.ndim == 2 else old
        torch.testing.assert_close(parameter.grad, expected)


def test_max_norm_holds_for_every_unit_and_leaves_small_ones() -> None:
    weight = nn.Parameter(torch.tensor([[3.0, 4.0], [0.1, 0.2]]))
    limit_norm([weight], 1.0)
    assert weight.norm(dim=1)[0] <= 1.0 + 1e-6
    assert torch.equal(weight[1], torch.tensor([0.1, 0.2]))


def test_the_average_follows_its_definition_and_swaps_back_to_the_bit() -> None:
    live = torch.tensor([1.0, 2.0])
    average = MovingAverage({"w": live, "count": torch.tensor(3)}, partial(recent, decay=0.9))
    expected = live.clone()
    for count in range(5):
        live += 1.0
        average.update(count)
        decay = min(0.9, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * live
    torch.testing.assert_close(average.averages[0], expected)
    before = live.clone()
    average.swap()
    torch.testing.assert_close(live, expected)
    average.swap()
    assert torch.equal(live, before)
