"""What is fitted on the training steps of a forecast, and how raw rows become the last window of each series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from trainwell.core.shape import Input, Shape
from trainwell.data.forecast.calendar_features import calendar
from trainwell.data.forecast.clock import Clock
from trainwell.data.forecast.grid import Grid, Names, carried_forward
from trainwell.data.forecast.windows import by_channel, looking_ahead, looking_back, padded


@dataclass(frozen=True)
class Forecast:
    """What every window needs to know; plain values and arrays.

    Args:
        time: the column of times; "" where the order of the rows is the time.
        id: the column that tells series apart, or None.
        channels: what is forecast.
        past: number columns known up to now.
        known: number columns known ahead.
        wheels: of the calendar, also known ahead.
        clock: step, months, phase and first month of the grid.
        lookback: steps a network sees.
        horizon: steps it forecasts.
        season: steps of a season; 1 is none.
        numbered: whether the times are plain numbers.
        ids: names of the training series, in order.
        centre: (S, D) means of channels, past and known columns over the training steps of each series.
        spread: (S, D) their deviations.
        naive: (S, C) mean size of the step from one season to the next in the training steps, scaled; MASE divides by it.
    """

    time: str
    id: str | None
    channels: tuple[str, ...]
    past: tuple[str, ...]
    known: tuple[str, ...]
    wheels: tuple[str, ...]
    clock: tuple[int, int, int, int]
    lookback: int
    horizon: int
    season: int
    numbered: bool
    ids: tuple[str, ...]
    centre: np.ndarray
    spread: np.ndarray
    naive: np.ndarray

    @property
    def names(self) -> Names:
        return Names(self.time, self.id, self.channels, self.past, self.known)

    @property
    def ticking(self) -> Clock:
        return Clock(*self.clock)

    @property
    def shape(self) -> Shape:
        """The network's inputs: the series, and what else is known of the past and of the future, where there is any."""
        ahead = (*self.known, *(f"{wheel}.{part}" for wheel in self.wheels for part in ("sin", "cos")))
        sizes = {"series": (self.channels, self.lookback), "past": (self.past, self.lookback)}
        sizes["ahead"] = (ahead, self.lookback + self.horizon)
        return Shape(
            tuple(
                Input(name, "series", (len(columns), length), columns=columns, horizon=self.horizon)
                for name, (columns, length) in sizes.items()
                if columns
            )
        )

    def places(self, names: list[str]) -> np.ndarray:
        """The number of each series in `ids`; -1 for one that training never saw."""
        known = {name: place for place, name in enumerate(self.ids)}
        return np.array([known.get(name, -1) for name in names], np.int64)

    def scales(self, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
        """Centre and spread of each row of a grid, (R, D); series that training never saw are scaled by their own rows."""
        place = self.places(list(grid.ids))
        centre, spread = self.centre[place], self.spread[place]  # -1 is replaced below
        for number in np.flatnonzero(place < 0):
            own = grid.values[grid.series == number]
            if len(own):
                centre[number], spread[number] = scale_of(own)
        return centre[grid.series], spread[grid.series]

    def arrays(self, grid: Grid) -> dict[str, np.ndarray]:
        """Inputs and target of every row of a grid by name: views of one scaled array each."""
        return self.views(self.scaled(grid), calendar(self.wheels, grid.times))

    def scaled(self, grid: Grid) -> np.ndarray:
        """The grid's values with mean 0 and deviation 1, empty cells filled with the last value before them, (R, D)."""
        centre, spread = self.scales(grid)
        return carried_forward((grid.values - centre) / spread, grid.series)

    def views(self, values: np.ndarray, wheels: np.ndarray) -> dict[str, np.ndarray]:
        """Windows of scaled values `(R, D)` and of what the calendar says `(R, W)`."""
        rows, c, p = len(values), len(self.channels), len(self.channels) + len(self.past)
        array = padded(values[:, :c], self.lookback, self.horizon)
        found = {"series": looking_back(by_channel(array), rows, self.lookback)}
        found["target"] = looking_ahead(array, rows, self.lookback, self.horizon)
        if self.past:
            past = padded(values[:, c:p], self.lookback, self.horizon)
            found["past"] = looking_back(by_channel(past), rows, self.lookback)
        if self.known or self.wheels:
            both = padded(np.concatenate([values[:, p:], wheels], axis=1), self.lookback, self.horizon)
            found["ahead"] = looking_back(by_channel(both), rows, self.lookback + self.horizon)
        return found

    def to_plain(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON values, and arrays by name."""
        given = asdict(self)
        arrays = {name: given.pop(name) for name in ("centre", "spread", "naive")}
        return given, arrays

    @classmethod
    def from_plain(cls, given: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Forecast:
        """What `to_plain` wrote."""
        listed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
        return cls(**{f.name: (listed | dict(arrays))[f.name] for f in fields(cls)})


def scale_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each column of (n, D), NaN left out; 0 and 1 for an empty column, deviation 1 for a constant one.

    Example:
        >>> scale_of(np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, np.nan]]))
        (array([2., 5.]), array([1., 1.]))
    """
    there = ~np.isnan(values)
    n = np.maximum(there.sum(axis=0), 1)
    centre = np.where(there, values, 0).sum(axis=0) / n
    spread = np.sqrt((np.where(there, values - centre, 0) ** 2).sum(axis=0) / n)
    return centre, np.where(spread > np.maximum(1e-9 * np.abs(centre), 1e-250), spread, 1.0)
