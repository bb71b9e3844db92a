"""Update rules agree with hand-written updates from their papers; groups decay weight matrices only."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from trainwell.optim.registry import optimizers
from trainwell.optim.rules import parameter_groups


def _run(name: str, options: dict, gradients: list[torch.Tensor], *, rate: float, decay: float) -> torch.Tensor:
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    optimizer = optimizers.bind(name, options)([{"params": [weight], "weight_decay": decay}])
    for group in optimizer.param_groups:
        group["lr"] = rate
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


GRADIENTS = [torch.tensor([0.5, -1.0, 2.0]), torch.tensor([-0.1, 0.3, 0.0]), torch.tensor([1.0, 1.0, -1.0])]


def test_adamw_follows_the_paper() -> None:
    w, m, v = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64), 0.0, 0.0
    for t, g in enumerate((g.double() for g in GRADIENTS), start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w - 0.01 * 0.1 * w
        w = w - 0.01 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    assert _run("adamw", {}, GRADIENTS, rate=0.01, decay=0.1).tolist() == pytest.approx(w.tolist(), abs=1e-6)


def test_adam_decays_through_the_gradient() -> None:
    w, m, v = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64), 0.0, 0.0
    for t, g in enumerate((g.double() for g in GRADIENTS), start=1):
        g = g + 0.1 * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w - 0.01 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    assert _run("adam", {}, GRADIENTS, rate=0.01, decay=0.1).tolist() == pytest.approx(w.tolist(), abs=1e-6)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_with_momentum(nesterov: bool) -> None:
    w, velocity = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64), None
    for g in (g.double() for g in GRADIENTS):
        velocity = g if velocity is None else 0.9 * velocity + g
        w = w - 0.1 * (g + 0.9 * velocity if nesterov else velocity)
    assert _run("sgd", {"nesterov": nesterov}, GRADIENTS, rate=0.1, decay=0.0).tolist() == pytest.approx(w.tolist(), abs=1e-6)


def test_rmsprop() -> None:
    w, v = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64), 0.0
    for g in (g.double() for g in GRADIENTS):
        v = 0.99 * v + 0.01 * g * g
        w = w - 0.01 * g / (v.sqrt() + 1e-8)
    assert _run("rmsprop", {}, GRADIENTS, rate=0.01, decay=0.0).tolist() == pytest.approx(w.tolist(), abs=1e-6)


def test_only_weight_matrices_decay() -> None:
    network = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4))
    decayed, rest = parameter_groups(network, 0.1)
    assert [p.shape for p in decayed["params"]] == [torch.Size([4, 4])]
    assert len(rest["params"]) == 4
    assert rest["weight_decay"] == 0.0


def test_without_decay_there_is_one_group_of_all_trainable_parameters() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    network[0].weight.requires_grad_(False)
    (group,) = parameter_groups(network, 0.0)
    assert len(group["params"]) == 3


def test_all_names_train_a_quadratic_to_its_minimum() -> None:
    for name in optimizers.names():
        weight = nn.Parameter(torch.tensor([3.0, -4.0]))
        optimizer = optimizers.bind(name, {})([{"params": [weight], "weight_decay": 0.0}])
        for step in range(400):
            top = {"adagrad": 1.0, "radam": 0.3, "schedule_free": 0.3}.get(name, 0.05)  # their steps are small
            optimizer.param_groups[0]["lr"] = top * (1 + math.cos(math.pi * step / 400)) / 2
            optimizer.zero_grad()
            (weight**2).sum().backward()
            optimizer.step()
        assert weight.abs().max() < 0.05, name
