"""Residual networks for pictures of any size; parameter names are torchvision's, so that its weight files load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import at_least, blocks_per_stage, only, shares
from trainwell.models.cnn import OTHER_INPUTS
from trainwell.models.dropout import Dropout, StochasticDepth, rising
from trainwell.models.picture import Normalize, judged, size_within, within
from trainwell.models.registry import Named, activation, models, norm

Stem = Literal["auto", "imagenet", "half", "small"]

#: Kernel, stride and padding of the first convolution.
STEMS = {"imagenet": (7, 2, 3), "half": (3, 2, 1), "small": (3, 1, 1)}

#: Below this many pixels on the shorter side, `stem=auto` keeps the full size at the beginning.
SMALL = 96


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut.

    **Shape:** `(B, C, H, W)` → `(B, width, H / stride, W / stride)`.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016.

    Example:
        >>> import torch
        >>> BasicBlock(8, 16, 2, "relu", "batch_norm")(torch.randn(1, 8, 6, 6)).shape
        torch.Size([1, 16, 3, 3])
    """

    expansion = 1

    def __init__(
        self, n_in: int, width: int, stride: int, activation_name: Named, norm_name: Named, stochastic_depth: float = 0.0
    ) -> None:
        super().__init__()
        self.skip = StochasticDepth(stochastic_depth)
        self.conv1 = nn.Conv2d(n_in, width, 3, stride, 1, bias=False)
        self.bn1 = norm(norm_name, width, picture=True)
        self.relu = activation(activation_name)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = norm(norm_name, width, picture=True)
        self.downsample = _shortcut(n_in, width, stride, norm_name)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.skip(self.bn2(self.conv2(y)))
        out: Tensor = self.relu(y + self.downsample(x))
        return out


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two 1 x 1 convolutions, beside a shortcut; the stride is in the middle.

    **Shape:** `(B, C, H, W)` → `(B, 4 · width, H / stride, W / stride)`.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016.

    Example:
        >>> import torch
        >>> Bottleneck(8, 4, 2, "relu", "batch_norm")(torch.randn(1, 8, 6, 6)).shape
        torch.Size([1, 16, 3, 3])
    """

    expansion = 4

    def __init__(
        self, n_in: int, width: int, stride: int, activation_name: Named, norm_name: Named, stochastic_depth: float = 0.0
    ) -> None:
        super().__init__()
        self.skip = StochasticDepth(stochastic_depth)
        n_out = width * self.expansion
        self.conv1 = nn.Conv2d(n_in, width, 1, bias=False)
        self.bn1 = norm(norm_name, width, picture=True)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = norm(norm_name, width, picture=True)
        self.conv3 = nn.Conv2d(width, n_out, 1, bias=False)
        self.bn3 = norm(norm_name, n_out, picture=True)
        self.relu = activation(activation_name)
        self.downsample = _shortcut(n_in, n_out, stride, norm_name)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.skip(self.bn3(self.conv3(y)))
        out: Tensor = self.relu(y + self.downsample(x))
        return out


def _shortcut(n_in: int, n_out: int, stride: int, norm_name: Named) -> nn.Module:
    if stride == 1 and n_in == n_out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), norm(norm_name, n_out, picture=True))


Block = type[BasicBlock] | type[Bottleneck]


class ResNet(nn.Module):
    """Stem, four (or fewer) stages of residual blocks, averages over the pixels, one linear head.

    **Shape:** `(B, C, H, W)` in [0, 1] → `(B, n_out)`; in evaluation mode with `mirror` → `(B, 2, n_out)`.

    Args:
        channels: C.
        n_out: number of outputs.
        block: `BasicBlock` or `Bottleneck`.
        stage_blocks: blocks of each stage.
        width: channels of the first stage.
        stem: how the first convolution treats the size.
        pieces: activation and norm.
        dropout: share of the averaged features dropped before the head.
        mirror: judge each picture and its mirror image.
        side: longest side of the pictures after the entrance; 0 leaves them.
        stochastic_depth: chance that the last block is left out of an example in training; it rises from 0.
    """

    def __init__(
        self,
        channels: int,
        n_out: int,
        *,
        block: Block,
        stage_blocks: tuple[int, ...],
        width: int,
        stem: Stem,
        pieces: tuple[Named, Named],
        dropout: float,
        mirror: bool = False,
        side: int = 0,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__()
        act, norm_name = pieces
        self.normalize = Normalize(channels)
        self.conv1 = nn.Conv2d(channels, width, *STEMS[stem], bias=False)
        self.bn1 = norm(norm_name, width, picture=True)
        self.relu = activation(act)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        n_in, chances = width, iter(rising(stochastic_depth, sum(stage_blocks)))
        for stage, blocks in enumerate(stage_blocks):
            layer = nn.Sequential()
            for i in range(blocks):
                layer.append(block(n_in, width << stage, 2 if stage and not i else 1, act, norm_name, next(chances)))
                n_in = (width << stage) * block.expansion
            self.add_module(f"layer{stage + 1}", layer)
        self.stages, self.mirror, self.side = len(stage_blocks), mirror, side
        self.dropout = Dropout(dropout)
        self.fc = nn.Linear(n_in, n_out)

    def forward(self, x: Tensor) -> Tensor:
        return judged(self._answer, within(x, self.side), mirror=self.mirror and not self.training)

    def _answer(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(self.normalize(x)))))
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)  # (B, width · 2^stage, H / 2^stage, W / 2^stage)
        out: Tensor = self.fc(self.dropout(x.mean((2, 3))))
        return out


@models.register
def resnet(
    shape: Shape,
    n_out: int,
    *,
    blocks: tuple[int, ...] = (1, 1, 1),
    width: int = 32,
    bottleneck: bool = False,
    stem: Stem = "auto",
    dropout: float = 0.0,
    activation: Named = "relu",
    norm: Named = "batch_norm",
    stochastic_depth: float = 0.0,
    mirror: bool = False,
    side: int = 0,
) -> ResNet:
    """Residual network with a chosen number of blocks per stage; the default is small enough for a CPU.

    Args:
        blocks: residual blocks of each stage; each stage has half the size and twice the channels of the one before.
        width: channels of the first stage.
        bottleneck: blocks of 1 x 1, 3 x 3 and 1 x 1 convolutions instead of two 3 x 3.
        stem: `imagenet` quarters the size at once (7 x 7 convolution, pool), `half` halves it (3 x 3 convolution), `small`
            keeps it; `auto` is `small` under 96 pixels, else `imagenet`.
        dropout: share of the averaged features dropped before the head.
        activation: activation of all blocks.
        norm: normalisation after each convolution.
        stochastic_depth: chance that the last block is left out of an example in training; it rises from 0.
        mirror: answer to each picture and to its mirror image, and average; after training only. Costs twice the time.
        side: longest side of the pictures it works on: larger ones are averaged down to it first; 0 takes them as they are.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> resnet(Shape((Input("picture", "picture", (3, 32, 32)),)), 10, width=8)(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """
    at_least("width", width, 1)
    blocks_per_stage(blocks)
    at_least("side", side, 0)
    shares(dropout=dropout, stochastic_depth=stochastic_depth)
    channels, *size = only(shape, "picture", model="resnet", instead=OTHER_INPUTS).shape
    size = list(size_within(tuple(size), side))
    return ResNet(
        channels,
        n_out,
        block=Bottleneck if bottleneck else BasicBlock,
        stage_blocks=blocks,
        width=width,
        stem=("small" if min(size) < SMALL else "imagenet") if stem == "auto" else stem,
        pieces=(activation, norm),
        dropout=dropout,
        mirror=mirror,
        side=side,
        stochastic_depth=stochastic_depth,
    )


def _of_the_paper(layers: int, blocks: tuple[int, ...], said: str, *, bottleneck: bool) -> Callable[..., nn.Module]:
    """Register the network of so many layers; `said` counts its blocks and parameters."""

    def build(shape: Shape, n_out: int, *, width: int = 64, stem: Stem = "auto", dropout: float = 0.0) -> nn.Module:
        return resnet(shape, n_out, blocks=blocks, width=width, bottleneck=bottleneck, stem=stem, dropout=dropout)

    build.__name__ = build.__qualname__ = f"resnet{layers}"
    build.__doc__ = f"""ResNet-{layers}: {said}.

    Args:
        width: channels of the first stage; 64 as in the paper.
        stem: `imagenet` quarters the size at once, `half` halves it, `small` keeps it; `auto` is `small` under 96 pixels.
        dropout: share of the averaged features dropped before the head.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> shape = Shape((Input("picture", "picture", (3, 32, 32)),))
        >>> resnet{layers}(shape, 10, width=4)(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """
    return models.register(build)


resnet18 = _of_the_paper(18, (2, 2, 2, 2), "8 basic blocks, 11 million parameters", bottleneck=False)
resnet34 = _of_the_paper(34, (3, 4, 6, 3), "16 basic blocks, 21 million parameters", bottleneck=False)
resnet50 = _of_the_paper(50, (3, 4, 6, 3), "16 bottleneck blocks, 24 million parameters", bottleneck=True)
resnet101 = _of_the_paper(101, (3, 4, 23, 3), "33 bottleneck blocks, 43 million parameters", bottleneck=True)
resnet152 = _of_the_paper(152, (3, 8, 36, 3), "50 bottleneck blocks, 58 million parameters", bottleneck=True)
