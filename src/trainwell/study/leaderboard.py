"""A leaderboard that admits ties, says what each place costs, and takes the luck of choosing out of the winner's score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainwell.core.atomic import write_json
from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.stats import Floats, Interval
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.evaluate.evaluation import label
from trainwell.score.metric import Statistic
from trainwell.score.registry import metrics
from trainwell.study.compare import FalseAlarms, aa_check
from trainwell.study.cost import seconds_of
from trainwell.study.intervals import corrected_interval, mean_interval
from trainwell.study.recipe_names import named_by_difference
from trainwell.study.repeats import again, repeats
from trainwell.study.scores import check_metric, higher_is_better, metric_of, predictions_of_all, score_runs
from trainwell.study.ties import filled, tie_groups
from trainwell.study.verdict import pair_interval
from trainwell.train.job import Observer
from trainwell.train.many import Order, fit_orders
from trainwell.train.run import Run

#: From this many times cheaper on, a tie is worth a sentence.
CHEAPER = 1.5


@dataclass(frozen=True)
class Place:
    """One candidate of a leaderboard.

    Args:
        name: how it is called.
        scores: on validation rows, one per seed; NaN where the run became not finite.
        mean: their mean, with the interval corrected for shared training rows.
        group: 0 for those that cannot be told from the best, 1 for those that cannot be told from the best of the rest, ….
        behind: mean difference from the first place over pairs in which both finished; None for the first place itself.
        seconds: mean time of one training.
        parameters: weights of the network; 0 when every run became not finite.
        failed: runs that became not finite.
    """

    name: str
    scores: list[float]
    mean: Interval
    group: int
    behind: Interval | None
    seconds: float
    parameters: int
    failed: int


@dataclass(frozen=True)
class Leaderboard:
    """Candidates, the best first.

    Args:
        metric: the score.
        seeds: of the repeats.
        places: the candidates in the order of their mean score.
        held_out: score of the first place on test rows, which took no part in the choice; None without test rows.
        false_alarms: the first place against itself.
    """

    metric: str
    seeds: list[int]
    places: list[Place]
    held_out: Interval | None = None
    false_alarms: FalseAlarms | None = None

    @property
    def ties(self) -> list[Place]:
        """The candidates that cannot be told from the best."""
        return [place for place in self.places if place.group == 0]

    @property
    def optimism(self) -> float:
        """By how much better the first place looks on the rows that chose it than on test rows; NaN without them."""
        if self.held_out is None:
            return float("nan")
        sign = 1.0 if higher_is_better(self.metric) else -1.0
        return sign * (self.places[0].mean.value - self.held_out.value)

    @property
    def sentences(self) -> list[str]:
        """What the table says, in words."""
        found = [self._tie_sentence()]
        if self.held_out is not None:
            chosen, d = self.places[0].mean, self.held_out.decimals
            luck = f"on the validation rows that chose it, it looked {abs(self.optimism):.{d}f} "
            luck += "better" if self.optimism > 0 else "no better" if self.optimism == 0 else "worse"
            found.append(
                f"{self.places[0].name} on test rows: {label(self.metric)} {self.held_out}; {luck} ({chosen.value:.{d}f})."
            )
        return found

    def _tie_sentence(self) -> str:
        ties = self.ties
        if len(ties) == 1:
            return f"{ties[0].name} is the best of {len(self.places)}."
        names = ", ".join(place.name for place in ties)
        cheapest = min(ties, key=lambda place: place.seconds)
        ratio = self.places[0].seconds / cheapest.seconds if cheapest.seconds > 0 else 1.0
        cheap = f"; {cheapest.name} is {ratio:.2g}x cheaper to train than {ties[0].name}" if ratio >= CHEAPER else ""
        return f"{len(ties)} of {len(self.places)} are indistinguishable ({names}){cheap}."

    def __str__(self) -> str:
        width = max(len(place.name) for place in self.places)
        lines = [f"{'':<{width + 8}}{label(self.metric)} on validation rows, {len(self.seeds)} repeats"]
        lines += [f"{p.group + 1:>3}  {p.name:<{width}}   {p.mean}  {p.seconds:.3g} s, {p.parameters:,}" for p in self.places]
        return "\n".join([*lines, *self.sentences, *([str(self.false_alarms)] if self.false_alarms else [])])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        plain = asdict(self)
        aa = self.false_alarms.to_dict() if self.false_alarms else None
        return plain | {"false_alarms": aa, "optimism": self.optimism, "sentences": self.sentences}

    def save(self, folder: str | Path) -> None:
        """Write `leaderboard.json`."""
        write_json(Path(folder) / "leaderboard.json", self.to_dict())


def leaderboard(
    recipes: Mapping[str, Recipe] | Sequence[Recipe],
    data: Data,
    *,
    repeats: int = 8,
    metric: str | None = None,
    aa: bool = True,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Leaderboard:
    """Train several recipes with the same seeds and splits, and rank them with intervals, ties and costs.

    The test part is the same in all repeats and none of them looks at it. Places are given on validation rows; then the first
    place alone is scored on the test rows, because the best of many looks better than it is where it was chosen.

    Args:
        recipes: by name, or several, which are then named by what tells them apart.
        data: loaded data.
        repeats: of every recipe, each with its own validation rows, initialisation and order.
        metric: what ranks; None is the monitor or first metric of the first recipe.
        aa: also train the first place a second time on the same splits, to see what is called different when nothing is.
        folder: where the runs are kept; the same call again trains only what is missing.
        observers: as in `fit_many`.

    Raises:
        UsageError: there are fewer than two recipes, or two have the same name.

    Source: Cawley and Talbot, "On over-fitting in model selection and subsequent selection bias", JMLR 2010.

    Example:
        >>> from trainwell.data.load import load
        >>> quick = Recipe(preset="quick", model="mlp", epochs=2)
        >>> found = leaderboard([quick, quick.but(lr=1e-5)], load("iris"), repeats=6, aa=False)
        >>> [place.group for place in found.places]
        [0, 1]
    """
    demand(data, *(recipes.values() if isinstance(recipes, Mapping) else recipes))
    named = dict(recipes) if isinstance(recipes, Mapping) else named_by_difference(recipes)
    if len(named) < 2:
        raise UsageError("a leaderboard needs at least two recipes", remedy="Give another one.")
    check_metric(metric, data.task)
    orders = {name: _orders(recipe, repeats) for name, recipe in named.items()}
    runs = fit_orders([order for each in orders.values() for order in each], data, folder=folder, observers=observers)
    score = metric or metric_of(runs[0].recipe)
    by_name = {name: runs[i * repeats : (i + 1) * repeats] for i, name in enumerate(named)}
    places = _ranked(by_name, data, score)
    leader = places[0].name
    found = Leaderboard(
        metric=metrics[score].__name__,
        seeds=[seed for _, seed in orders[leader]],
        places=places,
        held_out=held_out(by_name[leader], data, score),
        false_alarms=_against_itself(orders[leader], places[0], data, score, folder, observers) if aa else None,
    )
    if folder is not None:
        found.save(folder)
    return found


def leaderboard_of_runs(runs: Sequence[Run], data: Data, *, metric: str | None = None) -> Leaderboard:
    """A leaderboard of runs that exist already: those that differ in nothing but seeds are repeats of one candidate.

    Only seeds that every candidate has count. Nothing is trained, so there is no comparison of a recipe with itself.

    Raises:
        UsageError: there are fewer than two candidates, or they have fewer than two seeds in common.
    """
    found: dict[str, dict[tuple[int, int], Run]] = {}
    recipes: dict[str, Recipe] = {}
    for run in runs:
        plain = run.recipe.but(split__seed=0, split__test_seed=None)
        key = plain.model_dump_json()
        recipes[key] = plain
        found.setdefault(key, {})[(run.recipe.split.seed, run.plan.seed)] = run
    common = sorted(set.intersection(*(set(own) for own in found.values()))) if found else []
    if len(found) < 2 or len(common) < 2:
        what = f"{len(found)} candidates with {len(common)} seeds in common cannot be ranked"
        raise UsageError(what, remedy="Train every recipe with the same seeds, or give recipes: they are trained in pairs.")
    named = dict(zip(named_by_difference(list(recipes.values())), found, strict=True))
    by_name = {name: [found[key][seeds] for seeds in common] for name, key in named.items()}
    score = metric or metric_of(runs[0].recipe)
    places = _ranked(by_name, data, score)
    leader = by_name[places[0].name]
    tests = {s.seed if s.test_seed is None else s.test_seed for s in (run.recipe.split for run in leader)}
    return Leaderboard(
        metric=metrics[score].__name__,
        seeds=[seed for _, seed in common],
        places=places,
        held_out=held_out(leader, data, score) if len(tests) == 1 else None,
    )


def _orders(recipe: Recipe, n: int) -> list[Order]:
    """Repeats that share one test part."""
    split = recipe.split
    return repeats(recipe.but(split__test_seed=split.seed if split.test_seed is None else split.test_seed), n)


def _ranked(runs: Mapping[str, Sequence[Run]], data: Data, metric: str) -> list[Place]:
    better = higher_is_better(metric)
    every = [run for own in runs.values() for run in own]
    scores = score_runs(every, data, metric=metric).reshape(len(runs), -1)
    order = np.argsort(-filled(scores.T, better).mean(axis=0), kind="stable")
    names = [list(runs)[i] for i in order]
    scores = scores[order]
    groups = tie_groups(scores.T, higher_is_better=better)
    behind = [None, *(pair_interval(d[np.isfinite(d)]) for d in scores[1:] - scores[0])]
    return [
        _place(name, own, runs[name], group, gap, metric, data)
        for name, own, group, gap in zip(names, scores, groups, behind, strict=True)
    ]


def _place(
    name: str, scores: Floats, runs: Sequence[Run], group: int, behind: Interval | None, metric: str, data: Data
) -> Place:
    trained = [run for run in runs if run.status != "not finite"]
    rows = {part: len(found) for part, found in data.rows.items()}
    mean = corrected_interval(scores.tolist(), rows["valid"] / max(1, rows["train"])).within(*metrics[metric].bounds)
    return Place(
        name=name,
        scores=scores.tolist(),
        mean=mean,
        group=group,
        behind=behind,
        seconds=seconds_of(runs) / len(runs),
        parameters=sum(p.numel() for p in trained[0].network.parameters()) if trained else 0,
        failed=len(runs) - len(trained),
    )


def held_out(runs: Sequence[Run], data: Data, metric: str) -> Interval | None:
    """The mean score of several runs on one test part, with its interval over rows; None without test rows."""
    trained = [run for run in runs if run.status != "not finite"]
    if not trained or not len(data.under(trained[0].recipe).rows["test"]):
        return None
    found: list[Statistic] = [metrics[metric].statistic(p) for p in predictions_of_all(trained, data, "test")]
    return mean_interval(found).within(*metrics[metric].bounds)


def _against_itself(
    orders: Sequence[Order],
    place: Place,
    data: Data,
    metric: str,
    folder: str | Path | None,
    observers: Sequence[Observer],
) -> FalseAlarms:
    second = score_runs(fit_orders(again(orders), data, folder=folder, observers=observers), data, metric=metric)
    return aa_check(place.scores, second, higher_is_better=higher_is_better(metric))
