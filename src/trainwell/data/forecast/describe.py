"""What the card says about the columns of a forecast, and a look for columns that know the future."""

from __future__ import annotations

from shlex import quote
from typing import Any

import numpy as np

from trainwell.data.card import Check
from trainwell.data.forecast.grid import ROW, Grid
from trainwell.data.forecast.state import Forecast
from trainwell.data.kinds import number

#: A column that tells a channel's later value this much better than the channel itself does knows the future.
KNOWS = 0.999


def describe(grid: Grid, train: np.ndarray, state: Forecast) -> list[dict[str, Any]]:
    """One entry per column: quantiles and histogram of the training steps, first and last time."""
    names = grid.names
    shown = np.sort(grid.shown(grid.times[train]))
    time: dict[str, Any] = {"name": names.time or ROW, "kind": "datetime" if not grid.numbered else "number", "role": "time"}
    time |= {"why": f"steps of {grid.step}", "first": str(shown[0]), "last": str(shown[-1]), "missing": 0}
    time["middle"] = str(shown[len(shown) // 2])
    entries: list[dict[str, Any]] = [time]
    if names.id is not None:
        entries.append({"name": names.id, "kind": "key", "role": "id", "why": f"{len(grid.ids):,} series"})
    for place, name in enumerate(names.values):
        role = "target" if name in names.channels else "feature"
        when = "known ahead" if name in names.known else "known up to now" if name in names.past else "to be forecast"
        values = grid.values[:, place]
        entry = {"name": name, "kind": "number", "role": role, "why": when, "missing": int(np.isnan(values).sum())}
        entries.append(entry | number.summary(number.Distribution.of(values[train])) | _season(state, name))
    return entries


def _season(state: Forecast, name: str) -> dict[str, int]:
    return {"season": state.season} if name in state.channels else {}


def check_leaks(state: Forecast, values: np.ndarray, train: np.ndarray) -> list[Check]:
    """Says so where another column at one time is a channel at a later time, as a shifted copy of the target is.

    Args:
        state: the columns.
        values: scaled and filled, (R, D).
        train: training rows.
    """
    found = []
    c = len(state.channels)
    for place, name in enumerate((*state.past, *state.known), c):
        if lag := _future_told(values[train], place, c, state.horizon):
            steps = f"{lag} step{'s' if lag > 1 else ''}"
            key = quote(f"columns.{name}=ignore")
            text = f"Column {name!r} is what a forecast column will be {steps} later. Leave it out with {key}."
            found.append(Check("leak", "FAIL", text, name))
    return found


def _future_told(values: np.ndarray, place: int, channels: int, horizon: int) -> int:
    """The lag at which a column is a channel's future, and better than the channel's own present is; 0 for none."""
    column = values[:, place]
    for lag in range(1, min(horizon, len(values) // 4) + 1):
        for channel in values[:, :channels].T:
            told = _alike(column[:-lag], channel[lag:])
            if told > KNOWS and told > _alike(channel[:-lag], channel[lag:]) + (1 - KNOWS) / 10:
                return lag
    return 0


def _alike(a: np.ndarray, b: np.ndarray) -> float:
    """Absolute correlation; 0 for a constant."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return abs(float(a @ b)) / size if size > 1e-12 else 0.0
