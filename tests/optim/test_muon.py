"""Muon: orthogonal updates of matrices, AdamW for the rest, a state that a checkpoint can hold."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainwell.optim.muon import orthogonal
from trainwell.optim.registry import optimizers
from trainwell.optim.rules import parameter_groups


def _step(name: str, weights: list[nn.Parameter], gradients: list[torch.Tensor], *, rate: float, decay: float = 0.0) -> None:
    optimizer = optimizers.bind(name, {})([{"params": weights, "lr": rate, "weight_decay": decay}])
    for group in optimizer.param_groups:
        group["lr"] = rate
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient.clone()
    optimizer.step()


@pytest.mark.parametrize("shape", [(32, 32), (24, 90), (90, 24)])
def test_an_orthogonal_update_keeps_the_singular_vectors_and_levels_their_values(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    level = u.T @ orthogonal(matrix) @ v.T
    assert (level - torch.diag(level.diagonal())).abs().max() < 1e-4
    assert ((level.diagonal() > 0.6) & (level.diagonal() < 1.3)).all()


def test_a_convolution_moves_by_the_same_length_whatever_its_gradient_is_scaled_by() -> None:
    gradient = torch.randn(32, 16, 3, 3, generator=torch.Generator().manual_seed(1))
    moved = []
    for scale in (1e-3, 1.0, 1e3):
        weight = nn.Parameter(torch.zeros(32, 16, 3, 3))
        _step("muon", [weight], [scale * gradient], rate=0.01)
        moved.append(weight.detach())
    for other in moved[1:]:
        torch.testing.assert_close(other, moved[0], rtol=1e-3, atol=1e-5)
    assert moved[0].flatten(1).norm().item() == pytest.approx(0.07 * 32**0.5, rel=0.2)  # 32 singular values of about 1


def test_small_matrices_and_vectors_follow_adamw() -> None:
    draw = torch.Generator().manual_seed(2)
    start = [torch.randn(shape, generator=draw) for shape in ((10, 64), (64,), (32, 1, 3, 3))]
    gradients = [torch.randn(s.shape, generator=draw) for s in start]
    found, expected = ([nn.Parameter(s.clone()) for s in start] for _ in range(2))
    _step("muon", found, gradients, rate=0.01, decay=0.1)
    _step("adamw", expected, gradients, rate=0.01, decay=0.1)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_all_moments_are_in_its_own_state() -> None:
    network = nn.Sequential(nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.Flatten(), nn.Linear(16, 2))
    optimizer = optimizers.bind("muon", {})(parameter_groups(network, 0.1))
    network(torch.randn(4, 16, 3, 3)).sum().backward()
    optimizer.step()
    assert set(optimizer.state) == set(network.parameters())
    assert set(optimizer.state[network[0].weight]) == {"momentum"}
