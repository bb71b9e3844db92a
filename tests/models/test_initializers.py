"""Initialisers: variances as published, matched to the activation, every matrix reached."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import nn

from trainwell.core.errors import RecipeError, UnknownName
from trainwell.core.shape import Input, Shape
from trainwell.models.build import build
from trainwell.models.initializers import gain_of, initialize
from trainwell.models.registry import activation, activations, initializers

N_IN, N_OUT = 600, 300
VARIANCE = {
    "xavier_uniform": 2 * 2 / (N_IN + N_OUT),
    "xavier_normal": 2 * 2 / (N_IN + N_OUT),
    "he_uniform": 2 / N_IN,
    "he_normal": 2 / N_IN,
    "lecun_uniform": 1 / N_IN,
    "lecun_normal": 1 / N_IN,
    "orthogonal": 2 / N_IN,
    "normal": 0.02**2,
    "constant": 0.0,
    "zero": 0.0,
}


def drawn(name: str, act: nn.Module | None = None) -> torch.Tensor:
    torch.default_generator.manual_seed(0)
    network = initialize(nn.Sequential(nn.Linear(N_IN, N_OUT), act or nn.ReLU()), name)
    return network.get_submodule("0").weight.detach()


def test_the_variance_of_every_initializer_is_known() -> None:
    assert set(VARIANCE) == set(initializers.names()) - {"lsuv"}  # its variance is that of the data: test_lsuv


@pytest.mark.parametrize("name", VARIANCE)
def test_variance_before_relu_is_the_published_one(name: str) -> None:
    assert drawn(name).var().item() == pytest.approx(VARIANCE[name], rel=0.02, abs=1e-9)


@pytest.mark.parametrize("name", ["xavier_uniform", "he_uniform", "lecun_uniform"])
def test_uniform_ones_end_at_root_three_deviations(name: str) -> None:
    assert drawn(name).abs().max().item() == pytest.approx(sqrt(3 * VARIANCE[name]), rel=1e-3)


def test_orthogonal_rows_have_the_gain_as_length() -> None:
    weight = drawn("orthogonal", nn.Identity())
    torch.testing.assert_close(weight @ weight.T, torch.eye(N_OUT), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("act", "published"), [("relu", sqrt(2)), ("identity", 1.0), ("tanh", 5 / 3), ("selu", 1.0)])
def test_gains_are_close_to_the_published_ones(act: str, published: float) -> None:
    assert gain_of(activation(act)) == pytest.approx(published, rel=0.05)


def test_gain_of_leaky_relu_is_the_formula() -> None:
    assert gain_of(nn.LeakyReLU(0.2)) == pytest.approx(sqrt(2 / (1 + 0.2**2)))


#: Layers through which a signal must keep its size; smooth activations with a dip below zero drift away from it slowly.
DEPTH = dict.fromkeys(activations.names(), 30) | dict.fromkeys(("gelu", "silu", "mish"), 6) | {"sigmoid": 1}


@pytest.mark.parametrize("act", DEPTH)
@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "orthogonal"])
def test_signals_keep_their_size_through_many_layers(name: str, act: str) -> None:
    torch.default_generator.manual_seed(0)
    layers = [layer for _ in range(DEPTH[act]) for layer in (nn.Linear(256, 256), activation(act))]
    network = initialize(nn.Sequential(*layers), name)
    with torch.no_grad():
        size = network(torch.randn(64, 256)).square().mean().item()
    assert 0.1 < size < 10


@pytest.mark.parametrize("model", ["mlp", "residual_mlp", "tabm", "cnn", "resnet", "vgg"])
def test_every_matrix_and_bias_of_a_network_is_reached(model: str) -> None:
    network = build(model, Shape((Input("picture", "picture", (1, 16, 16)),)), 3)
    initialize(network, {"name": "constant", "value": 0.5})
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d) or type(layer).__name__ == "ManyLinear":
            assert (layer.weight == 0.5).all()
            assert layer.bias is None or not layer.bias.any()


def test_many_linear_is_drawn_member_by_member_with_its_own_fans() -> None:
    network = build("tabm", Shape((Input("number", "number", (4,)),)), 300, {"width": 600, "k": 2, "depth": 1})
    weight = initialize(network, "he_normal").get_submodule("head").weight  # (2, 600, 300), before no activation
    for member in weight:
        assert member.var().item() == pytest.approx(1 / 600, rel=0.02)


def test_an_unknown_name_or_option_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="Did you mean he_normal"):
        initialize(nn.Linear(2, 2), "he_norml")
    with pytest.raises(UnknownName, match="Did you mean deviation"):
        initialize(nn.Linear(2, 2), {"name": "normal", "deviaton": 1.0})
    with pytest.raises(RecipeError, match="must be a name or a mapping"):
        initialize(nn.Linear(2, 2), 3)  # type: ignore[arg-type]
