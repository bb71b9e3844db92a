"""Did the borrowed weights help? Fine-tuned against from scratch, in pairs, over numbers of training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainwell.core.atomic import write_json
from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Transfer
from trainwell.core.stats import Floats, Interval
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.score.registry import metrics
from trainwell.study.compare import judge_many
from trainwell.study.learning_curve import FEWEST_ROWS, settled
from trainwell.study.repeats import repeats as orders_of
from trainwell.study.scores import Part, check_metric, higher_is_better, metric_of, score_runs
from trainwell.study.verdict import Verdict, pair_interval
from trainwell.train.job import Observer
from trainwell.train.many import Order, fit_orders

#: Shares of the training rows when nobody says how many: a sixteenth, a quarter, all.
SHARES = (1 / 16, 1 / 4, 1.0)


@dataclass(frozen=True)
class Size:
    """One number of training rows.

    Args:
        rows: training rows.
        tuned: mean score of the networks that started from the weights, with its interval.
        scratch: of those that started from nothing.
        verdict: of the first against the second; p-values are corrected over all sizes.
        scores: of both, one pair per repeat; NaN where a run became not finite.
    """

    rows: int
    tuned: Interval
    scratch: Interval
    verdict: Verdict
    scores: tuple[list[float], list[float]]


@dataclass(frozen=True)
class TransferCheck:
    """Fine-tuned against from scratch.

    Args:
        start: where the weights come from.
        metric: the score.
        part: the rows scored.
        repeats: pairs of each size.
        steps: updates of every run, the same for both ways and all sizes.
        sizes: from few rows to many.
    """

    start: str
    metric: str
    part: str
    repeats: int
    steps: int
    sizes: list[Size]

    @property
    def sentence(self) -> str:
        """The answer in one line."""
        words = {word: [f"{s.rows:,}" for s in self.sizes if s.verdict.word == word] for word in ("helps", "hurts")}
        said = [f"{word} with {', '.join(rows)} training rows" for word, rows in words.items() if rows]
        told = " and ".join(said) or "cannot be told from training from scratch"
        return f"{label(self.metric)}: starting from {Path(self.start).name} {told}"

    @property
    def worth(self) -> str:
        """What the weights are worth in rows: how many training from scratch needs for the same score; empty where unknown."""
        first, sign = self.sizes[0], 1.0 if higher_is_better(self.metric) else -1.0
        enough = [s.rows for s in self.sizes if sign * s.scratch.value >= sign * first.tuned.value]
        if first.verdict.word != "helps":
            return ""
        more = f"no fewer than {enough[0]:,}" if enough else f"more than {self.sizes[-1].rows:,}"
        return f"From scratch, the score of {first.rows:,} rows with the weights takes {more} rows of the sizes tried."

    def __str__(self) -> str:
        lines = [f"{label(self.metric)} on {rows_named(self.part)}, {self.repeats} pairs, {self.steps:,} updates each"]
        lines += [f"{s.rows:>8,} rows: {s.tuned} against {s.scratch}; {s.verdict}" for s in self.sizes]
        return "\n".join([*lines, self.sentence, *([self.worth] if self.worth else [])])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        sizes = [asdict(s) | {"verdict": s.verdict.to_dict()} for s in self.sizes]
        return asdict(self) | {"sizes": sizes, "sentence": self.sentence, "worth": self.worth}

    def save(self, folder: str | Path) -> None:
        """Write `transfer-check.json`."""
        write_json(Path(folder) / "transfer-check.json", self.to_dict())


def transfer_check(
    recipe: Recipe,
    data: Data,
    *,
    rows: Sequence[int] = (),
    scratch: Recipe | None = None,
    repeats: int = 8,
    metric: str | None = None,
    part: Part = "valid",
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> TransferCheck:
    """Train with and without the weights of `init_from`, on the same samples of rows and seeds, and say whether they helped.

    Both ways get the same network, the same number of updates and the same rows. What suits fine-tuning need not suit training
    from scratch: give `scratch` where that has a better rate of its own, or the comparison flatters the weights.

    Args:
        recipe: with `init_from`, and perhaps `transfer`.
        data: loaded data.
        rows: numbers of training rows; none takes a sixteenth, a quarter and all of them.
        scratch: how to train from nothing; None is `recipe` without `init_from` and `transfer`.
        repeats: pairs of every size, each with its own split, sample, head and order.
        metric: what to score; None is the monitor or first metric of the recipe.
        part: "valid" while choosing; "test" for the final word.
        folder: where the runs are kept; the same call again trains only what is missing.
        observers: as in `fit_many`.

    Raises:
        UsageError: the recipe starts from nothing, or there are fewer training rows than asked for.

    Source: Kornblith et al., "Do better ImageNet models transfer better?", CVPR 2019; Raghu et al., "Transfusion", NeurIPS
    2019, where it did not help.

    Example:
        >>> from trainwell.data.load import load
        >>> from trainwell.train.fit import fit
        >>> data, small = load("iris"), Recipe(model={"name": "mlp", "width": 8}, epochs=2, doctor="off")
        >>> first = fit(small, data, folder="first")
        >>> found = transfer_check(small.but(init_from="first"), data, rows=[30, 90], repeats=2)
        >>> [size.rows for size in found.sizes]
        [30, 90]
    """
    demand(data, recipe)
    check_metric(metric, data.task)
    if recipe.init_from is None:
        raise UsageError("the recipe starts from nothing", remedy="Set init_from=… to a run folder or a file of weights.")
    tuned = settled(recipe, data)
    base = scratch if scratch is not None else recipe
    bare = settled(base.but(init_from=None, transfer=Transfer()), data).but(steps=tuned.steps)
    shares = _shares(rows, data.under(tuned))
    orders: list[Order] = []
    for share in shares:
        orders += [order for one in (tuned, bare) for order in orders_of(one.but(split__sample=share), repeats)]
    runs = fit_orders(orders, data, folder=folder, observers=observers)
    name = metrics[metric or metric_of(tuned)].__name__
    scores = score_runs(runs, data, metric=name, part=part).reshape(-1, 2, repeats)
    counts = [round(float(np.mean([r.plan.rows for r in runs[i : i + 2 * repeats]]))) for i in range(0, len(runs), 2 * repeats)]
    assert recipe.init_from is not None
    found = TransferCheck(recipe.init_from, name, part, repeats, tuned.steps, _sizes(counts, scores, name))
    if folder is not None:
        found.save(folder)
    return found


def _shares(rows: Sequence[int], data: Data) -> list[float]:
    every = len(data.rows["train"])
    if any(not 0 < n <= every for n in rows):
        raise UsageError(f"there are {every:,} training rows", where=f"rows {list(rows)}", remedy="Give numbers up to that.")
    least = max(FEWEST_ROWS, 2 * data.n_out if data.task == "classification" else 0)
    return sorted(n / every for n in rows) or [s for s in SHARES if s * every >= least or s == 1]


def _sizes(counts: Sequence[int], scores: Floats, metric: str) -> list[Size]:
    """The sizes with their verdicts, from scores `(sizes, 2, repeats)`."""
    better, names = higher_is_better(metric), ("with the weights", "from scratch")
    pairs = {str(i): (tuned, bare) for i, (tuned, bare) in enumerate(scores)}
    verdicts = judge_many(pairs, higher_is_better=better, base=names[1])
    bounds = metrics[metric].bounds

    def mean(own: Floats) -> Interval:
        return pair_interval(own[np.isfinite(own)]).within(*bounds)

    return [
        Size(rows, mean(tuned), mean(bare), verdict, (tuned.tolist(), bare.tolist()))
        for rows, (tuned, bare), verdict in zip(counts, scores, verdicts.values(), strict=True)
    ]
