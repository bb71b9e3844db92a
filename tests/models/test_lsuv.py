"""LSUV brings the outputs of every layer to variance 1, whatever stands between the layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.small import pictures, recipe
from trainwell.models.lsuv import rescale
from trainwell.train.compile import compile_program, first_rows


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid])
def test_deep_networks_keep_their_scale(activation: type[nn.Module]) -> None:
    torch.default_generator.manual_seed(0)
    layers = [m for _ in range(8) for m in (nn.Linear(32, 32), activation())]
    network, x = nn.Sequential(*layers), 7 * torch.randn(400, 32)
    rescale(network, (x,))
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            assert 0.95 < x.std().item() < 1.05


def test_a_recipe_asks_for_it() -> None:
    chosen = recipe(model={"name": "cnn", "width": 4, "stages": 2, "norm": "none"}, initializer="lsuv")
    network, found = compile_program(chosen, pictures()).network, []
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.register_forward_hook(lambda _m, _i, out: found.append(out.std().item()))
    network.eval()(*first_rows(pictures(), 512))
    assert len(found) == 3
    assert all(0.9 < deviation < 1.1 for deviation in found)
