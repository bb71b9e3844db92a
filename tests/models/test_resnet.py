"""ResNets: torchvision's parameter names and counts, any size, strides."""

from __future__ import annotations

import pytest
import torch

from trainwell.core.errors import RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.build import build

#: Parameters of torchvision's networks with 1,000 classes, as its documentation lists them.
TORCHVISION = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
}


def shape(channels: int, height: int, width: int) -> Shape:
    return Shape((Input("picture", "picture", (channels, height, width)),))


@pytest.mark.parametrize("name", TORCHVISION)
def test_parameter_count_is_torchvisions(name: str) -> None:
    with torch.device("meta"):
        network = build(name, shape(3, 224, 224), 1000)
    assert sum(p.numel() for p in network.parameters()) == TORCHVISION[name]


def test_state_keys_are_torchvisions_but_for_the_channel_statistics() -> None:
    with torch.device("meta"):
        state = build("resnet18", shape(3, 224, 224), 1000).state_dict()
    bn = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {"conv1.weight", "fc.weight", "fc.bias"} | {f"bn1.{key}" for key in bn}
    for layer in (1, 2, 3, 4):
        for block in (0, 1):
            head = f"layer{layer}.{block}"
            expected |= {f"{head}.conv{i}.weight" for i in (1, 2)} | {f"{head}.bn{i}.{key}" for i in (1, 2) for key in bn}
        if layer > 1:
            expected |= {f"layer{layer}.0.downsample.0.weight"} | {f"layer{layer}.0.downsample.1.{key}" for key in bn}
    assert set(state) - expected == {"normalize.mean", "normalize.deviation"}
    assert expected <= set(state)
    assert state["conv1.weight"].shape == (64, 3, 7, 7)
    assert state["layer4.0.downsample.0.weight"].shape == (512, 256, 1, 1)


def test_bottlenecks_have_their_stride_in_the_middle() -> None:
    with torch.device("meta"):
        block = build("resnet50", shape(3, 224, 224), 10).get_submodule("layer2.0")
    assert [block.get_submodule(f"conv{i}").stride for i in (1, 2, 3)] == [(1, 1), (2, 2), (1, 1)]


@pytest.mark.parametrize(("side", "kept"), [(28, True), (95, True), (96, False), (224, False)])
def test_the_stem_keeps_the_size_of_small_pictures(side: int, kept: bool) -> None:
    network = build("resnet", shape(1, side, side), 2, {"width": 4})
    stem = network.get_submodule("conv1")
    assert (stem.stride == (1, 1)) == kept


@pytest.mark.parametrize(("stem", "stride"), [("imagenet", 4), ("half", 2), ("small", 1)])
def test_stems_divide_the_size(stem: str, stride: int) -> None:
    network = build("resnet", shape(1, 32, 32), 2, {"width": 4, "stem": stem})
    x = network.get_submodule("maxpool")(network.get_submodule("conv1")(torch.rand(1, 1, 32, 32)))
    assert x.shape[2:] == (32 // stride, 32 // stride)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (7, 50), (97, 100)])
def test_any_size_goes_through(size: tuple[int, int]) -> None:
    network = build("resnet", shape(2, *size), 3, {"width": 4}).eval()
    assert network(torch.rand(2, 2, *size)).shape == (2, 3)


@pytest.mark.parametrize("blocks", [[], [1, 0], [-1]])
def test_empty_stages_are_refused(blocks: list[int]) -> None:
    with pytest.raises(RecipeError, match="blocks must be at least 1"):
        build("resnet", shape(1, 8, 8), 2, {"blocks": blocks})


def test_with_mirror_a_picture_and_its_mirror_image_get_the_same_answers() -> None:
    network = build("resnet", shape(3, 20, 14), 5, {"width": 4, "mirror": True}).eval()
    x = torch.rand(3, 3, 20, 14)
    assert network(x).shape == (3, 2, 5)
    torch.testing.assert_close(network(x.flip(-1)), network(x).flip(1))
    assert network.train()(x).shape == (3, 5)


def test_larger_pictures_are_averaged_down_to_the_side() -> None:
    network, x = build("resnet", shape(3, 32, 16), 5, {"width": 4, "side": 16}).eval(), torch.rand(2, 3, 32, 16)
    torch.testing.assert_close(network(x), network(torch.nn.functional.avg_pool2d(x, 2)))
