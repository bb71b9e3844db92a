"""From what the user wishes to a search, its ledger and its clock; the same in every worker."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainwell.core.errors import DataError, RecipeError, UsageError, did_you_mean
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.score.registry import metrics
from trainwell.study.scores import check_metric, higher_is_better, metric_of
from trainwell.study.tuning.brackets import Brackets
from trainwell.study.tuning.dimension import Choice, Range
from trainwell.study.tuning.ledger import Ledger, kept_terms, open_storage
from trainwell.study.tuning.ranges import usual_space
from trainwell.study.tuning.sampling import METHODS, Method
from trainwell.study.tuning.search import Search
from trainwell.study.tuning.space import Space, read_space
from trainwell.study.tuning.workers import Deadline

#: Candidates in flight, over all batches, when nobody says.
IN_FLIGHT, LEAST_BATCH, BRACKET = 16, 4, 27
PRUNING = ("none", "halving", "hyperband")


@dataclass(frozen=True)
class Wishes:
    """The arguments of `tune`, as JSON can say them.

    Args:
        space: key → text, list of values, or the fields of a `Range`; None for the usual keys.
        trials: candidates; None is 64, or the whole grid.
        method: how they are proposed.
        prune: "none", "halving" or "hyperband".
        rungs: budgets of halving.
        keep: of how many one goes on.
        metric: what is scored.
        folds: validation parts; 0 is one holdout.
        seeds: trainings of each candidate on each split.
        batch: candidates trained at once.
        parallel: batches in flight.
        workers: processes.
        seed: of everything.
        folder: of the study.
        storage: a database's URL or a journal's path.
        name: of the study.
        until: when the search has to end, on the clock `time.time`; 0 is never.
    """

    space: Mapping[str, Any] | None = None
    trials: int | None = None
    method: Method = "tpe"
    prune: str = "none"
    rungs: int = 3
    keep: int = 3
    metric: str | None = None
    folds: int = 0
    seeds: int = 1
    batch: int | None = None
    parallel: int | None = None
    workers: int = 1
    seed: int = 0
    folder: str | None = None
    storage: str | None = None
    name: str = "study"
    until: float = 0.0

    def __post_init__(self) -> None:
        for key, value, known in (("method", self.method, METHODS), ("prune", self.prune, PRUNING)):
            if value not in known:
                raise UsageError(f"there is no {key} {value!r}", remedy=did_you_mean(value, known))
        for key, number, least in (
            ("seeds", self.seeds, 1),
            ("workers", self.workers, 1),
            ("trials", 1 if self.trials is None else self.trials, 1),
        ):
            if number < least:
                raise UsageError(f"{key} must be at least {least}, however: {key}={number}")
        if self.folds < 0 or self.folds == 1:
            raise UsageError(f"folds must be 0 or at least 2, however: folds={self.folds}")
        if not re.fullmatch(r"[\w.-]{1,80}", self.name):
            raise UsageError(f"a study cannot be called {self.name!r}", remedy="Use letters, digits, '-', '_' and '.'.")
        if (self.workers > 1 or self.storage) and self.folder is None:
            raise UsageError("several workers meet in a folder", remedy="Give folder=….")

    def to_dict(self) -> dict[str, Any]:
        """The wishes for a worker."""
        return asdict(self)


@dataclass(frozen=True)
class Study:
    """A search that is ready to run.

    Args:
        search: what candidates mean.
        ledger: where they stand.
        trials: candidates in all.
        runs: folder of the runs; None keeps them in memory.
        deadline: when to stop.
    """

    search: Search
    ledger: Ledger
    trials: int
    runs: Path | None
    deadline: Deadline


def prepare(recipe: Recipe, data: Data, wishes: Wishes) -> Study:
    """Check the wishes and open, or continue, the study.

    Raises:
        RecipeError: the space or the metric does not fit.
        DataError: there are no validation rows to choose by.
        CheckpointError: the folder or storage holds a study under other terms.
        MissingExtra: Optuna is not installed.
    """
    folder = Path(wishes.folder) if wishes.folder else None
    storage, claims = open_storage(wishes.storage, folder, name=wishes.name)
    kept = kept_terms(storage, wishes.name)
    if recipe.threads == "auto" and (wishes.workers > 1 or wishes.storage):
        recipe = recipe.but(threads=1)  # workers share the cores, and all of them have to compute the same bits
    search = make_search(recipe, data, wishes, kept)
    ledger = Ledger(storage, wishes.name, claims, space=search.space, maximize=search.maximize, terms=search.terms(data))
    trials = search.brackets.whole(_trials(search, wishes))
    at = time.monotonic() + wishes.until - time.time() if wishes.until else float("inf")
    return Study(search, ledger, trials, folder / "runs" if folder else None, Deadline(at))


def make_search(recipe: Recipe, data: Data, wishes: Wishes, kept: Mapping[str, Any]) -> Search:
    """The search of these wishes; what they leave open is as it was when the study began."""
    if recipe.target is None:
        recipe = recipe.but(target=data.recipe.target)
    facts = data.under(recipe).facts
    resolved = recipe.resolved(facts)[0]
    space = read_space(_as_said(wishes.space) if wishes.space else usual_space(resolved), recipe, resolved=resolved)
    metric = wishes.metric or metric_of(resolved)
    maximize = _direction(metric, facts.task)
    _check_rows(data.under(recipe), wishes)
    if wishes.prune != "none" and resolved.time_limit:
        raise RecipeError("halving shortens a run by its epochs, and this recipe limits its time", remedy="Set time_limit=0.")
    parallel = wishes.parallel or kept.get("parallel") or wishes.workers
    return Search(
        space=space,
        facts=facts,
        method=wishes.method,
        brackets=_brackets(wishes, kept, parallel),
        metric=metrics[metric].__name__,
        maximize=maximize,
        seed=wishes.seed,
        seeds=wishes.seeds,
        folds=wishes.folds,
        parallel=parallel,
    )


def _as_said(space: Mapping[str, Any]) -> dict[str, Any]:
    """Ranges and choices back from what JSON made of them."""
    return {key: Range(**v) if isinstance(v, Mapping) and {"low", "high"} <= v.keys() else v for key, v in space.items()}


def as_json(space: Space) -> dict[str, Any]:
    """A space as JSON can say it, for a worker."""
    return {key: list(d.values) if isinstance(d, Choice) else asdict(d) for key, d in space.dimensions.items()}


def _brackets(wishes: Wishes, kept: Mapping[str, Any], parallel: int) -> Brackets:
    most = BRACKET if wishes.prune != "none" else max(LEAST_BATCH, IN_FLIGHT // parallel)
    size = wishes.batch or kept.get("batch") or min(most, wishes.trials or most)
    if wishes.prune == "none":
        return Brackets(size)
    return Brackets(size, rungs=wishes.rungs, keep=wishes.keep, mixed=wishes.prune == "hyperband")


def _trials(search: Search, wishes: Wishes) -> int:
    if wishes.method == "grid":
        size = len(search.space.grid())
        return min(size, wishes.trials or size)
    return wishes.trials or 64


def _direction(metric: str, task: str) -> bool:
    """Whether more of the metric is better; a metric that does not fit is an error."""
    check_metric(metric, task)
    return higher_is_better(metric)


def _check_rows(data: Data, wishes: Wishes) -> None:
    if not wishes.folds and not len(data.rows["valid"]):
        remedy = "Set split.valid above 0, or give folds=5."
        raise DataError("there are no validation rows to choose by", where=data.card.origin, remedy=remedy)
