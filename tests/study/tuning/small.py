"""A search over networks of a few dozen weights, with nothing left to measure."""

from __future__ import annotations

import numpy as np

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load

#: Trains in a blink; `threads` and `memory_format` are said, so that every run computes the same bits.
TINY = Recipe(
    model={"name": "mlp", "width": 4, "depth": 1}, epochs=2, batch_size=32, threads=1, compile="off", memory_format="contiguous"
)


def iris() -> Data:
    return load("iris", recipe=TINY)


def table(n: int = 90) -> Data:
    """Three classes told apart by the sum of two numbers."""
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=n), draw.normal(size=n)
    y = np.digitize(a + b, [-0.7, 0.7])
    return load({"a": a.tolist(), "b": b.tolist(), "y": [f"class {i}" for i in y]}, target="y", recipe=TINY.but(target="y"))
