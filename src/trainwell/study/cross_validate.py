"""Cross-validation: every row is judged once by a network that never saw it, and the interval knows that folds share rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.atomic import write_json
from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.data.source import Source
from trainwell.evaluate.evaluation import label
from trainwell.score.defaults import report_metrics
from trainwell.score.metric import Statistic
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.score.scores import statistics_of
from trainwell.study.intervals import corrected_interval, mean_interval
from trainwell.study.scores import check_metric, metric_of, predictions_of_all, views
from trainwell.train.job import Observer
from trainwell.train.many import Order, fit_orders
from trainwell.train.run import Run

#: Chooses a recipe from data that hold no row of the outer test fold.
Choose = Callable[[Recipe, Data], Recipe]


@dataclass(frozen=True)
class Fold:
    """One network of a cross-validation.

    Args:
        repeat: number of the partition, from 0.
        fold: number of the test fold in it.
        rows: rows that trained, chose and judged.
        scores: metric → score on the test fold; NaN everywhere if the run became not finite.
        status: how the training ended.
        seconds: how long it took.
        chosen: recipe keys that the inner choice changed, with their values.
    """

    repeat: int
    fold: int
    rows: dict[str, int]
    scores: dict[str, float]
    status: str
    seconds: float
    chosen: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CrossValidation:
    """Scores of a recipe by cross-validation.

    Args:
        metric: the one that the recipe is judged by.
        how: how rows fell into folds: stratified, random, group, time, ….
        folds: one per trained network.
        scores: metric → mean over folds, with the interval that is corrected for shared training rows.
        pooled: metric → score of all out-of-fold predictions together (mean over repeats), with the interval over rows.
        rows: rows judged, of all.
        of: rows in all.
        out_of_fold: one per repeat: predictions of the judged rows.
        judged: one per repeat: the numbers of these rows, ascending.
    """

    metric: str
    how: str
    folds: list[Fold]
    scores: dict[str, Interval]
    pooled: dict[str, Interval]
    rows: int
    of: int
    out_of_fold: list[Predictions] = field(repr=False)
    judged: list[np.ndarray] = field(repr=False)

    @property
    def repeats(self) -> int:
        """Number of partitions of the rows."""
        return 1 + max(fold.repeat for fold in self.folds)

    @property
    def seconds(self) -> float:
        """Time of training of all networks together."""
        return sum(fold.seconds for fold in self.folds)

    @property
    def sentence(self) -> str:
        """The result in one line."""
        n = len(self.folds) // self.repeats
        times = f" x {self.repeats} repeats" if self.repeats > 1 else ""
        lost = sum(fold.status == "not finite" for fold in self.folds)
        failed = f"; {lost} of {len(self.folds)} networks became not finite and are left out" if lost else ""
        return f"{label(self.metric)} {self.scores[self.metric]} over {n} {self.how} folds{times}{failed}"

    def __str__(self) -> str:
        head = f"{'fold':<8}{'train':>8}{'test':>8}  {label(self.metric)}"
        lines = [
            f"{f.repeat}.{f.fold:<6}{f.rows['train']:>8,}{f.rows['test']:>8,}  {f.scores[self.metric]:.4g}" for f in self.folds
        ]
        pooled = f"all {self.rows:,} of {self.of:,} rows together: {label(self.metric)} {self.pooled[self.metric]}"
        return "\n".join([self.sentence, head, *lines, pooled])

    def frame(self, repeat: int = 0) -> pl.DataFrame:
        """The out-of-fold predictions of one repeat: row number, target, prediction, probabilities of the classes."""
        p, row = self.out_of_fold[repeat], pl.Series("row", self.judged[repeat])
        if p.task == "classification":
            names = np.asarray(p.names)
            said = {"target": names[p.target], "prediction": names[p.label]}
            return pl.DataFrame({"row": row, **said, **{f"p_{name}": p.output[:, i] for i, name in enumerate(p.names)}})
        ends = [f"_{name}" for name in p.names] if p.n_out > 1 or p.task == "multilabel" else [""]
        both = (("target", p.target), ("prediction", p.output))
        return pl.DataFrame({"row": row, **{f"{word}{end}": v[:, i] for word, v in both for i, end in enumerate(ends)}})

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the predictions of single rows."""
        plain = asdict(replace(self, out_of_fold=[], judged=[]))
        del plain["out_of_fold"], plain["judged"]
        return plain | {"repeats": self.repeats, "seconds": self.seconds, "sentence": self.sentence}

    def save(self, folder: str | Path) -> None:
        """Write `cross-validation.json`, and `out-of-fold.parquet` with the first repeat's predictions."""
        folder = Path(folder)
        write_json(folder / "cross-validation.json", self.to_dict())
        self.frame().write_parquet(folder / "out-of-fold.parquet")


def cross_validate(
    recipe: Recipe,
    data: Data,
    *,
    folds: int = 5,
    repeats: int = 1,
    metric: str | None = None,
    choose: Choose | None = None,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> CrossValidation:
    """Judge a recipe on every row: each fold is the test part once, for a network trained on the others.

    The test fold takes no part in training, in stopping early or in picking the best weights: those look at a validation part
    drawn from the other folds. Preparation is fitted anew for every fold, on its training rows alone. `split.how` decides how
    rows fall into folds: classes in proportion, groups together, or time (each fold is judged by networks of earlier rows).

    Args:
        recipe: how to train; `auto` is filled in once, from all the data's facts, so that every fold trains the same recipe.
        data: loaded data; a test part that the source brings is left out of the folds.
        folds: 5 or 10 are usual; more folds train on more rows and cost more.
        repeats: partitions of the rows; several average out the luck of one.
        metric: what judges; None is the recipe's monitor or first metric.
        choose: nested cross-validation: for every fold, `choose(recipe, others)` picks a recipe from the other folds' rows.
            It is handed data without the test fold, so it cannot look.
        folder: where the runs are kept; the same call again trains only what is missing.
        observers: as in `fit_many`.

    Raises:
        UsageError: fewer than 2 folds, or repeats of a partition by time, of which there is only one.

    Source: Stone, "Cross-validatory choice and assessment of statistical predictions", JRSS B 1974; the interval: Nadeau and
    Bengio, "Inference for the generalization error", Machine Learning 2003; nested: Cawley and Talbot, "On over-fitting in
    model selection and subsequent selection bias in performance evaluation", JMLR 2010.

    Example:
        >>> from trainwell.data.load import load
        >>> found = cross_validate(Recipe(preset="quick", model="mlp", epochs=2), load("iris"), folds=3)
        >>> [fold.rows["test"] for fold in found.folds], found.rows
        ([50, 50, 50], 150)
    """
    demand(data, recipe)
    _check(recipe, folds, repeats)
    check_metric(metric, data.task)
    recipe = recipe.but(target=data.recipe.target).resolved(data.facts)[0]
    places = [(r, k) for r in range(repeats) for k in range(folds)]
    plain = [fold_of(recipe, k, folds, repeat=r) for r, k in places]
    chosen = plain if choose is None else [_chosen(choose, outer, data) for outer in plain]
    orders: list[Order] = [(one, r * folds + k) for one, (r, k) in zip(chosen, places, strict=True)]
    runs = fit_orders(orders, data, folder=folder, observers=observers)
    result = _result(runs, places, data, metric or metric_of(recipe))
    changes = [{key: new for key, (_, new) in a.diff(b).items()} for a, b in zip(plain, chosen, strict=True)]
    result = replace(result, folds=[replace(f, chosen=c) for f, c in zip(result.folds, changes, strict=True)])
    if folder is not None:
        result.save(folder)
    return result


def _check(recipe: Recipe, folds: int, repeats: int) -> None:
    if recipe.task == "generation":
        raise UsageError("made pictures belong to no fold", remedy="Use `trainwell compare` or several seeds of fit_many.")
    if folds < 2 or repeats < 1:
        raise UsageError(f"folds={folds}, repeats={repeats}: that judges nothing", remedy="Give at least 2 folds, 1 repeat.")
    if recipe.split.how == "time" and repeats > 1:
        raise UsageError("there is only one way to cut time into folds", remedy="Leave repeats out.")


def fold_of(recipe: Recipe, fold: int, folds: int, *, repeat: int = 0) -> Recipe:
    """The recipe with one fold as its test part; each repeat partitions the rows anew.

    Example:
        >>> fold_of(Recipe(), 2, 5).split.test_fold
        2
    """
    seed = recipe.split.seed + repeat
    return recipe.but(split__test_fold=fold, split__test_folds=folds, split__seed=seed, split__test_seed=seed)


def _chosen(choose: Choose, outer: Recipe, data: Data) -> Recipe:
    """What the choice makes of the rows outside the test fold; it decides everything but the outer split."""
    seen = data.under(outer)
    rows = np.sort(np.concatenate([seen.rows["train"], seen.rows["valid"]]))
    inner = outer.but(split__test_fold=None, split__test=0.0)
    return choose(inner, only(data, rows, inner)).but(split=outer.split)


def only(data: Data, rows: np.ndarray, recipe: Recipe) -> Data:
    """Data that hold some rows of the source and know of no other; prepared anew under `recipe`.

    Args:
        data: loaded data.
        rows: row numbers of the source.
        recipe: rules for split and preparation.

    Example:
        >>> from trainwell.data.load import load
        >>> len(only(load("iris"), np.arange(90), Recipe(split={"test": 0})))
        90
    """
    return data.rebuild(
        rows_of(data.source, rows), recipe if recipe.target is not None else recipe.but(target=data.recipe.target)
    )


def rows_of(source: Source, rows: np.ndarray) -> Source:
    """A source with some of the rows, in that order."""
    return replace(
        source,
        frame=source.cells(rows),
        arrays={name: array[rows] for name, array in source.arrays.items()},
        parts=None if source.parts is None else source.parts[rows],
        given=None if source.given is None else source.given[rows],
    )


def _result(runs: Sequence[Run], places: Sequence[tuple[int, int]], data: Data, metric: str) -> CrossValidation:
    view = views(data)
    parts = [view(run.recipe).rows for run in runs]
    done = [i for i, run in enumerate(runs) if run.status != "not finite"]
    if not done:
        raise UsageError("every network became not finite", remedy="Lower the learning rate, or set clip_norm=1.")
    predictions = dict(zip(done, predictions_of_all([runs[i] for i in done], data, "test"), strict=True))
    first = predictions[done[0]]
    names = list(dict.fromkeys([metrics[metric].__name__, *report_metrics(first.task, first.n_out, ordered=_ordered(first))]))
    folds = [
        _fold(runs[i], place, parts[i], statistics_of(predictions[i], names) if i in predictions else {}, names)
        for i, place in enumerate(places)
    ]
    judged, out = _gathered(predictions, places, parts)
    scores = {name: _corrected(folds, name) for name in names}
    pooled = _pooled(out, names)
    how = data.recipe.split.how
    how = how if how != "auto" else "stratified" if first.task == "classification" else "random"
    return CrossValidation(names[0], how, folds, scores, pooled, len(judged[0]), len(data), out, judged)


def _ordered(p: Predictions) -> bool:
    return p.decision is not None and p.decision.ordered


def _fold(
    run: Run, place: tuple[int, int], rows: Mapping[str, np.ndarray], found: Mapping[str, Statistic], names: Sequence[str]
) -> Fold:
    scores = {name: found[name].value if name in found else math.nan for name in names}
    counts = {part: len(r) for part, r in rows.items()}
    return Fold(*place, counts, scores, run.status, float(run.summary.get("seconds", 0.0)))


def _gathered(
    predictions: Mapping[int, Predictions], places: Sequence[tuple[int, int]], parts: Sequence[Mapping[str, np.ndarray]]
) -> tuple[list[np.ndarray], list[Predictions]]:
    """Out-of-fold predictions of every repeat, in the order of the rows."""
    judged, out = [], []
    for repeat in sorted({place[0] for place in places}):
        mine = [i for i in predictions if places[i][0] == repeat]
        if not mine:
            continue
        rows = np.concatenate([parts[i]["test"] for i in mine])
        order = np.argsort(rows)
        pieces = [predictions[i] for i in mine]
        output = np.concatenate([p.output for p in pieces])[order]
        target = np.concatenate([p.target for p in pieces])[order]
        judged.append(rows[order])
        out.append(replace(pieces[0], output=output, target=target))
    return judged, out


def _corrected(folds: Sequence[Fold], name: str) -> Interval:
    scores = [fold.scores[name] for fold in folds]
    ratio = float(np.mean([f.rows["test"] / (f.rows["train"] + f.rows["valid"]) for f in folds]))
    return corrected_interval(scores, ratio).within(*metrics[name].bounds)


def _pooled(out: Sequence[Predictions], names: Sequence[str]) -> dict[str, Interval]:
    """The score of all rows together, mean over repeats, with the interval from resampling rows alike in every repeat."""
    if len({len(p) for p in out}) > 1:  # a network of one repeat failed: its rows are missing there
        out = out[:1]
    one_by_one = [statistics_of(p, names) for p in out]
    return {name: mean_interval([found[name] for found in one_by_one]).within(*metrics[name].bounds) for name in names}
