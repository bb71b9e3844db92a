"""Vision transformers and ConvNeXt have timm's parameters: names, shapes and numbers, so that its weight files load."""

from __future__ import annotations

import torch

from trainwell.core.shape import Input, Shape
from trainwell.models.build import build
from trainwell.models.pretrained import take_over

LARGE = Shape((Input("picture", "picture", (3, 224, 224)),))
SMALL = Shape((Input("picture", "picture", (1, 32, 32)),))


def names(network: torch.nn.Module) -> set[str]:
    return set(dict(network.named_parameters()))


def pair(*stems: str) -> set[str]:
    return {f"{stem}.{end}" for stem in stems for end in ("weight", "bias")}


def test_vit_tiny() -> None:
    network = build("vit", LARGE, 1000, {"width": 192, "depth": 12, "heads": 3, "patch": 16})
    blocks = {f"blocks.{i}.{p}" for i in range(12) for p in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")}
    assert names(network) == {"cls_token", "pos_embed"} | pair("patch_embed.proj", "norm", "head", *blocks)
    assert sum(p.numel() for p in network.parameters()) == 5_717_416


def test_convnext_tiny() -> None:
    depths = [3, 3, 9, 3]
    network = build("convnext", LARGE, 1000, {"width": 96, "blocks": depths, "patch": 4})
    blocks = [f"stages.{s}.blocks.{b}" for s, depth in enumerate(depths) for b in range(depth)]
    inner = [f"{block}.{p}" for block in blocks for p in ("conv_dw", "norm", "mlp.fc1", "mlp.fc2")]
    halvings = [f"stages.{s}.downsample.{i}" for s in (1, 2, 3) for i in (0, 1)]
    wanted = pair("stem.0", "stem.1", "head.norm", "head.fc", *inner, *halvings) | {f"{block}.gamma" for block in blocks}
    assert names(network) == wanted
    assert sum(p.numel() for p in network.parameters()) == 28_589_128


def test_weights_of_large_colour_pictures_fit_small_grey_ones() -> None:
    options = {"width": 8, "depth": 2, "heads": 2, "patch": 8}
    large, small = build("vit", LARGE, 1000, options), build("vit", SMALL, 10, options)
    found = take_over(small, large.state_dict())
    assert set(found.fitted) == {"pos_embed", "patch_embed.proj.weight"}
    assert {"head.weight", "head.bias"} <= set(found.new)
    grey = torch.rand(2, 1, 32, 32)
    colour = large.patch_embed(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(small.patch_embed(grey), colour)
    same = take_over(build("vit", LARGE, 1000, options), large.state_dict())
    assert not same.fitted
