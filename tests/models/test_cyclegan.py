"""Networks that turn pictures of one class into ones of another: any small picture, each through the network of its class."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.build import build
from trainwell.models.cyclegan import ByClass, Framed, Translator

SMALL = {"width": 2, "critic_width": 2, "blocks": 1}


def pair(size: tuple[int, int, int] = (1, 8, 8), n_out: int = 2, **options) -> Translator:
    torch.default_generator.manual_seed(0)
    made = build("cyclegan", Shape((Input("picture", "picture", size),)), n_out, SMALL | options)
    assert isinstance(made, Translator)
    return made


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["resnet", "unet"]), st.integers(1, 4), st.integers(4, 40), st.integers(4, 40))
def test_pictures_of_any_size_are_turned_and_judged(generator, channels, height, width):
    network, codes = pair((channels, height, width), generator=generator), torch.tensor([0, 1, 1])
    made = network.make(torch.rand(3, channels, height, width), codes).detach()
    assert made.shape == (3, channels, height, width)
    assert 0 <= float(made.min()) <= float(made.max()) <= 1
    assert network(made).shape == (3, 2)
    assert network.judge(made, codes).shape[0] == 3


@pytest.mark.parametrize("generator", ["resnet", "unet"])
def test_a_picture_goes_through_the_networks_of_its_class_alone(generator):
    network, x, codes = pair(generator=generator).eval(), torch.rand(4, 1, 8, 8), torch.tensor([1, 0, 1, 0])
    with torch.no_grad():
        made, opinions = network.make(x, codes), network.judge(x, codes)
        for i, code in enumerate(codes.tolist()):
            torch.testing.assert_close(made[i : i + 1], network.generator.of[code](x[i : i + 1]))
            torch.testing.assert_close(opinions[i : i + 1], network.critic.of[code](x[i : i + 1]))
            torch.testing.assert_close(network(x)[i, code], opinions[i].mean())


def test_a_batch_of_one_class_and_its_gradient():
    double, negate = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    x = torch.ones(3, 1, requires_grad=True)
    ByClass([double, negate])(x, torch.tensor([1, 1, 1])).sum().backward()
    torch.testing.assert_close(x.grad, negate.weight.detach().expand(3, 1))
    assert double.weight.grad is None


def test_the_frame_is_cut_off_again():
    seen = []

    class Looking(nn.Module):
        def forward(self, x):
            seen.append(x)
            return x

    x = torch.rand(2, 3, 6, 9)
    out = Framed(Looking(), 4)(x)
    assert seen[0].shape == (2, 3, 8, 12)
    torch.testing.assert_close(out, torch.sigmoid(2 * x - 1))
    torch.testing.assert_close(seen[0][..., 7, :9], 2 * x[..., 5, :] - 1)  # the border goes on


def test_spectral_norm_holds_every_matrix_of_the_critics_and_can_be_left_off():
    network = pair((1, 16, 16)).train()
    for _ in range(50):  # one power iteration each
        network(torch.rand(2, 1, 16, 16))
    layers = [m for m in network.critic.modules() if isinstance(m, nn.Conv2d)]
    values = [torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in layers]
    assert torch.stack(values).tolist() == pytest.approx([1.0] * len(layers), abs=1e-3)
    norms = [m for m in pair((1, 16, 16), spectral=False).critic.modules() if isinstance(m, nn.InstanceNorm2d)]
    assert len(norms) == 4  # two in each: the first convolution has none


@pytest.mark.parametrize("n_out", [1, 3])
def test_other_numbers_of_classes_are_refused(n_out):
    with pytest.raises(CompileError, match=f"takes two classes, however the data have {n_out}"):
        pair(n_out=n_out)


def test_other_inputs_and_impossible_options_are_refused_in_a_sentence():
    with pytest.raises(CompileError, match="takes one picture input"):
        build("cyclegan", Shape((Input("number", "number", (5,)),)), 2)
    for options, sentence in (({"width": 0}, "width must be at least 1"), ({"cycle": -1.0}, "cycle must be at least 0")):
        with pytest.raises(RecipeError, match=sentence):
            pair(**options)
    with pytest.raises(RecipeError, match="input should be 'resnet' or 'unet'"):
        pair(generator="vae")
    with pytest.raises(RecipeError, match="shorter side of the pictures must be at least 4"):
        pair((1, 3, 9))
