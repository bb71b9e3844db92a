"""Normalisations by name, for features `(B, F)` and for pictures `(B, C, H, W)`.

Every function takes the number of features or channels and whether they are a picture's.
"""

from __future__ import annotations

from math import gcd

import torch
from torch import Tensor, nn

from trainwell.core.errors import RecipeError
from trainwell.models.registry import norms


class ChannelRMSNorm(nn.Module):
    """Divides by the root mean square over the channels of each pixel.

    **Shape:** `(B, C, H, W)` → the same.

    Example:
        >>> import torch
        >>> ChannelRMSNorm(4)(torch.full((1, 4, 1, 1), 3.0)).sum().round().item()
        4.0
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)  # (B, 1, H, W)
        return x * scale * self.weight[:, None, None]


@norms.register
def batch_norm(width: int, picture: bool, *, momentum: float = 0.1) -> nn.Module:
    """Normalises each feature or channel over the batch; running averages are used for prediction.

    Args:
        momentum: weight of the newest batch in the running averages.

    Source: Ioffe and Szegedy, "Batch normalization", ICML 2015.

    Example:
        >>> import torch
        >>> batch_norm(8, picture=False)(torch.randn(2, 8)).shape
        torch.Size([2, 8])
    """
    return (nn.BatchNorm2d if picture else nn.BatchNorm1d)(width, momentum=momentum)


@norms.register
def layer_norm(width: int, picture: bool) -> nn.Module:
    """Normalises each example over all its features (channels and pixels of a picture); independent of the batch.

    Source: Ba, Kiros and Hinton, "Layer normalization", 2016.

    Example:
        >>> import torch
        >>> layer_norm(8, picture=False)(torch.randn(2, 8)).shape
        torch.Size([2, 8])
    """
    return nn.GroupNorm(1, width) if picture else nn.LayerNorm(width)


@norms.register
def group_norm(width: int, picture: bool, *, groups: int = 8) -> nn.Module:  # noqa: ARG001 - same for both
    """Normalises each example over groups of features or channels.

    Args:
        groups: most groups; the largest number that divides both this and the width is used.

    Source: Wu and He, "Group normalization", ECCV 2018.

    Example:
        >>> import torch
        >>> group_norm(8, picture=True)(torch.randn(2, 8, 4, 4)).shape
        torch.Size([2, 8, 4, 4])
    """
    return nn.GroupNorm(gcd(groups, width), width)


@norms.register
def rms_norm(width: int, picture: bool) -> nn.Module:
    """Divides each example (each pixel of a picture) by the root mean square of its features; no centring.

    Source: Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019.

    Example:
        >>> import torch
        >>> rms_norm(8, picture=False)(torch.randn(2, 8)).shape
        torch.Size([2, 8])
    """
    return ChannelRMSNorm(width) if picture else nn.RMSNorm(width)


@norms.register
def instance_norm(width: int, picture: bool) -> nn.Module:
    """Normalises each channel of each picture over its pixels: removes contrast.

    Source: Ulyanov, Vedaldi and Lempitsky, "Instance normalization", 2016.

    Example:
        >>> import torch
        >>> instance_norm(8, picture=True)(torch.randn(2, 8, 4, 4)).shape
        torch.Size([2, 8, 4, 4])
    """
    if not picture:
        raise RecipeError("instance_norm needs pictures: it averages over pixels", remedy="Use layer_norm for tables.")
    return nn.InstanceNorm2d(width, affine=True)


@norms.register
def none(width: int, picture: bool) -> nn.Module:  # noqa: ARG001 - same for every width
    """No normalisation.

    Example:
        >>> import torch
        >>> none(8, picture=False)(torch.randn(2, 8)).shape
        torch.Size([2, 8])
    """
    return nn.Identity()
