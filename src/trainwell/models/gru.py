"""A recurrent network that forecasts series, or judges whole ones."""

from __future__ import annotations

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import at_least, each_at_least, only, shares
from trainwell.models.dropout import Dropout
from trainwell.models.forecast import Forecaster, Normalize, Windows
from trainwell.models.registry import models

#: Segments into which a series is cut when nobody says: a recurrence over more steps forgets and takes long.
SEGMENTS = 48


class Reader(nn.Module):
    """A GRU over segments of all channels: a series as what was remembered at its end, and on average.

    **Shape:** `(B, C, L)` → `(B, 2 * width)`, twice that when read both ways.
    """

    def __init__(self, channels: int, segment: int, width: int, depth: int, *, both_ways: bool) -> None:
        super().__init__()
        self.segment = segment
        self.gru = nn.GRU(channels * segment, width, depth, batch_first=True, bidirectional=both_ways)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (-x.shape[-1] % self.segment, 0))  # the end is what counts
        tokens = x.unflatten(-1, (-1, self.segment)).permute(0, 2, 1, 3).flatten(2)  # (B, T, C * segment)
        states, _ = self.gru(tokens)
        return torch.cat([states[:, -1], states.mean(1)], 1)


class Ahead(nn.Module):
    """What was read as future steps: `(B, F)` → `(B, C, H)`."""

    def __init__(self, features: int, sizes: Windows) -> None:
        super().__init__()
        self.layer, self.channels = nn.Linear(features, sizes.channels * sizes.horizon), sizes.channels

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).unflatten(1, (self.channels, -1))


@models.register
def gru(
    shape: Shape,
    n_out: int,
    *,
    width: int = 64,
    depth: int = 1,
    segment: int = 0,
    dropout: float = 0.1,
    normalize: Normalize = "revin",
) -> nn.Module:
    """A gated recurrent network over segments of a series: forecasts all steps at once, or judges the whole series.

    **Shape:** `(B, C, L)` → `(B, n_out)`.

    Args:
        width: units remembered.
        depth: recurrent layers.
        segment: steps read at once; 0 cuts the series into at most 48 segments.
        dropout: share of what was read that is dropped before the last layer.
        normalize: what is taken away from each window first, when forecasting.

    Sources: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; segments as in Lin et al.,
    "SegRNN", 2023.

    Example:
        >>> from trainwell.core.shape import Input
        >>> gru(Shape((Input("series", "series", (3, 100)),)), 4)(torch.randn(2, 3, 100)).shape
        torch.Size([2, 4])
    """
    each_at_least(1, width=width, depth=depth)
    at_least("segment", segment, 0)
    shares(dropout=dropout)
    if not shape.horizon:
        channels, length = only(shape, "series", model="gru", instead="Use mlp, which takes every mixture of inputs.").shape
        reader = Reader(channels, segment or ceil(length / SEGMENTS), width, depth, both_ways=True)
        return nn.Sequential(reader, Dropout(dropout), nn.Linear(4 * width, n_out))
    sizes = Windows.of(shape, n_out, model="gru")
    reader = Reader(sizes.channels, segment or ceil(sizes.lookback / SEGMENTS), width, depth, both_ways=False)
    return Forecaster(sizes, nn.Sequential(reader, Dropout(dropout), Ahead(2 * width, sizes)), normalize)
