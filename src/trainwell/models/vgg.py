"""VGG networks for pictures of any size; parameter names are torchvision's, so that its weight files load."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import at_least, only, shares
from trainwell.models.cnn import OTHER_INPUTS, conv_layer
from trainwell.models.dropout import Dropout
from trainwell.models.picture import Normalize
from trainwell.models.registry import Named, models

#: Convolutions of each of the five stages.
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}

#: Channels of the five stages as multiples of the first.
GROWTH = (1, 2, 4, 8, 8)

#: Below this many pixels on the shorter side, `stem=auto` ends in averages instead of VGG's two wide layers.
SMALL = 96


class VGG(nn.Module):
    """Five stages of 3 x 3 convolutions with pools between them, then linear layers.

    **Shape:** `(B, C, H, W)` in [0, 1] → `(B, n_out)`.
    """

    def __init__(self, normalize: Normalize, features: nn.Module, pool: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.normalize, self.features, self.avgpool, self.classifier = normalize, features, pool, classifier

    def forward(self, x: Tensor) -> Tensor:
        pixels: Tensor = self.avgpool(self.features(self.normalize(x)))  # (B, 8 · width, h, w)
        out: Tensor = self.classifier(pixels.flatten(1))
        return out


@models.register
def vgg(
    shape: Shape,
    n_out: int,
    *,
    depth: Literal[11, 13, 16, 19] = 11,
    width: int = 64,
    stem: Literal["auto", "imagenet", "small"] = "auto",
    dropout: float = 0.5,
    activation: Named = "relu",
    norm: Named = "batch_norm",
) -> VGG:
    """VGG network: plain 3 x 3 convolutions, deep; a ResNet of the same cost is usually better.

    Args:
        depth: number of layers with weights in the paper's network.
        width: channels of the first stage; 64 as in the paper.
        stem: `imagenet` ends in 7 x 7 averages and two layers of 4,096 units, `small` in one average and one linear layer;
            `auto` is `small` under 96 pixels.
        dropout: share of units dropped before each linear layer (after it in `imagenet`, as in the paper).
        activation: activation of all layers.
        norm: normalisation after each convolution; `none` gives the paper's network.

    Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> vgg(Shape((Input("picture", "picture", (1, 28, 28)),)), 10, width=8)(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """
    at_least("width", width, 1)
    shares(dropout=dropout)
    channels, *size = only(shape, "picture", model="vgg", instead=OTHER_INPUTS).shape
    small = stem == "small" or (stem == "auto" and min(size) < SMALL)
    features, side, n_in = nn.Sequential(), min(size), channels
    for layers, growth in zip(STAGES[depth], GROWTH, strict=True):
        for _ in range(layers):
            features.extend(conv_layer(n_in, growth * width, norm_name=norm, activation_name=activation, bias=True))
            n_in = growth * width
        features.append(nn.MaxPool2d(2, 2) if side > 1 else nn.Identity())
        side //= 2
    if small:
        head = nn.Sequential(Dropout(dropout), nn.Linear(n_in, n_out))
        return VGG(Normalize(channels), features, nn.AdaptiveAvgPool2d(1), head)
    return VGG(Normalize(channels), features, nn.AdaptiveAvgPool2d(7), _wide_head(n_in * 49, n_out, dropout))


def _wide_head(n_in: int, n_out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(n_in, 4096),
        nn.ReLU(),
        Dropout(dropout),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        Dropout(dropout),
        nn.Linear(4096, n_out),
    )
