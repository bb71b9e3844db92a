"""Can the scores be believed? Shuffled targets, rows that must not matter, a recipe against itself, looks at test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from trainwell.core.atomic import write_json
from trainwell.core.errors import DataError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Column
from trainwell.core.seeds import draw_seed
from trainwell.data.card import Check
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.data.source import Source
from trainwell.evaluate.looks import looks_at
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.study.compare import aa_check
from trainwell.study.cross_validate import rows_of
from trainwell.study.repeats import again
from trainwell.study.repeats import repeats as orders_of
from trainwell.study.scores import higher_is_better, metric_of, predictions_of, score_runs
from trainwell.train.job import Observer
from trainwell.train.many import fit_orders

#: Updates of the networks that are compared bit by bit: what depends on the wrong rows does so from the first on.
FEW_STEPS = 20
#: Permutations of the judged targets.
PERMUTATIONS = 500
#: A score on shuffled targets that chance reaches more rarely than this is a leak, not luck.
LEAK = 0.01
#: From so many looks on, luck alone is worth a warning.
MANY_LOOKS = 20
#: What makes two trainings the same bits on one machine: nothing left to be measured.
FIXED = {"threads": 1, "compile": "off", "memory_format": "contiguous", "time_limit": 0.0}


@dataclass(frozen=True)
class Honesty:
    """What was checked, and whether the scores can be believed.

    Args:
        checks: one per question; FAIL where scores would mislead, WARN where they should be taken with care.
    """

    checks: list[Check]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.verdict != "FAIL" for check in self.checks)

    def __str__(self) -> str:
        return "\n".join(f"{check.verdict}  {check.text}" for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"passed": self.passed, "checks": [asdict(check) for check in self.checks]}


def honesty(
    recipe: Recipe,
    data: Data,
    *,
    repeats: int = 6,
    shuffles: int = 3,
    metric: str | None = None,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Honesty:
    """Check that what is measured on these data with this recipe can be believed.

    1. *Preparation*: validation and test rows are overwritten with nonsense, and no bit of the fitted preparation may change.
    2. *Training*: test rows are overwritten with nonsense, and no bit of the weights may change.
    3. *Shuffled targets*: with the targets in random order there is nothing to learn, so test scores must be those of chance. A
       better score has another source: rows or targets that reach the network by the back door.
    4. *A/A*: the recipe is compared with itself, which must end in "cannot tell" (as it does 95 times in 100).
    5. *Looks*: how many networks were scored on these test rows on this machine.

    Args:
        recipe: how to train.
        data: loaded data.
        repeats: pairs of the A/A comparison; below 6 it cannot raise an alarm.
        shuffles: trainings on shuffled targets, each on another shuffle and split.
        metric: what is scored; None is the recipe's monitor or first metric.
        folder: where the runs are kept.
        observers: as in `fit_many`.

    Raises:
        DataError: there are no test rows.

    Source: Zhang et al., "Understanding deep learning requires rethinking generalization", ICLR 2017 (random labels); Ojala and
    Garriga, "Permutation tests for studying classifier performance", JMLR 2010; Kapoor and Narayanan, "Leakage and the
    reproducibility crisis in machine-learning-based science", Patterns 2023.

    Example:
        >>> from trainwell.data.load import load
        >>> found = honesty(Recipe(preset="quick", model="mlp", epochs=2), load("iris"), repeats=2, shuffles=1)
        >>> [check.code for check in found.checks], found.passed
        (['preparation', 'training', 'shuffled', 'a/a', 'looks'], True)
    """
    demand(data, recipe)
    data = data.under(recipe)
    if not len(data.rows["test"]):
        raise DataError("there are no test rows", where=data.card.origin, remedy="Set split.test above 0.")
    recipe = recipe.but(target=data.recipe.target)
    name = metrics[metric or metric_of(recipe.resolved(data.facts)[0])].__name__
    place = Path(folder) if folder is not None else None
    found = Honesty(
        [
            preparation_check(data),
            training_check(recipe, data),
            shuffled_check(recipe, data, name, shuffles=shuffles, folder=place, observers=observers),
            _aa(recipe, data, name, repeats=repeats, folder=place, observers=observers),
            looks_check(data),
        ]
    )
    if place is not None:
        write_json(place / "honesty.json", found.to_dict())
    return found


def preparation_check(data: Data) -> Check:
    """Whether the fitted preparation stays the same bits when validation and test rows hold nonsense."""
    kept, recipe = with_given_parts(data)
    changed = poisoned(kept, ("valid", "test"), data.preparation.target.names)
    one, two = (data.rebuild(source, recipe).preparation for source in (kept, changed))
    rows = len(data.rows["valid"]) + len(data.rows["test"])
    if one.digest() == two.digest():
        text = f"Preparation is fitted on training rows alone: with nonsense in all {rows:,} others it stays the same bits."
        return Check("preparation", "PASS", text, count=rows)
    text = f"The preparation changes when the {rows:,} validation and test rows hold nonsense: something is fitted on them."
    return Check("preparation", "FAIL", text, count=rows)


def training_check(recipe: Recipe, data: Data) -> Check:
    """Whether the weights after some updates stay the same bits when test rows hold nonsense."""
    kept, rules = with_given_parts(data)
    own = recipe.but(split=rules.split, prepare=rules.prepare, columns=rules.columns, steps=FEW_STEPS, **FIXED)
    changed = poisoned(kept, ("test",), data.preparation.target.names)
    views = [data.rebuild(source, rules) for source in (kept, changed)]
    states = [fit_orders([(own, 0)], view)[0].network.state_dict() for view in views]
    rows = len(data.rows["test"])
    if all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True)):
        text = f"Training never sees the test part: with nonsense in its {rows:,} rows the weights stay the same bits."
        return Check("training", "PASS", text, count=rows)
    text = f"The weights change when the {rows:,} test rows hold nonsense: training depends on them."
    return Check("training", "FAIL", text, count=rows)


def with_given_parts(data: Data) -> tuple[Source, Recipe]:
    """The rows that are in a part, with the name of their part, and a recipe that takes them as given."""
    rows = np.sort(np.concatenate([np.unique(data.rows[part]) for part in ("train", "valid", "test")]))
    parts = np.empty(len(data), dtype=object)
    for part in ("train", "valid", "test"):
        parts[data.rows[part]] = part
    rules = data.recipe
    columns = dict(rules.columns)
    if rules.split.by is not None and rules.split.how in ("group", "column"):
        columns[rules.split.by] = Column(kind="ignore")
    given = {"how": "given", "valid": 0.0, "test": 0.0}
    rules = rules.but(split=given, prepare__duplicates="keep", prepare__near_duplicates="keep", columns=columns)
    return replace(rows_of(data.source, rows), parts=parts[rows].astype(str)), rules


def poisoned(source: Source, parts: Sequence[str], targets: Sequence[str]) -> Source:
    """A source whose cells in some parts are nonsense: huge numbers, unseen words, empty cells, noise for pictures.

    Targets are dealt anew among these rows, fractions a thousand times as large, so that no class is lost or new. Paths of
    pictures stay.

    Args:
        source: with a part for every row.
        parts: names of the parts.
        targets: names of the target columns.
    """
    assert source.parts is not None
    bad = np.isin(source.parts, parts)
    rng = np.random.default_rng(draw_seed(0, "poison"))
    dealt = np.arange(len(bad))
    dealt[bad] = rng.permutation(dealt[bad])
    good = pl.Series(~bad)
    columns = []
    for series in source.table.get_columns():
        if series.name in targets:
            other = series[dealt]
            columns.append(series.zip_with(good, other * 1000.0 if series.dtype.is_float() else other))
        elif source.kinds.get(series.name) == "picture":
            columns.append(series)
        else:
            columns.append(series.zip_with(good, nonsense_for(series)))
    arrays = {name: array.copy() for name, array in source.arrays.items()}
    for name, array in arrays.items():
        array[bad] = array[dealt][bad] if name in targets else rng.integers(0, 255, size=array[bad].shape).astype(array.dtype)
    return replace(source, frame=pl.DataFrame(columns), arrays=arrays)


def nonsense_for(series: pl.Series) -> pl.Series:
    """Cells of the column's own type that no honest row has; empty ones where the type has no such cell.

    Example:
        >>> nonsense_for(pl.Series(["a", "b"])).to_list(), nonsense_for(pl.Series([True])).to_list()
        (['nonsense 0', 'nonsense 1'], [None])
    """
    n = np.arange(len(series))
    if series.dtype.is_numeric():
        return pl.Series(1e6 + 1e3 * n).cast(series.dtype, strict=False)
    if series.dtype == pl.String:
        return pl.Series([f"nonsense {i}" for i in n])
    return pl.Series([None] * len(n), dtype=series.dtype)


def shuffled_check(
    recipe: Recipe,
    data: Data,
    metric: str,
    *,
    shuffles: int,
    folder: Path | None = None,
    observers: Sequence[Observer] = (),
) -> Check:
    """Whether networks trained on shuffled targets score as chance does on test rows.

    Chance is the distribution of the score when the judged targets are dealt anew: the networks' answers, and so their habit of
    answering with the most frequent class, stay as they are.
    """
    judged: list[Predictions] = []
    for turn in range(shuffles):
        blind = shuffled(data, turn)
        own = folder / f"shuffled-{turn}" if folder is not None else None
        run = fit_orders(orders_of(recipe, 1, first=turn), blind, folder=own, observers=observers)[0]
        if run.status != "not finite":
            judged.append(predictions_of(run, blind, "test"))
    if not judged:
        return Check("shuffled", "WARN", "Every network on shuffled targets became not finite, so nothing was checked.")
    score, chance, p = against_chance(judged, metric)
    text = f"With shuffled targets {metric} is {score:.4g}, where chance gives {chance[0]:.4g} to {chance[1]:.4g} (p={p:.2g})"
    if p > LEAK:
        return Check("shuffled", "PASS", f"{text}: nothing is learned where there is nothing to learn.", count=len(judged))
    return Check("shuffled", "FAIL", f"{text}: targets or rows of the test part reach the network.", count=len(judged))


def shuffled(data: Data, seed: int) -> Data:
    """The same rows with their targets in random order, split and prepared anew."""
    frame, names = data.source.table, list(data.preparation.target.names)
    order = np.random.default_rng(draw_seed(seed, "shuffled targets")).permutation(len(data))
    changed = frame.with_columns(frame[name][order].alias(name) for name in names if name in frame.columns)
    arrays = {name: array[order] if name in names else array for name, array in data.source.arrays.items()}
    return data.rebuild(replace(data.source, frame=changed, arrays=arrays), data.recipe)


def against_chance(judged: Sequence[Predictions], metric: str) -> tuple[float, tuple[float, float], float]:
    """The mean score of networks, the middle 95% of what chance gives, and how often chance does as well.

    Args:
        judged: answers of each network for its own rows.
        metric: the score.

    Example:
        >>> target = np.arange(200) % 2
        >>> right = Predictions("classification", np.eye(2)[target], target)
        >>> score, chance, p = against_chance([right], "accuracy")
        >>> score, chance[1] < 0.65, p < 0.01
        (1.0, True, True)
    """
    score = float(np.mean([metrics[metric](p) for p in judged]))
    rng = np.random.default_rng(draw_seed(0, "chance"))
    drawn = np.array(
        [
            np.mean([metrics[metric](replace(p, target=p.target[rng.permutation(len(p))])) for p in judged])
            for _ in range(PERMUTATIONS)
        ]
    )
    sign = 1.0 if higher_is_better(metric) else -1.0
    p = (1 + int((sign * drawn >= sign * score - 1e-12).sum())) / (1 + PERMUTATIONS)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return score, (float(low), float(high)), p


def _aa(recipe: Recipe, data: Data, metric: str, *, repeats: int, folder: Path | None, observers: Sequence[Observer]) -> Check:
    first = orders_of(recipe, repeats)
    runs = fit_orders([*first, *again(first)], data, folder=folder, observers=observers)
    scores = score_runs(runs, data, metric=metric)
    found = aa_check(scores[:repeats], scores[repeats:], higher_is_better=higher_is_better(metric))
    if found.verdict.word == "cannot tell":
        return Check("a/a", "PASS", f"{found}.", count=repeats)
    return Check("a/a", "WARN", f"{found}: one honest study in twenty says so; repeat it with more seeds.", count=repeats)


def looks_check(data: Data) -> Check:
    """How many networks were scored on the test rows."""
    looks, rows = looks_at(data), len(data.rows["test"])
    text = f"{looks:,} networks were scored on these {rows:,} test rows on this machine so far"
    if looks < MANY_LOOKS:
        return Check("looks", "PASS", f"{text}.", count=looks)
    luck = "the best of so many looks better than it is: judge the last one on rows that nobody has seen"
    return Check("looks", "WARN", f"{text}; {luck}.", count=looks)
