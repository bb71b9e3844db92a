"""Moments and the steps of a regular clock: fixed steps such as an hour, or steps of the calendar such as a month."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from trainwell.core.errors import RecipeError

SECOND = 1_000_000  # moments are whole microseconds since 1970
DAY = 86400 * SECOND
_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}
_MONTHS = {"mo": 1, "q": 3, "y": 12}
#: Steps that clocks have; times that are only nearly regular are taken to be of the nearest of them.
_USUAL = ("1s", "5s", "10s", "15s", "30s", "1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "6h", "12h", "1d", "1w")


@dataclass(frozen=True)
class Clock:
    """A regular series of moments.

    Args:
        step: microseconds from one to the next; 0 where months are counted.
        months: months from one to the next; 0 for a fixed step.
        phase: the moment of step 0 for a fixed step; else microseconds into the month, below 0 before the end of it.
        first: with months: the month of step 0, counted from January 1970.

    Example:
        >>> clock = Clock.of("1mo")
        >>> clock.steps(np.array(["2024-01-31", "2024-02-01"], "datetime64[us]").astype(np.int64)).tolist()
        [648, 649]
    """

    step: int = 0
    months: int = 0
    phase: int = 0
    first: int = 0

    @classmethod
    def of(cls, every: str) -> Clock:
        """The clock of a text such as `15m`, `1h`, `1d`, `1w`, `1mo`, `1q`, `1y`, or a plain number for plain numbers.

        Raises:
            RecipeError: the text is no such step.
        """
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(every).strip())
        number, unit = (float(match[1]), match[2]) if match else (0.0, "")
        if unit in _MONTHS and number.is_integer() and number > 0:
            return cls(months=int(number) * _MONTHS[unit])
        size = {"": SECOND, "min": _UNITS["m"]} | _UNITS
        if unit not in size or number * size[unit] < 1:
            known = "Write 15m, 1h, 1d, 1w, 1mo, 1q or 1y."
            raise RecipeError(f"series.every={every!r} is no step of time", where="recipe key 'series.every'", remedy=known)
        return cls(step=round(number * size[unit]))

    def steps(self, moments: np.ndarray, *, nearest: bool = False) -> np.ndarray:
        """The number of the step in which each moment lies, or to which it is nearest; int64."""
        if self.months:
            return np.asarray((_month(moments) - self.first) // self.months)
        return np.asarray((moments - self.phase + (self.step // 2 if nearest else 0)) // self.step)

    def moments(self, steps: np.ndarray) -> np.ndarray:
        """The moment of each step, microseconds since 1970, int64."""
        if self.months:
            return _begin(steps * self.months + self.first + (self.phase < 0)) + self.phase
        return np.asarray(steps * self.step + self.phase)

    def in_phase(self, moments: np.ndarray) -> Clock:
        """The same clock, set so that most of the moments are its own."""
        if self.months:
            month = _month(moments)
            phases = [moments - _begin(month), moments - _begin(month + 1)]  # the first of the month, or the last
            phase = max((_most_frequent(found) for found in phases), key=lambda p: int((phases[p < 0] == p).sum()))
            return Clock(months=self.months, phase=phase, first=_most_frequent(month % self.months))
        return Clock(step=self.step, phase=_most_frequent(moments % self.step))

    def __str__(self) -> str:
        if self.months:
            unit = next(u for u in ("y", "q", "mo") if self.months % _MONTHS[u] == 0)
            return f"{self.months // _MONTHS[unit]}{unit}"
        unit = next((u for u in ("w", "d", "h", "m", "s") if self.step % _UNITS[u] == 0), "")
        return f"{self.step // _UNITS[unit]}{unit}" if unit else f"{self.step / SECOND:g}s"


def clock_of(moments: np.ndarray, series: np.ndarray) -> tuple[Clock, float]:
    """The clock that most of the moments follow, and the share of distances that are exactly one step.

    Args:
        moments: microseconds, (N,) int64, in order within each series.
        series: which series each belongs to, (N,).

    Example:
        >>> clock, share = clock_of(np.array([0, 1, 2, 4]) * 3600 * SECOND, np.zeros(4))
        >>> str(clock), round(share, 2)
        ('1h', 0.67)
    """
    distances = np.diff(moments)[series[1:] == series[:-1]]
    distances = distances[distances > 0]
    if not len(distances):
        return Clock(step=SECOND), 0.0
    days = distances / _UNITS["d"]
    for every, low, high in (("1mo", 28, 31), ("1q", 90, 92), ("1y", 365, 366)):
        share = float(((days >= low) & (days <= high)).mean())
        if share >= 0.8 and (every != "1mo" or len(np.unique(days)) > 1):
            return Clock.of(every).in_phase(moments), share
    step = _most_frequent(distances)
    share = float((distances == step).mean())
    if share < 0.5:  # stamps that wander: the usual step nearest to their median, in logarithms
        usual = np.array([Clock.of(every).step for every in _USUAL])
        step = int(usual[np.abs(np.log(usual / np.median(distances))).argmin()])
    return Clock(step=step).in_phase(moments), share


def _month(moments: np.ndarray) -> np.ndarray:
    """Months since January 1970, int64."""
    return moments.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def _begin(months: np.ndarray) -> np.ndarray:
    """The moment at which each month begins."""
    return months.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64)


def _most_frequent(values: np.ndarray) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])
