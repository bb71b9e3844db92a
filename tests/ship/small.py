"""Small data of every kind and networks trained on them, which the tests of shipping share."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.train.fit import fit
from trainwell.train.run import Run

CITIES = ["Oslo", "Lima", "São Paulo", "Hà Nội"]


def people(n: int = 240, seed: int = 0) -> pl.DataFrame:
    """Numbers with gaps, words, yes and no, moments before and after 1970, a class and a number to predict."""
    draw = np.random.default_rng(seed)
    age = draw.normal(40, 12, n).round(1)
    moments = [datetime(1995, 6, 1) + timedelta(days=int(d), minutes=int(m)) for d, m in draw.integers(-12_000, 9_000, (n, 2))]
    return pl.DataFrame(
        {
            "age": [None if gap else float(a) for a, gap in zip(age, draw.random(n) < 0.05, strict=True)],
            "hours": draw.integers(10, 60, n),
            "price": np.exp(draw.normal(8, 2, n)),
            "city": [None if gap else str(c) for c, gap in zip(draw.choice(CITIES, n), draw.random(n) < 0.05, strict=True)],
            "member": draw.choice(["yes", "no"], n),
            "joined": moments,
            "rich": np.where(age + draw.normal(0, 10, n) > 40, "high", "low"),
        }
    )


def recipe(**changes: Any) -> Recipe:
    """A network of a few hundred weights, with nothing left to measurement."""
    fixed = {
        "threads": 1,
        "compile": "off",
        "memory_format": "contiguous",
        "batch_size": 32,
        "learning_rate": 0.01,
        "epochs": 2,
    }
    return Recipe(**{**fixed, "model": {"name": "mlp", "width": 16, "depth": 1}, "doctor": "off", **changes})


def trained(target: str = "rich", **changes: Any) -> Run:
    """A run on people, in memory."""
    chosen = recipe(**changes)
    return fit(chosen, load(people(), target=target, recipe=chosen))


def odd_rows(n: int, seed: int = 1) -> list[dict[str, Any]]:
    """Rows as they come from outside: unseen labels, gaps, infinity, text in numbers, columns in any order or not there."""
    draw = np.random.default_rng(seed)
    rows = []
    for row in people(n, seed=seed + 10).drop("rich").to_dicts():
        for name in list(row):
            if draw.random() < 0.15:
                row[name] = odd(name, draw)
        names = list(row)
        draw.shuffle(names)
        rows.append({name: row[name] for name in names if draw.random() > 0.03})
    return rows


def odd(name: str, draw: np.random.Generator) -> Any:
    """A cell that is not what the column expects."""
    numbers = [None, float("nan"), float("inf"), -float("inf"), 1e39, -1e300, "12.5", "twelve", "", "n/a", 0]
    cells = {
        "city": [None, "Mars", "", " Lima ", "NaN", "?", "oslo"],
        "member": [None, "YES", "No", "maybe", "", "unknown"],
        "joined": [None, "2021-02-28", "soon", "", datetime(1900, 2, 28, 23, 59, 59, 999_999), datetime(2100, 2, 28)],
    }
    choices = cells.get(name, numbers)
    return choices[draw.integers(len(choices))]
