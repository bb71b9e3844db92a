"""A U-Net: the class of every pixel, told from what surrounds it at every size."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.errors import CompileError
from trainwell.core.shape import Shape
from trainwell.models.check import at_least, shares
from trainwell.models.cnn import conv_layer
from trainwell.models.dropout import SpatialDropout
from trainwell.models.picture import Normalize
from trainwell.models.registry import Named, models


class MaskNetwork(nn.Module):
    """Convolutions down to a coarse grid and up again; at each size what was seen on the way down stands beside what comes up.

    **Shape:** `(B, C, H, W)` in [0, 1] → `(B, K, H, W)` logits; sides that the halvings do not divide are continued by their
    edge, and what was added is cut off again.
    """

    def __init__(self, normalize: Normalize, downs: list[nn.Module], ups: list[Up], head: nn.Module) -> None:
        super().__init__()
        self.normalize, self.downs, self.ups = normalize, nn.ModuleList(downs), nn.ModuleList(ups)
        self.head = head  # named last, as what follows from it (a new head, a frozen body) goes by the order

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        unit = 2 ** len(self.ups)
        x = F.pad(self.normalize(x), (0, -width % unit, 0, -height % unit), mode="replicate")
        seen: list[Tensor] = []
        for down in self.downs:
            x = down(F.max_pool2d(x, 2) if seen else x)  # (B, width * 2^i, H / 2^i, W / 2^i)
            seen.append(x)
        for up, beside in zip(self.ups, seen[-2::-1], strict=True):
            x = up(x, beside)
        out: Tensor = self.head(x)
        return out[..., :height, :width]


class Up(nn.Module):
    """A coarse grid at twice its size, beside what was seen at that size on the way down.

    **Shape:** `(B, 2F, H, W)` and `(B, F, 2H, 2W)` → `(B, F, 2H, 2W)`.
    """

    def __init__(self, width: int, layers: nn.Module) -> None:
        super().__init__()
        self.larger, self.layers = nn.ConvTranspose2d(2 * width, width, 2, stride=2), layers

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        out: Tensor = self.layers(torch.cat([beside, self.larger(x)], 1))
        return out


@models.register
def unet(
    shape: Shape,
    n_out: int,
    *,
    width: int = 16,
    halvings: int = 4,
    layers: int = 2,
    dropout: float = 0.0,
    activation: Named = "relu",
    norm: Named = "batch_norm",
) -> MaskNetwork:
    """U-Net: the class of every pixel of a picture of any size.

    Args:
        width: features at full size; every coarser grid has twice those of the one before.
        halvings: how often the grid is halved; fewer times where the picture is too small for a grid of 2 x 2.
        layers: 3 x 3 convolutions at each size, on the way down and on the way up.
        dropout: share of the features of the coarsest grid that are dropped.
        activation: registered activation.
        norm: registered norm.

    Sources: Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015; with
    norms and padded convolutions, as usual since.

    **Shape:** `(B, C, H, W)` → `(B, n_out, H, W)`.

    Example:
        >>> from trainwell.core.shape import Input
        >>> network = unet(Shape((Input("picture", "picture", (3, 30, 44)),)), 5, width=4)
        >>> network(torch.rand(2, 3, 30, 44)).shape
        torch.Size([2, 5, 30, 44])
    """
    at_least("width", width, 1)
    at_least("halvings", halvings, 0)
    at_least("layers", layers, 1)
    shares(dropout=dropout)
    channels, side = _one_picture(shape)
    halvings = min(halvings, max(0, side.bit_length() - 2))
    widths = [width << i for i in range(halvings + 1)]

    def stage(n_in: int, n_out: int) -> nn.Sequential:
        sizes = [n_in, *[n_out] * layers]
        return nn.Sequential(
            *[m for a, b in pairwise(sizes) for m in conv_layer(a, b, norm_name=norm, activation_name=activation)]
        )

    downs: list[nn.Module] = [stage(a, b) for a, b in pairwise([channels, *widths])]
    if dropout:
        downs[-1].append(SpatialDropout(dropout))  # type: ignore[operator]
    ups = [Up(w, stage(2 * w, w)) for w in widths[-2::-1]]
    return MaskNetwork(Normalize(channels), downs, ups, nn.Conv2d(width, n_out, 1))


def _one_picture(shape: Shape) -> tuple[int, int]:
    """Channels and shorter side of the only input."""
    given = shape.inputs[0]
    if len(shape.inputs) != 1 or len(given.shape) != 3 or given.kind not in ("picture", "tensor"):
        kinds = ", ".join(i.kind for i in shape.inputs)
        raise CompileError(f"unet takes one picture and nothing else, however: {kinds}", remedy="Give pictures with masks.")
    return given.shape[0], min(given.shape[1:])
