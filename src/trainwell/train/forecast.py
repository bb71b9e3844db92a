"""What forecasts have beside their values: units and yardsticks of the windows, and limits of their intervals."""

from __future__ import annotations

import numpy as np
import polars as pl

from trainwell.data.data import Data
from trainwell.data.forecast.grid import ROW, steps_since_first
from trainwell.score.predictions import Ahead, Predictions


def ahead_of(data: Data, rows: np.ndarray) -> Ahead | None:
    """Units, yardstick and groups of the windows `rows`; None where nothing is forecast.

    Windows of one stretch of time as long as the horizon and the half of it before are a group, whatever series they are from.
    """
    state = data.preparation.forecast
    if state is None:
        return None
    frame = data.source.frame
    names = frame[state.id].gather(rows).cast(pl.String).to_list() if state.id is not None else [""] * len(rows)
    place, c = state.places(names), len(state.channels)
    steps = steps_since_first(frame[state.time or ROW], state.ticking, rows)
    return Ahead(state.centre[place, :c], state.spread[place, :c], state.naive[place], steps // max(1, state.horizon))


def limits_of(valid: Predictions) -> dict[str, list[float]]:
    """What is added to a forecast for the limits `low` and `high` of its 80% interval, by step and channel.

    These are the quantiles of its errors on validation windows. Source: split conformal prediction, Papadopoulos et al., ECML
    2002.
    """
    short = valid.target - valid.output
    level = min(1.0, np.ceil((len(short) + 1) * 0.9) / len(short))
    low, high = np.quantile(short, [1 - level, level], axis=0)
    return {"low": low.round(6).tolist(), "high": high.round(6).tolist()}
