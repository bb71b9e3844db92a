"""Pairs of generator and critic: any small picture, opinions by class, and a critic whose slope is held."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.adversarial import Adversarial
from trainwell.models.build import build

PAIRS = ("dcgan", "wgan_gp")
SMALL = {"noise": 5, "width": 4, "critic_width": 4}


def pair(name: str = "dcgan", size: tuple[int, int, int] = (1, 8, 8), n_out: int = 3, **options) -> Adversarial:
    torch.default_generator.manual_seed(0)
    made = build(name, Shape((Input("picture", "picture", size),)), n_out, SMALL | options)
    assert isinstance(made, Adversarial)
    return made


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(PAIRS), st.integers(1, 4), st.integers(4, 40), st.integers(4, 40), st.integers(1, 4))
def test_pictures_of_any_size_are_made_and_judged(name, channels, height, width, classes):
    network = pair(name, (channels, height, width), classes)
    codes = torch.arange(3) % classes
    made = network.make(torch.randn(3, 5), codes).detach()
    assert made.shape == (3, channels, height, width)
    assert 0 <= float(made.min()) <= float(made.max()) <= 1
    assert network(made).shape == (3, classes)
    assert network.judge(made, codes).shape == (3,)


@pytest.mark.parametrize("name", PAIRS)
def test_the_judgement_of_a_picture_is_the_opinion_on_its_class(name):
    network, x, codes = pair(name).eval(), torch.rand(4, 1, 8, 8), torch.tensor([2, 0, 1, 2])
    with torch.no_grad():
        opinions = network(x)
        assert torch.equal(network.judge(x, codes), opinions[torch.arange(4), codes])
        torch.testing.assert_close(network(x[2:3]), opinions[2:3])


@pytest.mark.parametrize("name", PAIRS)
def test_without_classes_there_is_one_opinion_and_the_class_changes_no_picture(name):
    network = pair(name, conditional=False).eval()
    noise = torch.randn(2, 5)
    assert network.classes == 1
    assert torch.equal(network.make(noise, torch.tensor([0, 0])), network.make(noise, torch.tensor([2, 1])))
    told = pair(name).eval()
    assert not torch.equal(told.make(noise, torch.tensor([0, 0])), told.make(noise, torch.tensor([2, 1])))


def test_spectral_norm_holds_every_matrix_of_the_critic_to_a_largest_singular_value_of_one():
    critic = pair().train().critic
    for _ in range(50):  # one power iteration each
        critic(torch.rand(2, 1, 8, 8))
    layers = [m for m in critic if isinstance(m, nn.Conv2d | nn.Linear)]
    values = [torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in layers]
    assert values
    assert torch.stack(values).tolist() == pytest.approx([1.0] * len(values), abs=1e-3)


def test_other_inputs_and_impossible_options_are_refused_in_a_sentence():
    with pytest.raises(CompileError, match="takes one picture input"):
        build("dcgan", Shape((Input("number", "number", (5,)),)), 2)
    with pytest.raises(RecipeError, match="shorter side of the pictures must be at least 4"):
        pair(size=(1, 3, 9))
    with pytest.raises(RecipeError, match="noise must be at least 1"):
        pair(noise=0)
