"""The wheels of the calendar as numbers that are known ahead: hour, weekday, day of the year."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainwell.data.forecast.clock import SECOND

#: Wheels of the calendar and the microseconds of one turn.
WHEELS = {"hour": 86400 * SECOND, "weekday": 7 * 86400 * SECOND, "year": 365.2425 * 86400 * SECOND}


def wheels_that_turn(times: np.ndarray) -> tuple[str, ...]:
    """The wheels of the calendar in which these times (microseconds since 1970) take at least three places."""
    return tuple(name for name in WHEELS if len(np.unique(np.round(_turn(name, times), 3))) >= 3)


def _turn(wheel: str, times: np.ndarray) -> np.ndarray:
    return np.asarray(times % WHEELS[wheel] / WHEELS[wheel])


def calendar(wheels: Sequence[str], times: np.ndarray) -> np.ndarray:
    """Sine and cosine of each wheel at each time, (R, 2 * wheels).

    Example:
        >>> calendar(["hour"], np.array([0, 6 * 3600 * SECOND])).round(3).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    angles = [2 * np.pi * _turn(wheel, times) for wheel in wheels]
    return np.stack([f(a) for a in angles for f in (np.sin, np.cos)], axis=1) if wheels else np.empty((len(times), 0))
