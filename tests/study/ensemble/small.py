"""Small data and recipes for tests of ensembles."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load


def table(n: int = 300, *, regression: bool = False) -> Data:
    """Four numbers and a word, of which a curve and a product decide."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n, 4))
    score = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + draw.normal(0, 0.2, n)
    columns = {f"x{i}": x[:, i] for i in range(4)} | {"word": draw.choice(["a", "b", "c"], n)}
    target = score * 50 + 7 if regression else np.array(["low", "middle", "high"])[np.digitize(score, [-0.5, 0.5])]
    return load(pl.DataFrame(columns | {"y": target}), target="y")


def recipe(**changes: Any) -> Recipe:
    """A small network with nothing left to measurement."""
    fixed = {"threads": 1, "memory_format": "contiguous", "compile": "off", "batch_size": 32, "learning_rate": 0.01}
    return Recipe(**{**fixed, "model": {"name": "mlp", "width": 16}, "epochs": 4, **changes})
