"""What every picture network begins with: channel normalisation, and a small encoder for pictures beside other inputs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.models.adaptive import Adaptive


class Normalize(Adaptive):
    """Subtracts the channel means of the training pictures and divides by their deviations.

    Until it is adapted, mean is 0 and deviation 1: the pictures pass unchanged. A channel that never varies is only centred.

    **Shape:** `(B, C, H, W)` in [0, 1] → the same.

    Example:
        >>> import torch
        >>> layer = Normalize(3)
        >>> layer.fit(torch.rand(64, 3, 8, 8))
        >>> layer(torch.rand(64, 3, 8, 8)).std().item() > 0.9
        True
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, position: int = 0) -> None:
        super().__init__(position)
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("deviation", torch.ones(channels, 1, 1))

    def fit(self, x: Tensor) -> None:
        deviation, mean = torch.std_mean(x.double(), dim=(0, 2, 3), keepdim=True, correction=0)  # (1, C, 1, 1)
        self.mean.copy_(mean[0])
        self.deviation.copy_(torch.where(deviation < 1e-4, 1.0, deviation)[0])

    def forward(self, x: Tensor) -> Tensor:
        normal: Tensor = (x - self.mean) / self.deviation
        return normal


def judged(answer: Callable[[Tensor], Tensor], x: Tensor, *, mirror: bool) -> Tensor:
    """What a network answers to pictures `(B, C, H, W)`; with `mirror` to their mirror images, too, as members `(B, 2, n_out)`.

    The answers of members are averaged wherever the network is used. Source: the flips at test time of Krizhevsky et al.,
    "ImageNet classification with deep convolutional neural networks", NeurIPS 2012.

    Example:
        >>> import torch
        >>> judged(lambda x: x[:, 0, 0, :1], torch.tensor([[[[1.0, 2.0]]]]), mirror=True)
        tensor([[[1.],
                 [2.]]])
    """
    if not mirror:
        return answer(x)
    return answer(torch.cat([x, x.flip(-1)])).unflatten(0, (2, len(x))).transpose(0, 1)


def size_within(size: tuple[int, ...], side: int) -> tuple[int, ...]:
    """Height and width, shrunk together until the longer is at most `side`; 0 leaves them.

    Example:
        >>> size_within((96, 128), 64), size_within((28, 28), 64)
        ((48, 64), (28, 28))
    """
    shrink = min(1.0, side / max(size)) if side else 1.0
    return tuple(max(1, round(length * shrink)) for length in size)


def within(x: Tensor, side: int) -> Tensor:
    """Pictures `(B, C, H, W)` averaged over their pixels to `size_within`.

    Example:
        >>> import torch
        >>> within(torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]), 1)
        tensor([[[[1.5000]]]])
    """
    size = size_within(tuple(int(length) for length in x.shape[-2:]), side)
    return x if size == x.shape[-2:] else F.adaptive_avg_pool2d(x, (size[0], size[1]))


class PictureFeatures(nn.Module):
    """Three strided convolutions and global averages: a picture as `width` numbers, to be joined with other inputs.

    **Shape:** `(B, C, H, W)` → `(B, width)`.

    Example:
        >>> import torch
        >>> PictureFeatures(3, 64)(torch.rand(2, 3, 32, 20)).shape
        torch.Size([2, 64])
    """

    def __init__(self, channels: int, width: int = 64, position: int = 0) -> None:
        super().__init__()
        widths = [channels, width // 4, width // 2, width]
        self.normalize = Normalize(channels, position)
        self.stages = nn.Sequential()
        for c, c_next in pairwise(widths):
            self.stages.append(nn.Conv2d(c, c_next, 3, stride=2, padding=1, bias=False))
            self.stages.append(nn.BatchNorm2d(c_next))
            self.stages.append(nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        pixels: Tensor = self.stages(self.normalize(x))  # (B, width, H / 8, W / 8)
        return pixels.mean((2, 3))
