"""The further update rules agree with torch's or with their papers, written out in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from trainwell.core.errors import RecipeError
from trainwell.optim.registry import optimizers
from trainwell.optim.schedule_free import ScheduleFree

RATE, DECAY = 0.02, 0.1
START = torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])
GRADIENTS = [torch.randn(2, 3, generator=torch.Generator().manual_seed(i)) for i in range(12)]


def moved(name: str, options: dict, dtype: torch.dtype = torch.float32) -> tuple[Tensor, torch.optim.Optimizer]:
    """A weight after a dozen gradients, rising and falling rates."""
    weight = nn.Parameter(START.to(dtype, copy=True))
    optimizer = optimizers.bind(name, options)([{"params": [weight], "weight_decay": DECAY}])
    for rate, gradient in zip(rates(), GRADIENTS, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = gradient.to(dtype, copy=True)
        optimizer.step()
    return weight.detach(), optimizer


def rates() -> list[float]:
    return [RATE * min((i + 1) / 4, 1.0) for i in range(len(GRADIENTS))]


def test_adagrad_is_torchs() -> None:
    w, total = START.double(), torch.full((2, 3), 0.1, dtype=torch.float64)
    for rate, g in zip(rates(), GRADIENTS, strict=True):
        g = g.double() + DECAY * w
        total = total + g * g
        w = w - rate * g / (total.sqrt() + 1e-10)
    assert torch.allclose(moved("adagrad", {"start": 0.1})[0].double(), w, atol=1e-6)


def test_nadam_follows_the_paper() -> None:
    w, m, v, product = START.double(), 0.0, 0.0, 1.0
    for t, (rate, g) in enumerate(zip(rates(), GRADIENTS, strict=True), start=1):
        g = g.double()
        w = w * (1 - rate * DECAY)
        now, later = (0.9 * (1 - 0.5 * 0.96 ** (n * 0.004)) for n in (t, t + 1))
        product *= now
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        ahead = later * m / (1 - product * later) + (1 - now) * g / (1 - product)
        w = w - rate * ahead / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    assert torch.allclose(moved("nadam", {})[0].double(), w, atol=1e-6)


def test_radam_follows_the_paper() -> None:
    w, m, v, most = START.double(), 0.0, 0.0, 2 / (1 - 0.9) - 1
    for t, (rate, g) in enumerate(zip(rates(), GRADIENTS, strict=True), start=1):
        g = g.double()
        w = w * (1 - rate * DECAY)
        m, v = 0.9 * m + 0.1 * g, 0.9 * v + 0.1 * g * g
        now = most - 2 * t * 0.9**t / (1 - 0.9**t)
        step = m / (1 - 0.9**t)
        if now > 5:
            size = ((now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now)) ** 0.5
            step = step * size * (1 - 0.9**t) ** 0.5 / (v.sqrt() + 1e-8)
        w = w - rate * step
    assert torch.allclose(moved("radam", {"betas": (0.9, 0.9)})[0].double(), w, atol=1e-6)


@pytest.mark.parametrize(("name", "theirs"), [("nadam", torch.optim.NAdam), ("radam", torch.optim.RAdam)])
def test_l2_instead_of_decoupled_decay_is_torchs_default(name: str, theirs: type[torch.optim.Optimizer]) -> None:
    weight = nn.Parameter(START.clone())
    optimizer = theirs([weight], weight_decay=DECAY)
    for rate, gradient in zip(rates(), GRADIENTS, strict=True):
        optimizer.param_groups[0]["lr"], weight.grad = rate, gradient.clone()
        optimizer.step()
    assert torch.allclose(moved(name, {"decoupled": False})[0], weight, atol=1e-6)


def test_lion_follows_the_paper() -> None:
    w, m = START.double(), torch.zeros(2, 3, dtype=torch.float64)
    for rate, g in zip(rates(), GRADIENTS, strict=True):
        g = g.double()
        w = w - rate * (torch.sign(0.9 * m + 0.1 * g) + DECAY * w)
        m = 0.99 * m + 0.01 * g
    assert torch.allclose(moved("lion", {})[0].double(), w, atol=1e-6)


def test_lamb_follows_algorithm_2() -> None:
    w, m, v = START.double(), 0.0, 0.0
    for t, (rate, g) in enumerate(zip(rates(), GRADIENTS, strict=True), start=1):
        g = g.double()
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        r = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-6) + DECAY * w
        w = w - rate * w.norm() / r.norm() * r
    assert torch.allclose(moved("lamb", {})[0].double(), w, atol=1e-6)


def test_schedule_free_follows_the_paper() -> None:
    """x, y and z as in the paper, with decay at y and the average weighed by the square of the largest rate so far."""
    z, x, y, v, total = START.double(), START.double(), START.double(), 0.0, 0.0
    for t, (rate, g) in enumerate(zip(rates(), GRADIENTS, strict=True), start=1):
        g = g.double()
        v = 0.999 * v + 0.001 * g * g
        z = z - rate * (g / ((v / (1 - 0.999**t)).sqrt() + 1e-8) + DECAY * y)
        total += rate**2
        x = (1 - rate**2 / total) * x + rate**2 / total * z
        y = 0.1 * z + 0.9 * x
    weight, optimizer = moved("schedule_free", {}, torch.float64)
    assert isinstance(optimizer, ScheduleFree)
    assert torch.allclose(weight, y, atol=1e-6)
    before = weight.clone()
    optimizer.swap()
    assert torch.allclose(weight, x, atol=1e-6)
    optimizer.swap()
    assert torch.equal(weight, before)


def test_schedule_free_needs_a_share_of_the_average() -> None:
    with pytest.raises(RecipeError, match="between 0 and 1, however: 0"):
        optimizers.bind("schedule_free", {"betas": (0.0, 0.9)})([{"params": [nn.Parameter(torch.ones(2))]}])


@pytest.mark.parametrize("name", ["lion", "lamb", "schedule_free"])
def test_parameters_without_a_gradient_stay(name: str) -> None:
    used, idle = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = optimizers.bind(name, {})([{"params": [used, idle], "lr": 0.1}])
    used.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(idle.detach(), torch.ones(2))
    assert not torch.equal(used.detach(), torch.ones(2))
