"""Does `a` beat `b`? Paired runs, an interval, a permutation test, and the words that they allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainwell.core.atomic import write_json
from trainwell.core.recipe import Recipe
from trainwell.core.seeds import draw_seed
from trainwell.core.stats import Floats, holm, sign_flip_p
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.study.cost import seconds_of
from trainwell.study.repeats import again
from trainwell.study.repeats import repeats as orders_of
from trainwell.study.scores import Part, check_metric, higher_is_better, metric_of, score_runs
from trainwell.study.verdict import Unit, Verdict, paired, verdict_of
from trainwell.train.job import Observer
from trainwell.train.many import fit_orders


def judge(
    a: ArrayLike,
    b: ArrayLike,
    *,
    higher_is_better: bool,
    alpha: float = 0.05,
    names: tuple[str, str] = ("a", "b"),
    unit: Unit = "run",
    seed: int = 0,
) -> Verdict:
    """What the paired scores of two ways say about the first.

    "Helps" and "hurts" need both: a sign-flip p of at most `alpha`, and an interval without zero. The claim is about training
    on these rows again (other splits, seeds, orders), not about other rows of the same kind.

    A run that became not finite is worse than any that did not: for p its pair counts as the largest difference seen, and it
    has no part in the interval.

    Args:
        a: scores of the first way, one per seed, NaN where the run became not finite, `(n,)`.
        b: scores of the second way with the same seeds and splits, `(n,)`.
        higher_is_better: direction of the score.
        alpha: the chance of a false alarm that is accepted.
        names: how they are called.
        unit: "row" when the pairs are answers of two networks for one row, instead of runs of one seed.
        seed: of the resampling.

    Raises:
        UsageError: there is nothing to pair, or the scores are not paired.

    Source: Efron 1987 (BCa); Fisher, "The Design of Experiments", 1935 (sign flips).

    Example:
        >>> with_it = [0.91, 0.93, 0.92, 0.90, 0.94, 0.92, 0.93, 0.91]
        >>> without = [0.90, 0.91, 0.91, 0.89, 0.91, 0.91, 0.92, 0.90]
        >>> print(judge(with_it, without, higher_is_better=True))
        helps: +0.014 (95% CI +0.008 to +0.022, n=8, p=0.0078)
        >>> print(judge(with_it[:5], without[:5], higher_is_better=True).advice)
        5 pairs cannot reach p=0.05, whatever they show; at least 6 can
    """
    pair = paired(a, b, higher_is_better)
    p = sign_flip_p(pair.good, seed=seed)
    return verdict_of(pair, p=p, p_alone=p, alpha=alpha, level=alpha, names=names, unit=unit, seed=seed)


def judge_many(
    pairs: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    higher_is_better: bool,
    alpha: float = 0.05,
    base: str = "base",
    seed: int = 0,
) -> dict[str, Verdict]:
    """Several verdicts of one study, with p-values corrected so that even one false alarm among them stays as rare as `alpha`.

    The intervals are not corrected: each is what the data say of its own difference.

    Args:
        pairs: name → scores of that way, and of what it is paired with.
        higher_is_better: direction of the score.
        alpha: the chance of even one false alarm that is accepted.
        base: how the second of each pair is called.
        seed: of the resampling.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.

    Example:
        >>> base = [0.90, 0.91, 0.91, 0.89, 0.91, 0.91, 0.92]
        >>> good, same = [s + 0.01 + 0.001 * i for i, s in enumerate(base)], base[::-1]
        >>> found = judge_many({"good": (good, base), "same": (same, base)}, higher_is_better=True)
        >>> {name: verdict.word for name, verdict in found.items()}
        {'good': 'helps', 'same': 'cannot tell'}
    """
    known = {name: paired(a, b, higher_is_better) for name, (a, b) in pairs.items()}
    alone = [sign_flip_p(pair.good, seed=seed) for pair in known.values()]
    level = alpha / max(1, len(known))
    return {
        name: verdict_of(pair, p=float(p), p_alone=p_alone, alpha=alpha, level=level, names=(name, base), seed=seed)
        for (name, pair), p, p_alone in zip(known.items(), holm(alone), alone, strict=True)
    }


@dataclass(frozen=True)
class FalseAlarms:
    """A recipe against itself: what a study calls different when nothing is.

    Args:
        verdict: of the one comparison as it was run.
        rate: share of relabelled comparisons that were called "helps" or "hurts".
        relabelings: how many.
        paired: whether both halves share their splits, as the study's own pairs do.
    """

    verdict: Verdict
    rate: float
    relabelings: int
    paired: bool

    def __str__(self) -> str:
        how = "the same splits" if self.paired else "runs of other seeds paired at random"
        allowed = f"at most {self.verdict.alpha:.0%} are allowed"
        alarms = f"false alarms in {self.rate:.1%} of {self.relabelings} relabelings; {allowed}"
        return f"A/A ({how}): {self.verdict.word}, {self.verdict.evidence}; {alarms}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"sentence": str(self)}


def aa_check(
    first: ArrayLike,
    second: ArrayLike | None = None,
    *,
    higher_is_better: bool,
    alpha: float = 0.05,
    relabelings: int = 256,
    seed: int = 0,
) -> FalseAlarms:
    """A recipe against itself, judged as every other comparison: it must say "cannot tell", up to `alpha` of the time.

    Which half of a pair is called "first" is arbitrary, so each relabelling is one more A/A comparison with the differences
    that this recipe on these data really has (spread, ties, skew); the share called different is the false-alarm rate.

    Args:
        first: scores of the recipe, `(n,)`.
        second: scores of the same recipe on the same splits with other seeds (`study.repeats.again`), `(n,)`. None pairs the
            runs of `first` with each other at random: no run more, but n/2 pairs whose splits differ, which vary more.
        higher_is_better: direction of the score.
        alpha: the level of the study.
        relabelings: how many relabelled comparisons; with few pairs all there are.
        seed: of the relabelling.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> found = aa_check(rng.normal(size=8), rng.normal(size=8), higher_is_better=True)
        >>> found.verdict.word, found.rate <= 0.05
        ('cannot tell', True)
    """
    rng = np.random.default_rng(draw_seed(seed, "relabel"))
    one, two = _halves(np.asarray(first, dtype=np.float64), second, rng)
    swaps = _relabelings(len(one), relabelings, rng)
    alarms = 0
    for turn, swap in enumerate(swaps):
        if second is None and turn:
            one, two = _halves(np.asarray(first, dtype=np.float64), None, rng)
        found = judge(np.where(swap, two, one), np.where(swap, one, two), higher_is_better=higher_is_better, alpha=alpha)
        alarms += found.word != "cannot tell"
    verdict = judge(one, two, higher_is_better=higher_is_better, alpha=alpha, names=("again", "first"))
    return FalseAlarms(verdict, alarms / len(swaps), len(swaps), second is not None)


def _relabelings(pairs: int, most: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which pairs are swapped in each relabelling: all of them where they are few, one of each two mirrored ones."""
    if 2 ** (pairs - 1) > most:
        return rng.random((most, pairs)) < 0.5
    return (np.arange(2 ** (pairs - 1))[:, None] >> np.arange(pairs)) % 2 == 1


def _halves(first: Floats, second: ArrayLike | None, rng: np.random.Generator) -> tuple[Floats, Floats]:
    if second is not None:
        return np.asarray(second, dtype=np.float64), first
    mixed = rng.permutation(first)[: len(first) // 2 * 2]
    return mixed[::2], mixed[1::2]


@dataclass(frozen=True)
class Comparison:
    """Two recipes, trained with the same seeds and splits, and what their scores say.

    Args:
        names: how they are called.
        metric: the score.
        part: the rows scored.
        seeds: of the pairs; each is the seed of split, initialisation and order.
        scores: of the first and the second recipe, one per seed; NaN where a run became not finite.
        verdict: of the first against the second.
        false_alarms: the second recipe against itself.
        seconds: time of training of all runs of the first, and of the second.
        note: on whose data both were judged, where theirs differ.
    """

    names: tuple[str, str]
    metric: str
    part: str
    seeds: list[int]
    scores: tuple[list[float], list[float]]
    verdict: Verdict
    false_alarms: FalseAlarms | None = None
    seconds: tuple[float, float] = field(default=(0.0, 0.0))
    note: str = ""

    def __str__(self) -> str:
        lines = [
            f"{self.names[0]} against {self.names[1]}, {label(self.metric)} on {rows_named(self.part)}, {len(self.seeds)} pairs"
        ]
        lines += [str(self.verdict), self.note] if self.note else [str(self.verdict)]
        return "\n".join([*lines, str(self.false_alarms)] if self.false_alarms else lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        aa = self.false_alarms.to_dict() if self.false_alarms else None
        return asdict(self) | {"verdict": self.verdict.to_dict(), "false_alarms": aa}

    def save(self, folder: str | Path) -> None:
        """Write `comparison.json`."""
        write_json(Path(folder) / "comparison.json", self.to_dict())


def compare(
    a: Recipe,
    b: Recipe,
    data: Data,
    *,
    repeats: int = 8,
    metric: str | None = None,
    part: Part = "valid",
    aa: bool = True,
    folder: str | Path | None = None,
    names: tuple[str, str] = ("a", "b"),
    observers: Sequence[Observer] = (),
) -> Comparison:
    """Train two recipes with the same seeds and splits, and say whether the first is better, worse, or not to be told apart.

    Args:
        a: the recipe in question.
        b: what it is compared with.
        data: loaded data.
        repeats: pairs; each has its own split, initialisation and order. Below 6 no difference can reach p = 0.05.
        metric: what to score; None is the monitor or first metric of `a`.
        part: "valid" while choosing; "test" for the final word.
        aa: also train `b` a second time on the same splits, and print how often the study calls that different.
        folder: where the runs are kept; the same call again trains only what is missing.
        names: how they are called.
        observers: as in `fit_many`.

    Example:
        >>> from trainwell.data.load import load
        >>> quick = Recipe(preset="quick", model="mlp", epochs=2)
        >>> found = compare(quick.but(lr=0.01), quick.but(lr=1e-5), load("iris"), repeats=6, aa=False)
        >>> found.verdict.word
        'helps'
    """
    demand(data, a, b)
    check_metric(metric, data.task)
    orders_a, orders_b = orders_of(a, repeats), orders_of(b, repeats)
    orders = [*orders_a, *orders_b, *(again(orders_b) if aa else [])]
    runs = fit_orders(orders, data, folder=folder, observers=observers)
    name = metric or metric_of(runs[0].recipe)
    scores = score_runs(runs, data, metric=name, part=part)
    ours, theirs, second = scores[:repeats], scores[repeats : 2 * repeats], scores[2 * repeats :]
    better = higher_is_better(name)
    found = Comparison(
        names=names,
        metric=name,
        part=part,
        seeds=[seed for _, seed in orders_a],
        scores=(ours.tolist(), theirs.tolist()),
        verdict=judge(ours, theirs, higher_is_better=better, names=names),
        false_alarms=aa_check(theirs, second, higher_is_better=better) if aa else None,
        seconds=(seconds_of(runs[:repeats]), seconds_of(runs[repeats : 2 * repeats])),
    )
    if folder is not None:
        found.save(folder)
    return found
