"""A search: which candidates there are, how one is trained and scored, and what a batch of them costs and brings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import to_yaml
from trainwell.core.shape import Facts
from trainwell.data.data import Data
from trainwell.study.cost import seconds_of
from trainwell.study.scores import score_runs
from trainwell.study.tuning.brackets import Brackets, shortened
from trainwell.study.tuning.sampling import Method, Trial, propose
from trainwell.study.tuning.space import Space
from trainwell.train.many import fit_orders
from trainwell.train.run import Run
from trainwell.train.units import Order, order_name

Event = dict[str, Any]
Observer = Callable[[Event], Any]
#: Processes among which one batch may be shared: a worker that has others beside it takes one.
Processes = int | Literal["auto"]


@dataclass(frozen=True)
class Search:
    """Everything that decides the candidates and their scores.

    Args:
        space: what is searched, around which recipe.
        facts: of the data, from which every candidate's `auto` is filled in, the same for all folds.
        method: how candidates are proposed.
        brackets: how they are put into batches and halved.
        metric: what is scored.
        maximize: whether more of it is better.
        seed: of the proposals, and the first seed of the trainings.
        seeds: trainings of a candidate on each split, with seeds from `seed` on.
        folds: validation parts; 0 is the recipe's own holdout.
        parallel: batches in flight: batch b is proposed from the scores of the batches up to b - parallel.
    """

    space: Space
    facts: Facts
    method: Method
    brackets: Brackets
    metric: str
    maximize: bool
    seed: int = 0
    seeds: int = 1
    folds: int = 0
    parallel: int = 1

    def terms(self, data: Data) -> dict[str, Any]:
        """What a study is known by: whoever continues it must mean the same."""
        brackets = self.brackets
        return {
            "data": data.fingerprint,
            "recipe": to_yaml(self.space.base),
            "space": self.space.to_dict(),
            "method": self.method,
            "metric": self.metric,
            "seed": self.seed,
            "seeds": self.seeds,
            "folds": self.folds,
            "batch": brackets.size,
            "rungs": brackets.rungs,
            "keep": brackets.keep,
            "hyperband": brackets.mixed,
            "parallel": self.parallel,
        }

    def recipe(self, params: Mapping[str, Any]) -> Recipe:
        """A candidate's recipe, without any `auto`, on the holdout split."""
        recipe = self.space.recipe(params).resolved(self.facts)[0]
        return recipe if self.metric in recipe.metrics else recipe.but(metrics=[*recipe.metrics, self.metric])

    def orders(self, params: Mapping[str, Any], *, rung: int) -> list[Order]:
        """The trainings whose mean is the candidate's score at a rung."""
        recipe = shortened(self.recipe(params), self.brackets.fraction(rung))
        splits = [recipe.but(split__fold=f, split__folds=self.folds) for f in range(self.folds)] or [recipe]
        return [(split, seed) for split in splits for seed in range(self.seed, self.seed + self.seeds)]

    @property
    def looks_back(self) -> bool:
        """Whether proposals depend on scores."""
        return self.method in ("tpe", "gp")

    def needs(self, batch: int) -> int:
        """How many of the first batches must have ended before this one is proposed."""
        return max(0, batch - self.parallel + 1) if self.looks_back else 0

    def propose(self, number: int, before: Sequence[Trial]) -> dict[str, Any]:
        """The values of a candidate, given those before it; scores that it must not look at yet are not looked at."""
        may_see = self.brackets.members(self.needs(self.brackets.batch_of(number))).start
        seen = [
            t if t.number < may_see else replace(t, state="open", score=None, rungs={}) for t in before if t.number < number
        ]
        return propose(self.space, self.method, number=number, seed=self.seed, seen=seen, maximize=self.maximize)

    def better(self, score: float) -> float:
        """The score turned so that less is better, for sorting."""
        return -score if self.maximize else score

    @property
    def worst(self) -> float:
        """The score of a training that became not finite."""
        return -math.inf if self.maximize else math.inf

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """The best candidate that had the full budget; of equal ones the first."""
        done = [t for t in trials if t.state == "done" and t.score is not None and math.isfinite(t.score)]
        return min(done, key=lambda t: (self.better(t.score or 0.0), t.number), default=None)


def train_batch(
    search: Search,
    batch: int,
    members: Sequence[Trial],
    data: Data,
    *,
    folder: Path | None,
    observers: Sequence[Observer] = (),
    processes: Processes = "auto",
) -> list[Trial]:
    """Train and score a batch, rung by rung.

    Args:
        search: what candidates mean.
        batch: its number.
        members: all its candidates, also those whose score is known already: the others are trained beside them.
        data: loaded data.
        folder: where runs are kept, and found again after a crash; None keeps them in memory.
        observers: called with each measurement.
        processes: most of them that share the batch.

    Returns:
        The members with their scores: `done` with the full budget, or `dropped`.
    """
    found = {t.number: replace(t, state="open", score=None, rungs={}, seconds=0.0) for t in members}
    alive = list(found)
    for rung, n in search.brackets.ladder(batch, len(alive)):
        alive = sorted(alive, key=lambda i: (search.better(found[i].score or 0.0), i))[:n]
        chosen = [found[i].params for i in sorted(alive)]
        scores = score_candidates(search, chosen, data, rung=rung, folder=folder, observers=observers, processes=processes)
        for i, (score, seconds) in zip(sorted(alive), scores, strict=True):
            rungs = {**found[i].rungs, rung + 1: score} if search.brackets.rungs > 1 else {}
            found[i] = replace(found[i], score=score, rungs=rungs, seconds=found[i].seconds + seconds)
    return [replace(t, state="done" if t.number in alive else "dropped") for t in found.values()]


def score_candidates(
    search: Search,
    candidates: Sequence[Mapping[str, Any]],
    data: Data,
    *,
    rung: int,
    folder: Path | None,
    observers: Sequence[Observer] = (),
    processes: Processes = "auto",
) -> list[tuple[float, float]]:
    """The mean score of each candidate over its trainings, and the seconds they took; all are trained in one call."""
    wanted = [search.orders(params, rung=rung) for params in candidates]
    distinct = {order_name(order): order for orders in wanted for order in orders}
    trained = run_orders(list(distinct.values()), data, folder=folder, observers=observers, processes=processes)
    runs = dict(zip(distinct, trained, strict=True))
    scores = dict(zip(runs, score_runs(list(runs.values()), data, metric=search.metric), strict=True))
    found = []
    for orders in wanted:
        names = [order_name(order) for order in orders]
        mean = float(np.mean([scores[name] for name in names]))
        seconds = seconds_of([runs[name] for name in names])
        found.append((mean if math.isfinite(mean) else search.worst, seconds))
    return found


def run_orders(
    orders: Sequence[Order],
    data: Data,
    *,
    folder: Path | None,
    observers: Sequence[Observer] = (),
    processes: Processes = "auto",
) -> list[Run]:
    """`fit_orders`, whose observers also hear how many trainings there are."""

    def watch(row: Event) -> None:
        for observer in observers:
            observer({**row, "runs": len(orders)})

    return fit_orders(orders, data, folder=folder, observers=[watch] if observers else [], workers=processes)
