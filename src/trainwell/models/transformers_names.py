"""Names that the library transformers gives to parameters of networks that exist here, and what they are called here."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

#: Patterns of names in transformers' ResNet, ViT and ConvNeXt, in order; the first that fits decides. `{n+1}` counts from one.
RESNET = (
    (r"resnet\.embedder\.embedder\.convolution\.", "conv1."),
    (r"resnet\.embedder\.embedder\.normalization\.", "bn1."),
    (r"resnet\.encoder\.stages\.(\d+)\.layers\.(\d+)\.shortcut\.convolution\.", "layer{0+1}.{1}.downsample.0."),
    (r"resnet\.encoder\.stages\.(\d+)\.layers\.(\d+)\.shortcut\.normalization\.", "layer{0+1}.{1}.downsample.1."),
    (r"resnet\.encoder\.stages\.(\d+)\.layers\.(\d+)\.layer\.(\d+)\.convolution\.", "layer{0+1}.{1}.conv{2+1}."),
    (r"resnet\.encoder\.stages\.(\d+)\.layers\.(\d+)\.layer\.(\d+)\.normalization\.", "layer{0+1}.{1}.bn{2+1}."),
    (r"classifier\.1\.", "fc."),
)
VIT = (
    (r"vit\.embeddings\.cls_token", "cls_token"),
    (r"vit\.embeddings\.position_embeddings", "pos_embed"),
    (r"vit\.embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"vit\.encoder\.layer\.(\d+)\.attention\.attention\.(query|key|value)\.", "blocks.{0}.attn.{1}."),
    (r"vit\.encoder\.layer\.(\d+)\.attention\.output\.dense\.", "blocks.{0}.attn.proj."),
    (r"vit\.encoder\.layer\.(\d+)\.layernorm_before\.", "blocks.{0}.norm1."),
    (r"vit\.encoder\.layer\.(\d+)\.layernorm_after\.", "blocks.{0}.norm2."),
    (r"vit\.encoder\.layer\.(\d+)\.intermediate\.dense\.", "blocks.{0}.mlp.fc1."),
    (r"vit\.encoder\.layer\.(\d+)\.output\.dense\.", "blocks.{0}.mlp.fc2."),
    (r"vit\.layernorm\.", "norm."),
    (r"classifier\.", "head."),
)
CONVNEXT = (
    (r"convnext\.embeddings\.patch_embeddings\.", "stem.0."),
    (r"convnext\.embeddings\.layernorm\.", "stem.1."),
    (r"convnext\.encoder\.stages\.(\d+)\.downsampling_layer\.(\d+)\.", "stages.{0}.downsample.{1}."),
    (r"convnext\.encoder\.stages\.(\d+)\.layers\.(\d+)\.dwconv\.", "stages.{0}.blocks.{1}.conv_dw."),
    (r"convnext\.encoder\.stages\.(\d+)\.layers\.(\d+)\.layernorm\.", "stages.{0}.blocks.{1}.norm."),
    (r"convnext\.encoder\.stages\.(\d+)\.layers\.(\d+)\.pwconv1\.", "stages.{0}.blocks.{1}.mlp.fc1."),
    (r"convnext\.encoder\.stages\.(\d+)\.layers\.(\d+)\.pwconv2\.", "stages.{0}.blocks.{1}.mlp.fc2."),
    (r"convnext\.encoder\.stages\.(\d+)\.layers\.(\d+)\.layer_scale_parameter", "stages.{0}.blocks.{1}.gamma"),
    (r"convnext\.layernorm\.", "head.norm."),
    (r"classifier\.", "head.fc."),
)
FAMILIES = {"resnet.": RESNET, "vit.": VIT, "convnext.": CONVNEXT}
#: The three matrices of attention that others keep apart, in the order in which they are one matrix here.
APART = ("query", "key", "value")


def spelled(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of transformers' ResNet, ViT or ConvNeXt under the names they have here; any others stay as they are.

    Example:
        >>> list(spelled({"resnet.encoder.stages.0.layers.1.layer.0.convolution.weight": torch.ones(2)}))
        ['layer1.1.conv1.weight']
    """
    rules = next((rules for start, rules in FAMILIES.items() if any(name.startswith(start) for name in weights)), None)
    return _joined({_renamed(name, rules): tensor for name, tensor in weights.items()}) if rules else dict(weights)


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, here in rules:
        found = re.match(pattern, name)
        if found is not None:
            return _filled(here, found.groups()) + name[found.end() :]
    return name


def _filled(here: str, groups: tuple[str, ...]) -> str:
    for place, group in enumerate(groups):
        here = here.replace(f"{{{place}}}", group)
        if group.isdigit():
            here = here.replace(f"{{{place}+1}}", str(int(group) + 1))
    return here


def _joined(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Query, key and value as one matrix `qkv`."""
    found: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        stem, part, end = name.rpartition(".query.")
        if part and all(f"{stem}.{other}.{end}" in weights for other in APART):
            found[f"{stem}.qkv.{end}"] = torch.cat([weights[f"{stem}.{other}.{end}"] for other in APART])
        elif not any(f".attn.{other}." in name for other in APART):
            found[name] = tensor
    return found
