"""A plain convolutional network for pictures of any size."""

from __future__ import annotations

from math import ceil, prod
from typing import Literal

from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.blocks import GlobalAverage
from trainwell.models.check import each_at_least, only, shares
from trainwell.models.dropout import Dropout
from trainwell.models.picture import Normalize, judged, size_within, within
from trainwell.models.registry import Named, activation, models, norm

#: What to use when a picture network is asked for other inputs.
OTHER_INPUTS = "Use mlp, residual_mlp or tabm, which take every mixture of inputs."


class PictureNetwork(nn.Module):
    """Channel normalisation, convolutional stages, a head.

    **Shape:** `(B, C, H, W)` in [0, 1] → `(B, n_out)`; in evaluation mode with `mirror` → `(B, 2, n_out)`.
    """

    def __init__(
        self, normalize: Normalize, stages: nn.Module, head: nn.Module, *, mirror: bool = False, side: int = 0
    ) -> None:
        super().__init__()
        self.normalize, self.stages, self.head = normalize, stages, head
        self.mirror, self.side = mirror, side

    def forward(self, x: Tensor) -> Tensor:
        return judged(self._answer, within(x, self.side), mirror=self.mirror and not self.training)

    def _answer(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.stages(self.normalize(x)))
        return out


def conv_layer(
    n_in: int, n_out: int, *, norm_name: Named, activation_name: Named, stride: int = 1, bias: bool | None = None
) -> list[nn.Module]:
    """A 3 x 3 convolution, its norm and its activation.

    Args:
        n_in: channels in.
        n_out: channels out.
        norm_name: registered norm; `none` adds no module.
        activation_name: registered activation.
        stride: pixels from one output to the next.
        bias: whether the convolution has one; None gives it one only where no norm follows.
    """
    plain = norm_name == "none"
    convolution = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=plain if bias is None else bias)
    rest = [] if plain else [norm(norm_name, n_out, picture=True)]
    return [convolution, *rest, activation(activation_name)]


@models.register
def cnn(
    shape: Shape,
    n_out: int,
    *,
    width: int = 32,
    stages: int = 3,
    layers: int = 1,
    stride: int = 1,
    pool: Literal["average", "max", "stride"] = "average",
    head: Literal["average", "flatten"] = "average",
    hidden: int = 0,
    dropout: float = 0.0,
    activation: Named = "relu",
    norm: Named = "batch_norm",
    mirror: bool = False,
    side: int = 0,
) -> PictureNetwork:
    """Plain convolutional network: stages of 3 x 3 convolutions, each at half the size and twice the width of the one before.

    Args:
        width: channels of the first stage; every later stage has twice those of the one before.
        stages: number of sizes; fewer are built where the picture is too small.
        layers: convolutions per stage.
        stride: pixels between outputs of the very first convolution; 2 quarters the cost of everything.
        pool: how a stage halves the size: `average` (cheapest to run backwards), `max`, or `stride` in its first convolution.
        head: `average` over the pixels sees what is in a picture wherever it is; `flatten` also sees where, which suits
            pictures that are centred alike.
        hidden: units of a hidden layer in the head; 0 for none.
        dropout: share of the features dropped before the last layer.
        activation: activation after each convolution and in the head.
        norm: normalisation after each convolution.
        mirror: answer to each picture and to its mirror image, and average; after training only. Costs twice the time.
        side: longest side of the pictures it works on: larger ones are averaged down to it first; 0 takes them as they are.

    Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> cnn(Shape((Input("picture", "picture", (1, 28, 28)),)), 10, width=8)(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """
    each_at_least(1, width=width, stages=stages, layers=layers, stride=stride)
    each_at_least(0, hidden=hidden, side=side)
    shares(dropout=dropout)
    channels, *size = only(shape, "picture", model="cnn", instead=OTHER_INPUTS).shape
    size = [ceil(length / stride) for length in size_within(tuple(size), side)]
    body, n_in = nn.Sequential(), channels
    stages = min(stages, _most_stages(size))
    for stage in range(stages):
        first = (2 if pool == "stride" else 1) if stage else stride
        for layer in range(layers):
            new = conv_layer(n_in, width << stage, norm_name=norm, activation_name=activation, stride=1 if layer else first)
            body.extend(new)
            n_in = width << stage
        size = [ceil(length / 2) for length in size] if stage + 1 < stages else size
        body.extend(_halving(pool, last=stage + 1 == stages))
    pixels: list[nn.Module] = [GlobalAverage()] if head == "average" else [nn.Flatten()]
    n_in = n_in if head == "average" else n_in * prod(size)
    last = nn.Sequential(*pixels, *_head(n_in, n_out, hidden, dropout, activation))
    return PictureNetwork(Normalize(channels), body, last, mirror=mirror, side=side)


def _head(n_in: int, n_out: int, hidden: int, dropout: float, activation_name: Named) -> list[nn.Module]:
    between = [nn.Linear(n_in, hidden), activation(activation_name)] if hidden else []
    return [*between, Dropout(dropout), nn.Linear(hidden or n_in, n_out)]


def _most_stages(size: list[int]) -> int:
    """Stages until the shorter side would be under two pixels."""
    return max(1, min(size).bit_length() - 1)


def _halving(pool: str, *, last: bool) -> list[nn.Module]:
    if last or pool == "stride":
        return []
    return [nn.AvgPool2d(2, ceil_mode=True) if pool == "average" else nn.MaxPool2d(2, ceil_mode=True)]
