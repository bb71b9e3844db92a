"""Windows of a regular grid as views: example i is the moment before row i, what it looks back at, and what came after.

array (lookback + R + horizon, D), one row per step
example i:  |<- lookback: rows i .. i + lookback - 1 ->|<- horizon: rows i + lookback .. ->|
"""

from __future__ import annotations

import numpy as np


def padded(values: np.ndarray, lookback: int, horizon: int) -> np.ndarray:
    """The rows `(R, D)` as float32 with room for the windows of the first and the last of them, C-ordered."""
    out = np.zeros((lookback + len(values) + horizon, values.shape[1]), np.float32)
    out[lookback : lookback + len(values)] = values
    return out


def by_channel(array: np.ndarray) -> np.ndarray:
    """The same numbers laid out channel after channel: the steps of a window lie side by side, which gathers faster."""
    return np.ascontiguousarray(array.T).T


def looking_back(array: np.ndarray, rows: int, length: int) -> np.ndarray:
    """The `length` steps from each of the first `rows` rows on, channels first: `(rows, D, length)`, a view.

    Example:
        >>> looking_back(np.arange(5.0)[:, None], 3, 2)[:, 0].tolist()
        [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    """
    step, cell = array.strides
    shape = (rows, array.shape[1], length)
    return np.lib.stride_tricks.as_strided(array, shape, (step, cell, step), writeable=False)


def looking_ahead(array: np.ndarray, rows: int, lookback: int, horizon: int) -> np.ndarray:
    """What follows each window, step after step: `(rows, horizon * D)`, a view that is not written.

    Example:
        >>> looking_ahead(np.arange(8.0).reshape(4, 2), 2, 1, 2).tolist()
        [[2.0, 3.0, 4.0, 5.0], [4.0, 5.0, 6.0, 7.0]]
    """
    step, cell = array.strides
    shape = (rows, horizon * array.shape[1])
    return np.lib.stride_tricks.as_strided(array[lookback:], shape, (step, cell), writeable=False)


def counts_ahead(flags: np.ndarray, length: int) -> np.ndarray:
    """How many of the `length` entries from each place on are set, `(R,)` int64; places too near to the end count what is left.

    Example:
        >>> counts_ahead(np.array([True, False, True]), 2).tolist()
        [1, 1, 1]
    """
    sums = np.r_[0, np.cumsum(flags, dtype=np.int64)]
    stop = np.minimum(np.arange(len(flags)) + length, len(flags))
    return np.asarray(sums[stop] - sums[:-1])
