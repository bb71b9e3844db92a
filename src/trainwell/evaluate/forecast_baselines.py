"""Forecasts that cost nothing: the last value, the last season, the last slope, least squares on the window.

Zeng et al. (AAAI 2023) and Toner and Darlow (ICML 2024) found that such lines equal published deep networks on several sets; a
network that does not beat them is told so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from trainwell.data.splits import spread
from trainwell.evaluate.baseline_output import BaselineOutput
from trainwell.score.predictions import Array

if TYPE_CHECKING:
    from trainwell.data.data import Data
    from trainwell.data.forecast.state import Forecast

#: Windows times channels from which least squares is fitted at most.
MOST_WINDOWS = 100_000
#: Ridge, as a share of the mean square of the window's steps: enough to hold what the windows do not decide.
RIDGE = 1e-3
#: Windows answered at once.
BLOCK = 512
#: Validation windows from which limits are taken: fewest, and most of them times their outputs.
FEWEST_WINDOWS, MOST_ERRORS = 20, 20_000_000

Way = Callable[[Array], Array]


def forecast_baselines(data: Data, part: str) -> list[BaselineOutput]:
    """The free forecasts of the windows of `part`, scaled like those of a network, `(N, H * C)`."""
    state = data.preparation.forecast
    assert state is not None
    ways: dict[str, Way] = {"repeat the last value": lambda x: _repeat(x, 1, state.horizon)}
    if 1 < state.season <= state.lookback:
        ways["repeat the last season"] = lambda x: _repeat(x, state.season, state.horizon)
    ways["drift"] = lambda x: _drift(x, state.horizon)
    rows = data.rows[part]
    found = [_answered(name, data, rows, way, time.perf_counter()) for name, way in ways.items()]
    started = time.perf_counter()
    weights, note = _least_squares(data, state)
    return [*found, _answered("least squares on the window", data, rows, lambda x: _line(x, weights), started, note)]


def _answered(name: str, data: Data, rows: Array, way: Way, started: float, note: str = "") -> BaselineOutput:
    """The answers of one way, and how far off it was on validation windows."""
    limits: dict[str, list[float]] = {}
    valid = data.rows["valid"]
    valid = valid[:: max(1, len(valid) * data.n_out // MOST_ERRORS)]
    if len(valid) >= FEWEST_WINDOWS:
        short = np.asarray(data.arrays["target"][valid]) - _answers(data, valid, way)
        low, high = np.quantile(short, [0.1, 0.9], axis=0)
        limits = {"low": low.tolist(), "high": high.tolist()}
    return BaselineOutput(name, _answers(data, rows, way), time.perf_counter() - started, note, limits)


def _answers(data: Data, rows: Array, way: Way) -> Array:
    """Forecasts of some windows, a block at a time, `(N, H * C)`."""
    windows, out = data.arrays["series"], np.empty((len(rows), data.n_out), np.float32)
    for start in range(0, len(rows), BLOCK):
        chosen = rows[start : start + BLOCK]
        ahead = way(np.asarray(windows[chosen]))  # (B, C, H)
        out[start : start + BLOCK] = ahead.transpose(0, 2, 1).reshape(len(chosen), -1)
    return out


def _repeat(x: Array, season: int, horizon: int) -> Array:
    """The last `season` steps over and over: `(B, C, L)` → `(B, C, H)`."""
    return np.asarray(x[..., -season:][..., np.arange(horizon) % season])


def _drift(x: Array, horizon: int) -> Array:
    """The line through the first and the last step of the window, continued.

    Source: Hyndman and Athanasopoulos, "Forecasting: principles and practice", 2021.
    """
    slope = (x[..., -1:] - x[..., :1]) / max(1, x.shape[-1] - 1)
    return np.asarray(x[..., -1:] + slope * np.arange(1, horizon + 1))


def _line(x: Array, weights: Array) -> Array:
    """The last value plus what the weights (L + 1, H) make of the differences to it."""
    last = x[..., -1:]
    return np.asarray((x - last) @ weights[:-1] + weights[-1] + last)


def _least_squares(data: Data, state: Forecast) -> tuple[Array, str]:
    """Weights of one line for all channels, from windows less their last value, by the normal equations, (L + 1, H)."""
    rows, c = data.rows["train"], len(state.channels)
    chosen = spread(rows, MOST_WINDOWS // c)
    length = state.lookback + 1
    squares, products = np.zeros((length, length)), np.zeros((length, state.horizon))
    for start in range(0, len(chosen), BLOCK):
        x = np.asarray(data.arrays["series"][chosen[start : start + BLOCK]], np.float64)  # (B, C, L)
        y = np.asarray(data.arrays["target"][chosen[start : start + BLOCK]], np.float64)
        last = x[..., -1:]
        flat = np.concatenate([x - last, np.ones_like(last)], axis=2).reshape(-1, length)
        ahead = y.reshape(len(y), state.horizon, c).transpose(0, 2, 1) - last
        squares += flat.T @ flat
        products += flat.T @ ahead.reshape(-1, state.horizon)
    squares[np.diag_indices(length)] += RIDGE * np.trace(squares) / length + 1e-9
    note = f"fitted on {len(chosen):,} of {len(rows):,} training windows" if len(chosen) < len(rows) else ""
    return np.linalg.solve(squares, products), note
