"""What every forecasting network shares: normalised windows, columns known beside the series, and outputs in the right order.

B windows, C channels, L past steps, H future steps, P columns known up to now, K columns known ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError
from trainwell.core.shape import Shape

Normalize = Literal["last", "mean", "revin", "none"]


@dataclass(frozen=True)
class Windows:
    """Sizes of what a forecasting network sees and says."""

    channels: int
    lookback: int
    horizon: int
    past: int = 0
    ahead: int = 0

    @classmethod
    def of(cls, shape: Shape, n_out: int, *, model: str) -> Windows:
        """The sizes of a shape with a series whose future is forecast.

        Raises:
            CompileError: there is no such series.
        """
        sizes = {i.name: i.shape[0] for i in shape.inputs}
        first = shape.inputs[0] if shape.inputs else None
        if first is None or not shape.horizon or {i.kind for i in shape.inputs} != {"series"}:
            found = " and ".join(f"{i.name} ({i.kind})" for i in shape.inputs) or "none"
            raise CompileError(
                f"the model {model!r} forecasts, however the data have: {found}",
                remedy="Set series.horizon, or use mlp or inception_time, which judge whole series.",
            )
        if n_out != first.shape[0] * shape.horizon:
            raise CompileError(f"{n_out} outputs are not {shape.horizon} steps of {first.shape[0]} channels", where=model)
        return cls(first.shape[0], first.shape[1], shape.horizon, sizes.get("past", 0), sizes.get("ahead", 0))


class WindowNorm(nn.Module):
    """Takes the level of each window and channel away, and gives it back to what is forecast.

    `last` subtracts the last value, `mean` the mean, `revin` also divides by the deviation.

    **Shape:** `(B, C, L)` → the same, with the level `(B, C, 1)` and size `(B, C, 1)` that were taken away.

    Source: Kim et al., "Reversible instance normalization", ICLR 2022; `last` is that of NLinear, Zeng et al., AAAI 2023.

    Example:
        >>> x, level, size = WindowNorm("last")(torch.tensor([[[1.0, 2.0, 4.0]]]))
        >>> x.tolist(), level.item()
        ([[[-3.0, -2.0, 0.0]]], 4.0)
    """

    def __init__(self, how: Normalize) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.how == "none":
            return x, torch.zeros_like(x[..., :1]), torch.ones_like(x[..., :1])
        level = x[..., -1:] if self.how == "last" else x.mean(-1, keepdim=True)
        x = x - level
        if self.how != "revin":
            return x, level, torch.ones_like(level)
        size = (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return x / size, level, size


class Beside(nn.Module):
    """What the columns beside the series add to the forecast: those known ahead step by step, the others at once.

    **Shape:** `past (B, P, L)` and `ahead (B, K, L + H)` → `(B, C, H)`.

    Source: the temporal decoder of Das et al., "Long-term forecasting with TiDE", TMLR 2023.
    """

    def __init__(self, sizes: Windows, width: int = 32) -> None:
        super().__init__()
        self.horizon = sizes.horizon
        self.past = nn.Linear(sizes.lookback, sizes.horizon) if sizes.past else None
        self.mix = nn.Conv1d(sizes.past, sizes.channels, 1) if sizes.past else None
        layers = [nn.Conv1d(sizes.ahead, width, 1), nn.ReLU(), nn.Conv1d(width, sizes.channels, 1)] if sizes.ahead else []
        self.ahead = nn.Sequential(*layers)

    def forward(self, *inputs: Tensor) -> Tensor:
        parts = []
        if self.past is not None and self.mix is not None:
            parts.append(self.mix(self.past(inputs[0])))
        if len(self.ahead):
            parts.append(self.ahead(inputs[-1][..., -self.horizon :]))
        return torch.stack(parts).sum(0)


class Forecaster(nn.Module):
    """A body that continues normalised windows, with what stands beside them.

    **Shape:** `(B, C, L)`, and `(B, P, L)` and `(B, K, L + H)` where the data have them → `(B, H * C)`, step after step.

    Args:
        sizes: of the windows.
        body: `(B, C, L)` → `(B, C, H)`.
        normalize: what is taken away from each window, and given back.

    Example:
        >>> Forecaster(Windows(2, 8, 3), nn.Linear(8, 3), "revin")(torch.randn(5, 2, 8)).shape
        torch.Size([5, 6])
    """

    def __init__(self, sizes: Windows, body: nn.Module, normalize: Normalize) -> None:
        super().__init__()
        self.normalize, self.body = WindowNorm(normalize), body
        self.beside = Beside(sizes) if sizes.past or sizes.ahead else None

    def forward(self, series: Tensor, *others: Tensor) -> Tensor:
        x, level, size = self.normalize(series)
        y = self.body(x)  # (B, C, H)
        if self.beside is not None:
            y = y + self.beside(*others)
        return (y * size + level).transpose(1, 2).flatten(1)  # (B, H * C)
