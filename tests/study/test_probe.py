"""Probes: known gradients, known dead units, the noise scale of a known quadratic, and no trace left behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from trainwell.data.load import load
from trainwell.study.probe import gradient_by_layer, idle_units, network_noise, noise_scale, parameters_of, probe_rows


@pytest.mark.parametrize(("mean", "deviation"), [(1.0, 3.0), (0.5, 1.0)])
@pytest.mark.parametrize("small", [2, 16])
def test_the_noise_scale_of_a_quadratic_is_its_variance_over_its_squared_slope(mean, deviation, small):
    # loss (w - x)² / 2 summed over 5 coordinates, at w = 0: gradient -x, signal |mean|², noise the sum of the variances
    draw = np.random.default_rng(0)
    x = draw.normal(mean, deviation, (20_000, 5))
    truth = x.var(axis=0).sum() / np.square(x.mean(axis=0)).sum()
    found = noise_scale(lambda rows: -x[rows].mean(axis=0), np.arange(len(x)), small=small, draws=300)
    assert found.scale.value == pytest.approx(truth, rel=0.15)
    assert found.scale.low < truth < found.scale.high


def test_a_gradient_without_noise_has_scale_zero_and_one_without_signal_has_none():
    rows = np.arange(100)
    assert noise_scale(lambda rows: np.ones(3), rows, small=4).scale.value == pytest.approx(0.0, abs=1e-12)
    draw = np.random.default_rng(0)
    lost = noise_scale(lambda rows: draw.normal(size=3), rows, small=4)
    assert lost.scale.high == float("inf")
    assert "above" in str(lost)


def test_the_gradient_of_each_layer_is_torchs_own():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    x, y = torch.randn(10, 4), torch.tensor([0, 1] * 5)
    found = gradient_by_layer(network, (x,), y, nn.functional.cross_entropy)
    assert all(p.grad is None for p in network.parameters())
    nn.functional.cross_entropy(network(x), y).backward()
    assert list(found) == ["0", "2"]
    assert found["0"] == pytest.approx(network[0].weight.grad.norm().item())
    assert found["2"] == pytest.approx(network[2].weight.grad.norm().item())


@pytest.mark.parametrize("dead", [0, 3, 8])
def test_dead_units_are_counted(dead):
    layer = nn.Linear(3, 8)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.where(torch.arange(8) < dead, -1.0, 1.0))
    found = idle_units(nn.Sequential(layer, nn.ReLU()), (torch.randn(20, 3),))
    assert found.dead == pytest.approx(dead / 8)
    assert np.isnan(found.saturated)


def test_saturated_outputs_are_counted():
    class Steep(nn.Module):
        def forward(self, x):
            return torch.tanh(100 * x)

    found = idle_units(nn.Sequential(Steep()), (torch.tensor([[1.0, -1.0, 0.0, 0.001]] * 4),))
    assert found.saturated == pytest.approx(0.5)
    assert np.isnan(found.dead)


def test_nothing_is_left_behind():
    data = load("iris")
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)).train()
    before = {name: t.clone() for name, t in network.state_dict().items()}
    state = torch.get_rng_state()
    first = network_noise(network, data, nn.functional.cross_entropy, small=4)
    idle_units(network, (torch.randn(9, 4),))
    torch.set_rng_state(state)
    assert first == network_noise(network, data, nn.functional.cross_entropy, small=4)
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    assert all(m.training for m in network.modules())
    assert torch.equal(torch.get_rng_state(), state)


def test_probes_look_at_the_same_few_rows():
    data = load("digits")
    assert len(probe_rows(data)) <= 256
    assert np.array_equal(probe_rows(data), probe_rows(data))
    assert parameters_of(nn.Linear(3, 2)) == 8
