"""The season of a series: after how many steps it repeats itself best."""

from __future__ import annotations

import numpy as np

#: The least autocorrelation that counts as a season.
LEAST = 0.25
#: Steps looked at: enough for a year of hours, little enough for one transform.
MOST_STEPS = 1 << 16


def season_of(values: np.ndarray) -> tuple[int, float]:
    """The most telling season in steps and its autocorrelation; (1, 0.0) where nothing repeats.

    Of lags that repeat about as well, the shortest is taken. The straight line through the values is taken out first.

    Args:
        values: (T, C) finite numbers, in order of time.

    Source: the autocorrelation function, Box and Jenkins, "Time series analysis", 1970.

    Example:
        >>> season_of(np.sin(np.arange(400) * 2 * np.pi / 24)[:, None])[0]
        24
    """
    values = values[-MOST_STEPS:].astype(np.float64)
    n = len(values)
    if n < 8:
        return 1, 0.0
    found = np.mean([_autocorrelation(column) for column in values.T], axis=0)[: n // 3 + 1]
    peaks = np.flatnonzero((found[1:-1] > found[:-2]) & (found[1:-1] >= found[2:])) + 1
    peaks = peaks[(peaks > 1) & (found[peaks] >= max(LEAST, 3 / np.sqrt(n)))]
    if not len(peaks):
        return 1, 0.0
    best = peaks[found[peaks] >= 0.9 * found[peaks].max()][0]
    return int(best), float(found[best])


def _autocorrelation(column: np.ndarray) -> np.ndarray:
    """Of one channel at all lags, (T,); zeros for a straight line."""
    n = len(column)
    time = np.arange(n) - (n - 1) / 2
    left = column - column.mean()
    left = left - time * (time @ left / max(1.0, time @ time))
    if left.std() < 1e-9 * max(1.0, float(np.abs(column).max())):
        return np.zeros(n)
    power = np.abs(np.fft.rfft(left, 2 * n)) ** 2
    products = np.fft.irfft(power)[:n] / np.arange(n, 0, -1)  # each lag by its own number of pairs
    return np.asarray(products / products[0])
