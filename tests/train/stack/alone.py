"""The same programs trained alone and as a stack, in float64, where agreement is a matter of arithmetic and not of luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.optim.schedules import Moment
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import Program, compile_program
from trainwell.train.fit import repeatable
from trainwell.train.machine import build_engine
from trainwell.train.make_plan import steps_of
from trainwell.train.plan import Machine
from trainwell.train.stack.batches import StackBatches
from trainwell.train.stack.engine import StackEngine

Weights = list[dict[str, Tensor]]


class Double(nn.Module):
    """A network that computes in float64."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.double()

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.network(*(x.double() if x.is_floating_point() else x for x in inputs))
        return out


def programs(recipes: Sequence[Recipe], data: Data) -> list[Program]:
    """Compiled programs with seeds 0, 1, … and float64 networks."""
    with repeatable():
        made = [compile_program(r, data.under(r), seed=seed) for seed, r in enumerate(recipes)]
    return [replace(p, network=Double(p.network)) for p in made]


def train_alone(made: Sequence[Program], steps: int) -> tuple[list[list[float]], Weights]:
    """Losses `[member][step]` and final weights to be judged, one network after the other."""
    losses: list[list[float]] = []
    weights: Weights = []
    with repeatable():
        for program in made:
            batches = build_batches(program)
            engine = build_engine(program, Machine(threads=1), steps=steps_of(program))
            program.network.train()
            rates = [[program.rate(Moment(step / steps))] for step in range(steps)]
            found = [engine.step(*batches[s], rates=rates[s], number=s)[0] for s in range(steps)]
            losses.append([float("nan") if x is None else x for x in found])
            engine.keep_best(0)
            weights.append(engine._best)
    return losses, weights


def train_together(made: Sequence[Program], steps: int) -> tuple[list[list[float]], Weights]:
    """The same from one stack."""
    with repeatable():
        batches = StackBatches([build_batches(p) for p in made])
        engine = StackEngine(made, batches)
        found = []
        for step in range(steps):
            rates = [p.rate(Moment(step / steps)) for p in made]
            found.append([float("nan") if x is None else x for x in engine.step(*batches[step], rates=rates, number=step)])
        for member in range(len(made)):
            engine.keep_best(member)
    return [list(column) for column in zip(*found, strict=True)], [engine._best[m] for m in range(len(made))]


def furthest(one: Any, other: Any) -> float:
    """The largest difference of losses or of weights."""
    pairs = zip(one, other, strict=True)
    if isinstance(one[0], dict):
        return max(float((a[n].double() - b[n].double()).abs().max()) for a, b in pairs for n in a)
    return float((torch.tensor(one, dtype=torch.float64) - torch.tensor(other, dtype=torch.float64)).abs().max())
