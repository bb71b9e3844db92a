"""The range test: train a few steps with a rate that grows from tiny to absurd, and read the best one off the loss."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

from trainwell.core.errors import TrainingError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import Program, compile_program
from trainwell.train.fit import repeatable
from trainwell.train.machine import build_engine
from trainwell.train.plan import Machine


@dataclass(frozen=True)
class RateRange:
    """What the range test saw.

    Args:
        rates: learning rates tried, ascending.
        losses: smoothed training loss at each.
        suggestion: where the loss falls fastest on a log scale: a good top rate.
        largest: the last rate before the loss rises.
    """

    rates: list[float]
    losses: list[float]
    suggestion: float
    largest: float

    def __str__(self) -> str:
        return f"learning_rate={self.suggestion:.2g} falls fastest; above {self.largest:.2g} the loss rises"


def find_rate(
    recipe: Recipe, data: Data, *, seed: int = 0, steps: int = 120, lowest: float = 1e-6, highest: float = 10.0
) -> RateRange:
    """Try growing learning rates on a fresh network and suggest one (learning-rate range test).

    Args:
        recipe: the recipe whose rate is sought; its own rate and schedule are ignored.
        data: loaded data.
        seed: seed of the network and the batches.
        steps: number of rates tried.
        lowest: first rate.
        highest: last rate; the test ends earlier when the loss has quadrupled.

    Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017.

    Example:
        >>> from trainwell.data.load import load
        >>> found = find_rate(Recipe(preset="quick"), load("iris"), steps=40)
        >>> 1e-6 < found.suggestion < 10
        True
    """
    demand(data, recipe)
    data = data.under(recipe)
    with repeatable():
        program = compile_program(recipe, data, seed=seed)
        rates = [lowest * (highest / lowest) ** (i / (steps - 1)) for i in range(steps)]
        losses = _losses(program, rates)
    if len(losses) < 8:
        raise TrainingError("the loss exploded at once", remedy="Check the data and the loss, or give a smaller lowest rate.")
    fastest = _steepest(losses)
    lowest_loss = min(range(len(losses)), key=losses.__getitem__)
    return RateRange(rates[: len(losses)], losses, suggestion=rates[fastest], largest=rates[lowest_loss])


def _losses(program: Program, rates: list[float]) -> list[float]:
    batches = build_batches(program)
    engine = build_engine(program, Machine(threads=torch.get_num_threads(), device=str(program.device)))
    smooth, average, found = 0.9, 0.0, list[float]()
    try:
        for number, rate in enumerate(rates):
            inputs, target = batches[number]
            (loss,) = engine.step(inputs, target, rates=[rate], number=number)
            if loss is None:
                break
            average = smooth * average + (1 - smooth) * loss
            found.append(average / (1 - smooth ** (number + 1)))
            if found[-1] > 4 * min(found):
                break
    finally:
        batches.close()
    return found


def _steepest(losses: list[float]) -> int:
    """Index at which the smoothed loss falls fastest, before its minimum."""
    end = max(2, min(range(len(losses)), key=losses.__getitem__))
    falls = [before - after for before, after in pairwise(losses[: end + 1])]
    return max(range(len(falls)), key=falls.__getitem__)
