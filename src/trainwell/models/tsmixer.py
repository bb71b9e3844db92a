"""TSMixer: layers that mix steps and layers that mix channels, in turn."""

from __future__ import annotations

from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import each_at_least, shares
from trainwell.models.dropout import Dropout
from trainwell.models.forecast import Forecaster, Normalize, Windows
from trainwell.models.registry import models


class Mixing(nn.Module):
    """One layer over the steps of each channel, then a small network over the channels of each step.

    **Shape:** `(B, C, L)` → the same.
    """

    def __init__(self, channels: int, steps: int, width: int, dropout: float) -> None:
        super().__init__()
        self.time_norm, self.channel_norm = nn.LayerNorm(channels * steps), nn.LayerNorm(channels * steps)
        self.time = nn.Sequential(nn.Linear(steps, steps), nn.ReLU(), Dropout(dropout))
        self.channel = nn.Sequential(
            nn.Linear(channels, width), nn.ReLU(), Dropout(dropout), nn.Linear(width, channels), Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.time(_over_all(self.time_norm, x))
        out: Tensor = x + self.channel(_over_all(self.channel_norm, x).transpose(1, 2)).transpose(1, 2)
        return out


def _over_all(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalised over the channels and steps of each window."""
    out: Tensor = norm(x.flatten(1)).unflatten(1, x.shape[1:])
    return out


@models.register
def tsmixer(
    shape: Shape,
    n_out: int,
    *,
    width: int = 64,
    depth: int = 2,
    dropout: float = 0.3,
    normalize: Normalize = "revin",
) -> Forecaster:
    """Forecasts by dense layers that look along the time of each channel and across the channels in turn.

    The one to choose where channels tell each other's future.

    **Shape:** `(B, C, L)` → `(B, H * C)`.

    Args:
        width: units of the layers that mix channels.
        depth: number of blocks.
        dropout: share of the features dropped.
        normalize: what is taken away from each window first.

    Source: Chen et al., "TSMixer: an all-MLP architecture for time series forecasting", TMLR 2023.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> tsmixer(Shape((Input("series", "series", (7, 48), horizon=12),)), 84)(torch.randn(2, 7, 48)).shape
        torch.Size([2, 84])
    """
    each_at_least(1, width=width, depth=depth)
    shares(dropout=dropout)
    sizes = Windows.of(shape, n_out, model="tsmixer")
    blocks = [Mixing(sizes.channels, sizes.lookback, width, dropout) for _ in range(depth)]
    return Forecaster(sizes, nn.Sequential(*blocks, nn.Linear(sizes.lookback, sizes.horizon)), normalize)
