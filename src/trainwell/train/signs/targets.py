"""Targets of any form as class codes."""

from __future__ import annotations

import numpy as np


def as_classes(y: np.ndarray) -> np.ndarray | None:
    """Class codes `(N,)` of codes, one-hot rows, probabilities or a column of 0 and 1; None for numbers.

    Example:
        >>> as_classes(np.array([[0.0, 1.0], [1.0, 0.0]])).tolist()
        [1, 0]
    """
    y = np.asarray(y)
    if y.dtype.kind in "iub":
        return y.astype(np.int64).ravel() if y.size == len(y) else None
    if not len(y):
        return None
    if y.size == len(y):
        return y.astype(np.int64).ravel() if np.isin(y, (0.0, 1.0)).all() else None
    shares = y.ndim == 2 and bool((y >= 0).all() and (np.abs(y.sum(axis=1) - 1) < 1e-4).all())
    return y.argmax(axis=1) if shares else None
