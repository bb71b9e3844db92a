"""The plain convolutional network: sizes, heads, any picture."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from trainwell.core.shape import Input, Shape
from trainwell.models.build import build


def cnn(size: tuple[int, int, int], **options: Any) -> torch.nn.Module:
    return build("cnn", Shape((Input("picture", "picture", size),)), 5, {"width": 4, **options}).eval()


@pytest.mark.parametrize("size", [(1, 1, 1), (3, 2, 9), (1, 7, 50), (2, 33, 32)])
@pytest.mark.parametrize("pool", ["average", "max", "stride"])
@pytest.mark.parametrize("head", ["average", "flatten"])
@pytest.mark.parametrize("stride", [1, 2])
def test_any_size_goes_through(size: tuple[int, int, int], pool: str, head: str, stride: int) -> None:
    network = cnn(size, pool=pool, head=head, stride=stride, hidden=6)
    assert network(torch.rand(2, *size)).shape == (2, 5)


def test_stages_halve_the_size_and_double_the_channels() -> None:
    stages = cnn((1, 28, 28), stages=3, layers=2).get_submodule("stages")
    assert stages(torch.rand(1, 1, 28, 28)).shape == (1, 16, 7, 7)


def test_an_average_head_does_not_see_where_and_a_flat_one_does() -> None:
    x = torch.zeros(1, 1, 24, 24)
    x[..., 8:12, 8:12] = torch.rand(4, 4)
    moved = x.roll(4, 3)
    options = {"norm": "none", "stages": 2}
    average, flat = cnn((1, 24, 24), **options), cnn((1, 24, 24), head="flatten", **options)
    torch.testing.assert_close(average(x), average(moved))
    assert not torch.allclose(flat(x), flat(moved), rtol=1e-3)


def test_convolutions_have_a_bias_only_without_a_norm() -> None:
    assert cnn((1, 8, 8)).get_submodule("stages.0").bias is None
    assert cnn((1, 8, 8), norm="none").get_submodule("stages.0").bias is not None


def test_with_mirror_a_picture_and_its_mirror_image_get_the_same_answers() -> None:
    network, x = cnn((3, 12, 9), mirror=True), torch.rand(4, 3, 12, 9)
    answers = network(x)
    assert answers.shape == (4, 2, 5)
    torch.testing.assert_close(network(x.flip(-1)), answers.flip(1))
    torch.testing.assert_close(answers[:, 0], cnn_like(network, mirror=False)(x))


def test_training_sees_no_mirror() -> None:
    assert cnn((3, 12, 9), mirror=True).train()(torch.rand(4, 3, 12, 9)).shape == (4, 5)


def cnn_like(network: torch.nn.Module, **options: Any) -> torch.nn.Module:
    other = cnn((3, 12, 9), **options)
    other.load_state_dict(network.state_dict())
    return other


@pytest.mark.parametrize("head", ["average", "flatten"])
def test_larger_pictures_are_averaged_down_to_the_side_and_smaller_ones_taken_as_they_are(head: str) -> None:
    network, x = cnn((3, 24, 16), side=12, head=head), torch.rand(2, 3, 24, 16)
    torch.testing.assert_close(network(x), network(F.avg_pool2d(x, 2)))
    small = cnn((3, 12, 8), head=head)
    small.load_state_dict(network.state_dict())
    torch.testing.assert_close(network(x), small(F.avg_pool2d(x, 2)))
