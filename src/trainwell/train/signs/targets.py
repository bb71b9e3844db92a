"""Targets of any form as class codes."""

from __future__ import annotations

import numpy as np


def as_classes(y: np.ndarray) -> np.ndarray | None:
    """Class codes `(N,)` of codes, one-hot rows or a column of 0 and 1; None for numbers.

    Example:
        >>> as_classes(np.array([[0.0, 1.0], [1.0, 0.0]])).tolist()
        [1, 0]
    """
    y = np.asarray(y)
    if y.dtype.kind in "iub":
        return y.astype(np.int64).ravel() if y.size == len(y) else None
    if not len(y) or not np.isin(y, (0.0, 1.0)).all():
        return None
    if y.size == len(y):
        return y.astype(np.int64).ravel()
    return y.argmax(axis=1) if y.ndim == 2 and (y.sum(axis=1) == 1).all() else None
