"""VGG: torchvision's parameter names and counts, any size."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from trainwell.core.shape import Input, Shape
from trainwell.models.build import build

#: Parameters of torchvision's networks with 1,000 classes, as its documentation lists them: (depth, norm) -> count.
TORCHVISION = {
    (11, "none"): 132_863_336,
    (13, "none"): 133_047_848,
    (16, "none"): 138_357_544,
    (19, "none"): 143_667_240,
    (11, "batch_norm"): 132_868_840,
    (16, "batch_norm"): 138_365_992,
}


def vgg(size: tuple[int, int, int], n_out: int, **options: Any) -> torch.nn.Module:
    return build("vgg", Shape((Input("picture", "picture", size),)), n_out, options)


@pytest.mark.parametrize(("depth", "norm"), TORCHVISION)
def test_parameter_count_is_torchvisions(depth: int, norm: str) -> None:
    with torch.device("meta"):
        network = vgg((3, 224, 224), 1000, depth=depth, norm=norm)
    assert sum(p.numel() for p in network.parameters()) == TORCHVISION[depth, norm]


def test_state_keys_are_torchvisions() -> None:
    with torch.device("meta"):
        state = vgg((3, 224, 224), 1000, depth=16, norm="none").state_dict()
    layers = [f"features.{i}" for i in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)] + [
        f"classifier.{i}" for i in (0, 3, 6)
    ]
    assert [k for k in state if not k.startswith("normalize.")] == [f"{n}.{p}" for n in layers for p in ("weight", "bias")]


@pytest.mark.parametrize("size", [(1, 1, 1), (3, 31, 8), (1, 28, 28)])
def test_any_size_goes_through(size: tuple[int, int, int]) -> None:
    assert vgg(size, 5, width=2).eval()(torch.rand(2, *size)).shape == (2, 5)
