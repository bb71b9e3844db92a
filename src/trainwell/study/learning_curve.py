"""Will more data help, or a wider network? Nested samples of the training rows, a fitted power law, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from trainwell.core.atomic import write_json
from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.stats import Floats, Interval
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.models.registry import models
from trainwell.score.registry import metrics
from trainwell.study.compare import FalseAlarms, Verdict, aa_check, judge
from trainwell.study.power_law import PowerLaw, bootstrap_laws, fit_power_law, widened
from trainwell.study.repeats import again
from trainwell.study.repeats import repeats as orders_of
from trainwell.study.scores import Part, check_metric, higher_is_better, metric_of, score_runs
from trainwell.study.verdict import pair_interval
from trainwell.train.job import Observer
from trainwell.train.many import Order, fit_orders
from trainwell.train.plan import step_count

#: Halves down to a sixteenth: five points are the fewest on which three numbers and their doubt can rest.
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
#: A sample with fewer rows than this, or than two for each class, says nothing about larger ones.
FEWEST_ROWS = 16


@dataclass(frozen=True)
class Point:
    """One size of the training part.

    Args:
        rows: training rows.
        score: mean over repeats, with its interval.
        scores: one per repeat; NaN where the run became not finite.
    """

    rows: int
    score: Interval
    scores: list[float]


@dataclass(frozen=True)
class LearningCurve:
    """Scores over training rows, and what follows for the next rows.

    Args:
        metric: the score.
        part: the rows scored.
        points: from few rows to all.
        law: fitted to the errors, which are the distance from a perfect score.
        perfect: the score of a perfect network; 0 for scores that have no best value.
        twice: gain from twice as many training rows, if the curve goes on as it was fitted; positive is better.
        foretold: what a law fitted without the last point says about it.
        wider: the wider network against the one asked about, both on all rows; None when the network has no width.
        widths: the width asked about, and the wider one.
        false_alarms: all rows against all rows.
    """

    metric: str
    part: str
    points: list[Point]
    law: PowerLaw
    perfect: float
    twice: Interval
    foretold: Interval
    wider: Verdict | None = None
    widths: tuple[int, int] | None = None
    false_alarms: FalseAlarms | None = None

    def at(self, rows: float) -> float:
        """The score that the fitted curve has at so many training rows."""
        return self.perfect - self._sign * self.law.at(rows)

    def rows_for(self, score: float) -> float:
        """Training rows with which the fitted curve reaches a score; infinite where it never does."""
        return self.law.rows_for(self._sign * (self.perfect - score))

    @property
    def _sign(self) -> float:
        return 1.0 if higher_is_better(self.metric) else -1.0

    @property
    def sentence(self) -> str:
        """The answer in one line."""
        more = f"twice the data: {self._points(self.twice)}"
        if self.wider is None or self.widths is None:
            return f"{label(self.metric)}: {more}"
        gain = self.wider.difference
        if not higher_is_better(self.metric):
            gain = Interval(-gain.value, -gain.high, -gain.low, gain.n, gain.level)
        word = "" if self.wider.word != "cannot tell" else ", which is not to be told from nothing"
        return (
            f"{label(self.metric)}: {more}; a wider network ({self.widths[0]} to {self.widths[1]}): {self._points(gain)}{word}"
        )

    def _points(self, gain: Interval) -> str:
        """A gain in points of a hundred for shares, else in the score's own unit."""
        share = metrics[self.metric].bounds == (0.0, 1.0)
        unit, k = (" points", 100.0) if share else ("", 1.0)
        scaled = Interval(k * gain.value, k * gain.low, k * gain.high, gain.n, gain.level)
        form = f".{scaled.decimals}f"
        return f"{scaled.value:+{form}}{unit} ({scaled.low:{form}} to {scaled.high:{form}})"

    def __str__(self) -> str:
        lines = [f"{'rows':>10}  {label(self.metric)} on {rows_named(self.part)}"]
        lines += [f"{point.rows:>10,}  {point.score}" for point in self.points]
        last = self.points[-1]
        lines.append(f"The curve without its last point would have said {self.foretold} for {last.rows:,} rows.")
        return "\n".join([*lines, self.sentence, *([str(self.false_alarms)] if self.false_alarms else [])])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        plain = asdict(self)
        plain["wider"] = self.wider.to_dict() if self.wider else None
        plain["false_alarms"] = self.false_alarms.to_dict() if self.false_alarms else None
        return plain | {"sentence": self.sentence}

    def save(self, folder: str | Path) -> None:
        """Write `learning-curve.json`."""
        write_json(Path(folder) / "learning-curve.json", self.to_dict())


def learning_curve(
    recipe: Recipe,
    data: Data,
    *,
    shares: Sequence[float] = SHARES,
    repeats: int = 6,
    metric: str | None = None,
    part: Part = "valid",
    aa: bool = True,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> LearningCurve:
    """Measure the score on nested samples of the training rows, and say what twice as many rows would bring.

    Every sample trains with the same number of updates, so that rows are all that differs; validation rows stay the same within
    a repeat. A network of twice the width is trained on all rows beside them: where more rows help and width does not, collect
    rows.

    Args:
        recipe: how to train; `auto` is filled in once, from all rows.
        data: loaded data.
        shares: of the training rows; samples that would be too small are left out. The last must be 1.
        repeats: of every size, each with its own split, samples, initialisation and order.
        metric: what to score; None is the monitor or first metric of the recipe.
        part: "valid" while deciding what to do; "test" for the final word.
        aa: also train on all rows a second time, to see what is called different when nothing is.
        folder: where the runs are kept; the same call again trains only what is missing.
        observers: as in `fit_many`.

    Raises:
        UsageError: fewer than three sizes are left, or every network became not finite.

    Source: Hestness et al., "Deep learning scaling is predictable, empirically", 2017; Viering and Loog, "The shape of learning
    curves: a review", TPAMI 2022.

    Example:
        >>> from trainwell.data.load import load
        >>> quick = Recipe(preset="quick", model={"name": "mlp", "width": 16}, epochs=2)
        >>> found = learning_curve(quick, load("iris"), repeats=2, aa=False)
        >>> [point.rows for point in found.points], found.widths
        ([25, 51, 102], (16, 32))
    """
    demand(data, recipe)
    check_metric(metric, data.task)
    recipe = settled(recipe, data)
    sizes = _usable(shares, data)
    wide = wider(recipe)
    sets = [recipe.but(split__sample=share) for share in sizes] + ([wide[0]] if wide else [])
    orders: list[Order] = [order for one in sets for order in orders_of(one, repeats)]
    orders += again(orders_of(recipe, repeats)) if aa else []
    runs = fit_orders(orders, data, folder=folder, observers=observers)
    name = metrics[metric or metric_of(recipe)].__name__
    scores = score_runs(runs, data, metric=name, part=part).reshape(-1, repeats)
    rows = [float(np.mean([run.plan.rows for run in runs[i * repeats : (i + 1) * repeats]])) for i in range(len(sizes))]
    found = _curve(np.array(rows), scores[: len(sizes)].T, name, part)
    found = _with_wider(found, scores, len(sizes), (wide[1], wide[2]) if wide else None, aa)
    if folder is not None:
        found.save(folder)
    return found


def settled(recipe: Recipe, data: Data) -> Recipe:
    """The recipe with every `auto` filled in from all rows, and its epochs counted in updates.

    Example:
        >>> from trainwell.data.load import load
        >>> settled(Recipe(epochs=10, batch_size=34), load("iris")).steps
        30
    """
    data = data.under(recipe)
    recipe = recipe.but(target=data.recipe.target).resolved(data.facts)[0]
    rows = len(data.rows["train"])
    assert not isinstance(recipe.batch_size, str)
    return recipe.but(steps=step_count(recipe, rows, min(recipe.batch_size or rows, rows)))


def wider(recipe: Recipe) -> tuple[Recipe, int, int] | None:
    """The recipe with twice the width, and both widths; None for a network without that option.

    Example:
        >>> wider(Recipe(model={"name": "mlp", "width": 64}))[1:]
        (64, 128)
    """
    name = recipe.model.name
    if ":" in name or name not in models or "width" not in models.options(name):
        return None
    width = recipe.model.options.get("width", models.options(name)["width"].default)
    return (recipe.but(model__width=2 * width), width, 2 * width) if isinstance(width, int) else None


def _usable(shares: Sequence[float], data: Data) -> list[float]:
    rows = len(data.rows["train"])
    least = max(FEWEST_ROWS, 2 * data.n_out if data.task == "classification" else 0)
    found = sorted(share for share in shares if 0 < share <= 1 and share * rows >= least)
    if len(found) < 3 or found[-1] != 1:
        what = f"{len(found)} sizes of at least {least} training rows make no curve ({rows} rows in all)"
        raise UsageError(what, remedy="Give at least three shares, the last of them 1.")
    return found


def _errors(scores: Floats, metric: str) -> tuple[Floats, float]:
    """The distance from a perfect score, and that score; scores without a best value are errors themselves."""
    known = metrics[metric]
    perfect = known.bounds[1] if known.higher_is_better else known.bounds[0]
    perfect = perfect if np.isfinite(perfect) else 0.0
    return (perfect - scores if known.higher_is_better else scores - perfect), perfect


def _curve(rows: Floats, scores: Floats, metric: str, part: Part) -> LearningCurve:
    """The curve through scores `(repeats, sizes)`; a repeat with a failed run is left out of the fit."""
    whole = scores[np.isfinite(scores).all(axis=1)]
    if not len(whole):
        raise UsageError("no repeat has finite networks of every size", remedy="Lower the learning rate, or set clip_norm=1.")
    errors, perfect = _errors(whole, metric)
    best = metrics[metric].bounds[1] if higher_is_better(metric) else metrics[metric].bounds[0]
    least = 0.0 if np.isfinite(best) else -np.inf
    law, laws = fit_power_law(rows, errors, least=least), bootstrap_laws(rows, errors, least=least)
    n, last = len(whole), rows[-1]
    gain = law.at(last) - law.at(2 * last)
    early, drawn = fit_power_law(rows[:-1], errors[:, :-1], least=least), bootstrap_laws(rows[:-1], errors[:, :-1], least=least)
    sign = 1.0 if higher_is_better(metric) else -1.0
    return LearningCurve(
        metric=metric,
        part=part,
        points=[
            Point(round(size), pair_interval(own[np.isfinite(own)]).within(*metrics[metric].bounds), own.tolist())
            for size, own in zip(rows, scores.T, strict=True)
        ],
        law=law,
        perfect=perfect,
        twice=widened(gain, laws.at(last) - laws.at(2 * last), n),
        foretold=widened(perfect - sign * early.at(last), perfect - sign * drawn.at(last), n),
    )


def _with_wider(found: LearningCurve, scores: Floats, sizes: int, widths: tuple[int, int] | None, aa: bool) -> LearningCurve:
    """The curve with the wider network and the repetition of all rows, whose scores follow those of the sizes."""
    better, full = higher_is_better(found.metric), scores[sizes - 1]
    if widths is not None:
        names = ("wider", "as it is")
        found = replace(found, wider=judge(scores[sizes], full, higher_is_better=better, names=names), widths=widths)
    if aa:
        found = replace(found, false_alarms=aa_check(full, scores[-1], higher_is_better=better))
    return found
