"""Linear forecasts: one matrix from the past of a channel to its future, shared by all channels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import at_least, shares
from trainwell.models.dropout import Dropout
from trainwell.models.forecast import Forecaster, Normalize, Windows
from trainwell.models.many_linear import ManyLinear
from trainwell.models.registry import models


class Decomposed(nn.Module):
    """Trend and rest of a window, continued together: one layer over both is a layer for each, added.

    **Shape:** `(B, C, L)` → `(B, C, H)`.
    """

    def __init__(self, layer: nn.Module, window: int) -> None:
        super().__init__()
        self.layer, self.window = layer, window

    def forward(self, x: Tensor) -> Tensor:
        before = (self.window - 1) // 2
        edged = F.pad(x, (before, self.window - 1 - before), mode="replicate")
        trend = F.avg_pool1d(edged, self.window, stride=1)
        out: Tensor = self.layer(torch.cat([trend, x - trend], -1))
        return out


def over_time(sizes: Windows, steps: int, *, individual: bool) -> nn.Module:
    """A linear layer from so many steps to the future, one for all channels or one for each."""
    if individual:
        return ManyLinear(sizes.channels, steps, sizes.horizon)
    return nn.Linear(steps, sizes.horizon)


@models.register
def nlinear(
    shape: Shape, n_out: int, *, normalize: Normalize = "last", individual: bool = False, dropout: float = 0.0
) -> Forecaster:
    """Forecasts by one linear layer on windows from which their last value was subtracted; hard to beat, and done in seconds.

    **Shape:** `(B, C, L)` → `(B, H * C)`.

    Args:
        normalize: what is taken away from each window first: its `last` value, its `mean`, or mean and deviation (`revin`).
        individual: a matrix of its own for each channel, which needs more data.
        dropout: share of the past steps dropped.

    Source: Zeng et al., "Are transformers effective for time series forecasting?", AAAI 2023.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> nlinear(Shape((Input("series", "series", (7, 48), horizon=12),)), 84)(torch.randn(2, 7, 48)).shape
        torch.Size([2, 84])
    """
    shares(dropout=dropout)
    sizes = Windows.of(shape, n_out, model="nlinear")
    return Forecaster(
        sizes, nn.Sequential(Dropout(dropout), over_time(sizes, sizes.lookback, individual=individual)), normalize
    )


@models.register
def dlinear(
    shape: Shape,
    n_out: int,
    *,
    window: int = 25,
    normalize: Normalize = "mean",
    individual: bool = False,
    dropout: float = 0.0,
) -> Forecaster:
    """Forecasts by two linear layers: one for the moving average of the window, one for the rest.

    **Shape:** `(B, C, L)` → `(B, H * C)`.

    Args:
        window: steps of the moving average.
        normalize: what is taken away from each window first; the paper takes `none`.
        individual: matrices of their own for each channel, which need more data.
        dropout: share of the past steps dropped.

    Source: Zeng et al., "Are transformers effective for time series forecasting?", AAAI 2023.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> dlinear(Shape((Input("series", "series", (7, 48), horizon=12),)), 84)(torch.randn(2, 7, 48)).shape
        torch.Size([2, 84])
    """
    at_least("window", window, 1)
    shares(dropout=dropout)
    sizes = Windows.of(shape, n_out, model="dlinear")
    parts = Decomposed(over_time(sizes, 2 * sizes.lookback, individual=individual), min(window, sizes.lookback))
    return Forecaster(sizes, nn.Sequential(Dropout(dropout), parts), normalize)
