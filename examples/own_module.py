"""Your own module and data set, trained, evaluated and resumed without rewriting either.

python examples/own_module.py
"""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import Dataset

import trainwell as tw


class Spirals(Dataset[tuple[torch.Tensor, int]]):
    """Points on two spirals; which one?"""

    def __init__(self, n: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        turn = 3 * torch.rand(n, generator=draw)
        self.labels = torch.arange(n) % 2
        angle = 2 * turn + torch.pi * self.labels
        noise = 0.05 * torch.randn(n, 2, generator=draw)
        self.points = torch.stack([turn * angle.cos(), turn * angle.sin()], dim=1) + noise

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.points[i], int(self.labels[i])


def main() -> None:
    module = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    program = tw.compile(module, Spirals(2000, seed=0), loss="cross_entropy", metrics=["accuracy"], learning_rate=5e-3)
    print(program.summary())
    program.fit(epochs=30)
    print(program.evaluate(Spirals(500, seed=1)))


if __name__ == "__main__":
    main()
