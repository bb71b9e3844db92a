"""Small real trainings that several tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load, wrap

#: No `auto` is left to measurement: the same threads and layout on every machine.
FIXED = {
    "threads": 1,
    "memory_format": "contiguous",
    "compile": "off",
    "device": "cpu",
    "batch_size": 16,
    "metrics": ["accuracy"],
    "learning_rate": 0.01,
}


class Picky(nn.Module):
    """Convolution, batch norm and dropout: everything whose state or draws a resume could get wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.3), nn.Flatten())
        self.head = nn.Linear(6 * 36, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


def pictures(n: int = 160) -> Data:
    """Noisy stripes in three directions, `(n, 1, 8, 8)` bytes."""
    draw = np.random.default_rng(0)
    y = np.arange(n) % 3
    stripes = np.zeros((3, 8, 8))
    stripes[0, ::2], stripes[1, :, ::2], stripes[2, np.arange(8), np.arange(8)] = 200, 200, 250
    x = np.clip(stripes[y] + draw.normal(0, 60, (n, 8, 8)), 0, 255).astype(np.uint8)
    return wrap((x, y))


def numbers(n: int = 200, *, regression: bool = False) -> Data:
    """Five normal numbers and a target that four of them decide."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(n, 5)).astype(np.float32)
    score = x[:, 0] - x[:, 1] + x[:, 2] * x[:, 3]
    return wrap((x, score.astype(np.float32) if regression else (score > 0).astype(np.int64)))


def reviews(n: int = 80) -> Data:
    """Texts of four to nine words, beside a number, and whether they praise."""
    draw = np.random.default_rng(2)
    praise, blame = ["good", "fine", "tasty", "lovely"], ["bad", "cold", "slow", "awful"]
    filler = ["the", "soup", "was", "and", "place", "really", "a"]
    texts, liked = [], draw.integers(0, 2, n)
    for like in liked:
        tokens = [*draw.choice(filler, draw.integers(3, 8)), draw.choice(praise if like else blame)]
        texts.append(" ".join(draw.permutation(tokens)))
    columns = {"review": texts, "seats": draw.normal(size=n), "liked": ["no" if not x else "yes" for x in liked]}
    return load(columns, target="liked", recipe=Recipe(columns={"review": "text"}))


def recipe(**changes: Any) -> Recipe:
    """A recipe without anything left to measurement."""
    return Recipe(**{**FIXED, "model": Picky, "epochs": 4, **changes})


def weights(folder: Path) -> bytes:
    """The bytes of a finished run's weights."""
    return (folder / "weights.safetensors").read_bytes()
