"""The last window of every series of a table, from which its future is forecast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from trainwell.core.errors import DataError, did_you_mean
from trainwell.core.recipe_sections import Series
from trainwell.data.forecast.calendar_features import calendar
from trainwell.data.forecast.grid import ROW, Grid, regular
from trainwell.data.forecast.state import Forecast
from trainwell.data.source import Source


@dataclass
class Ends:
    """The last window of each series.

    Args:
        ids: names of the series, (S,).
        times: the moments that are forecast, (S, horizon) as the table has them.
        arrays: the network's inputs by name, (S, …).
        centre: (S, C) of the channels, to turn forecasts into their own unit.
        spread: (S, C).
        problems: (series, column, sentence).
    """

    ids: list[str]
    times: list[np.ndarray] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    centre: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    spread: np.ndarray = field(default_factory=lambda: np.ones((0, 0)))
    problems: list[tuple[int, str, str]] = field(default_factory=list)

    def table(self, state: Forecast, values: np.ndarray, limits: Mapping[str, np.ndarray]) -> pl.DataFrame:
        """Forecasts `(S, horizon * C)`, scaled, as rows of series, time, columns in their own unit, and limits."""
        columns = (
            [] if state.id is None else [pl.Series(state.id, np.repeat(self.ids, state.horizon).tolist(), dtype=pl.String)]
        )
        columns.append(pl.Series(state.time or ROW, np.concatenate(self.times) if self.times else []))
        for end, given in {"": values, **limits}.items():
            steps = given.reshape(len(self.ids), state.horizon, -1) * self.spread[:, None] + self.centre[:, None]
            names = [f"{name}_{end}" if end else name for name in state.channels]
            columns += [pl.Series(name, steps[:, :, place].ravel()) for place, name in enumerate(names)]
        said = [self._said(place) for place in range(len(self.ids)) for _ in range(state.horizon)]
        return pl.DataFrame([*columns, pl.Series("problem", said, dtype=pl.String)])

    def _said(self, place: int) -> str | None:
        texts = [f"{column}: {text}" if column else text for row, column, text in self.problems if row in (place, -1)]
        return "; ".join(texts) or None


def ends_of(source: Source, state: Forecast) -> Ends:
    """The last window of every series in `source`, put on the grid of the training and scaled as there.

    The forecast begins after the last step at which any forecast column was measured; later rows give what is known
    ahead. A history that is too short counts as average before it begins; that and other oddities are in `problems`.

    Raises:
        DataError: a column of the training is missing, or nothing was measured.
    """
    for name in (state.time, state.id, *state.channels):
        if name and name not in source.frame.columns:
            raise DataError(
                f"there is no column {name!r}", where=source.origin, remedy=did_you_mean(name, source.frame.columns)
            )
    if not len(source):
        raise DataError("there are no rows to forecast from", where=source.origin, remedy="Give the past of each series.")
    absent = [n for n in (*state.past, *state.known) if n not in source.frame.columns]
    frame = source.table.with_columns(pl.lit(None, pl.Float64).alias(name) for name in absent)
    grid = regular(replace(source, frame=frame, parts=None), state.names, Series(), clock=state.ticking)
    ends = Ends([])
    ends.problems += [(-1, name, "the column is missing; it counts as average") for name in absent]
    windows = list(_windows(grid, state, ends))
    if not windows:
        raise DataError(
            f"not one value of {', '.join(state.channels[:5])} was measured",
            where=source.origin,
            remedy="Give their past, and below it the future rows.",
        )
    ends.arrays = {name: np.concatenate([w[name] for w in windows]) for name in state.shape.names}
    return ends


def _windows(grid: Grid, state: Forecast, ends: Ends) -> Iterator[dict[str, np.ndarray]]:
    """Inputs of one series after the other; fills in what `ends` says about it."""
    c = len(state.channels)
    centre, spread = state.scales(grid)
    known = set(state.ids)
    for number in np.unique(grid.series):
        rows = np.flatnonzero(grid.series == number)
        measured = np.flatnonzero(~np.isnan(grid.values[rows, :c]).all(axis=1))
        if not len(measured):
            continue
        place, end = len(ends.ids), int(measured[-1]) + 1
        one = _with_future(grid, rows, end, state)
        ends.ids.append(grid.ids[number])
        ends.times.append(grid.shown(one.times[end:]))
        scale = centre[rows[:1], :c], spread[rows[:1], :c]
        ends.centre = np.concatenate([ends.centre.reshape(-1, c), scale[0]])
        ends.spread = np.concatenate([ends.spread.reshape(-1, c), scale[1]])
        ends.problems += [(place, "", text) for text in _odd(one, end, state, grid.ids[number] in known)]
        views = state.views(state.scaled(one), calendar(state.wheels, one.times))
        yield {name: views[name][end : end + 1] for name in state.shape.names}


def _with_future(grid: Grid, rows: np.ndarray, end: int, state: Forecast) -> Grid:
    """One series up to its last measured row `end`, and `horizon` steps more in which only what is known ahead is left."""
    begin = grid.clock.steps(grid.times[rows[:1]], nearest=bool(grid.clock.step))[0]
    times = grid.clock.moments(begin + np.arange(end + state.horizon))
    values = np.full((end + state.horizon, grid.values.shape[1]), np.nan)
    kept = min(len(rows), len(values))
    values[:kept] = grid.values[rows[:kept]]
    values[end:, : len(state.channels) + len(state.past)] = np.nan
    return replace(grid, times=times, series=np.full(len(times), grid.series[rows[0]]), values=values, parts=None)


def _odd(one: Grid, end: int, state: Forecast, seen: bool) -> Iterator[str]:
    if not seen:
        yield "training never saw this series; it is scaled by its own rows"
    if end < state.lookback:
        yield f"only {end:,} of the {state.lookback:,} steps that the network looks back at are there"
    window = one.values[max(0, end - state.lookback) : end, : len(state.channels)]
    if n := int(np.isnan(window).any(axis=1).sum()):
        yield f"{n:,} of the last steps were not measured and hold the value before them"
    ahead = one.values[end:, len(state.channels) + len(state.past) :]
    if n := int(np.isnan(ahead).any(axis=1).sum()):
        yield f"{n:,} future steps of {', '.join(state.known)} are missing and hold the value before them"
