"""A U-Net answers for every pixel of a picture of any size, and sees far."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.errors import CompileError
from trainwell.core.shape import Input, Shape
from trainwell.models.build import build


def unet(size: tuple[int, ...] = (3, 32, 32), n_out: int = 4, **options) -> torch.nn.Module:
    torch.manual_seed(0)
    return build("unet", Shape((Input("picture", "picture", size),)), n_out, {"width": 4, **options})


@given(st.integers(1, 50), st.integers(1, 50), st.sampled_from([1, 3, 4]))
@settings(max_examples=40, deadline=None)
def test_every_size_comes_back(height, width, channels):
    network = unet((channels, height, width)).eval()
    assert network(torch.rand(2, channels, height, width)).shape == (2, 4, height, width)


def test_trained_for_one_size_it_takes_another():
    assert unet().eval()(torch.rand(1, 3, 70, 41)).shape == (1, 4, 70, 41)


def test_a_pixel_hears_of_far_ones_only_through_coarse_grids():
    """Without halvings two 3 x 3 convolutions up and none down see two pixels; with four, the whole picture."""
    for halvings, far in ((0, False), (4, True)):
        network = unet((1, 32, 32), halvings=halvings, norm="none").eval()
        x = torch.rand(1, 1, 32, 32, requires_grad=True)
        network(x)[0, :, 4, 4].sum().backward()
        assert bool((x.grad[0, 0, 20:, 20:] != 0).any()) == far


def test_of_a_known_small_network_the_parameters_are_counted_on_paper():
    """Width 4, one halving, a layer a size: 3*4*9 + 8, 4*8*9 + 16, up 8*4*4 + 4, 8*4*9 + 8, head 4*2 + 2; norms are 2 each."""
    network = unet((3, 8, 8), 2, halvings=1, layers=1)
    assert sum(p.numel() for p in network.parameters()) == (108 + 8) + (288 + 16) + (128 + 4) + (288 + 8) + 10


@pytest.mark.parametrize("shape", [Shape((Input("number", "number", (4,)),)), Shape((Input("a", "picture", (1, 8, 8)),) * 2)])
def test_other_inputs_are_refused(shape):
    with pytest.raises(CompileError, match="unet takes one picture and nothing else"):
        build("unet", shape, 3, {})
