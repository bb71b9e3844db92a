"""How a forecast fares with time: errors by step and column, and forecasts to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from trainwell.data.forecast.grid import ROW
from trainwell.evaluate.details import Continued, Future
from trainwell.score.predictions import Array, Predictions

if TYPE_CHECKING:
    from trainwell.data.data import Data

#: Forecasts shown, and columns of each.
MOMENTS, COLUMNS = 2, 3
#: Past steps shown for each future one.
PAST = 2


def errors_by_step(p: Predictions) -> list[float]:
    """Mean squared error of each step ahead, scaled."""
    return [float(v) for v in (_steps(p, p.error) ** 2).mean(axis=(0, 2))]


def future_of(p: Predictions, data: Data, rows: Array) -> Future:
    """What is shown of the forecasts of the windows `rows`."""
    assert p.ahead is not None
    state = data.preparation.forecast
    assert state is not None
    squares = (_steps(p, p.error) ** 2).mean(axis=(0, 1))
    covered: list[float] = []
    if p.ahead.low is not None and p.ahead.high is not None:
        inside = (p.target >= p.output + p.ahead.low) & (p.target <= p.output + p.ahead.high)
        covered = [float(v) for v in _steps(p, inside).mean(axis=(0, 2))]
    by_channel = {name: float(v) for name, v in zip(state.channels, squares, strict=True)}
    return Future({"network": errors_by_step(p)}, by_channel, list(_examples(p, data, rows)), covered)


def _steps(p: Predictions, values: Array) -> Array:
    """`(N, H * C)` as `(N, H, C)`."""
    assert p.ahead is not None
    return values.reshape(len(values), -1, p.ahead.spread.shape[1])


def _examples(p: Predictions, data: Data, rows: Array) -> Iterator[Continued]:
    """The middle and the last of the windows, a few columns each."""
    state, frame = data.preparation.forecast, data.source.frame
    assert p.ahead is not None
    assert state is not None
    moments = np.unique(np.linspace(0, len(rows) - 1, MOMENTS + 1).astype(np.int64)[1:])
    for place in moments:
        row = int(rows[place])
        past = np.asarray(data.arrays["series"][row])[:, -PAST * state.horizon :]  # (C, L)
        given = {"truth": p.target, "forecast": p.output}
        if p.ahead.low is not None and p.ahead.high is not None:
            given |= {"low": p.output + p.ahead.low, "high": p.output + p.ahead.high}
        which = str(frame[state.id][row]) + ", " if state.id is not None else ""
        for channel, name in enumerate(state.channels[:COLUMNS]):
            centre, spread = p.ahead.centre[place, channel], p.ahead.spread[place, channel]
            lines = {key: _listed(_steps(p, v)[place, :, channel], centre, spread) for key, v in given.items()}
            yield Continued(which + name, str(frame[state.time or ROW][row]), _listed(past[channel], centre, spread), **lines)


def _listed(values: Array, centre: float, spread: float) -> list[float]:
    return [float(f"{v:.6g}") for v in values * spread + centre]
