"""Treat: what the doctor prescribes, proved against the untouched recipe with the same splits and seeds, or refuted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trainwell.core.atomic import write_json
from trainwell.core.errors import TrainingError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import write_recipe
from trainwell.core.stats import Floats, Interval
from trainwell.data.data import Data
from trainwell.doctor.examine import examine
from trainwell.doctor.finding import Finding
from trainwell.evaluate.evaluation import label
from trainwell.study.compare import judge_many
from trainwell.study.cost import seconds_of
from trainwell.study.power import fewest_pairs
from trainwell.study.prescribe import INFLATE, SEEN_BY, Candidate, candidates, random_candidates, trainable
from trainwell.study.repeats import repeats as orders_of
from trainwell.study.scores import higher_is_better, metric_of, score_runs
from trainwell.study.verdict import Verdict, pair_interval
from trainwell.train.fit import attempt
from trainwell.train.job import Observer
from trainwell.train.lr_find import find_rate
from trainwell.train.many import fit_orders
from trainwell.train.resume import load_again
from trainwell.train.run import Run
from trainwell.train.units import Order, order_name

Arm = Literal["remedy", "random"]

#: Findings that say the rate is wrong.
RATE = frozenset({"TW301", "TW302", "TW307", "TW309", "TW311"})
#: Pairs per comparison: with eight, two remedies that are judged together can both be proved.
PAIRS = 8


@dataclass(frozen=True)
class Trial:
    """One remedy that was tried.

    Args:
        code: of the finding that prescribed it; empty for a random one.
        sentence: what was changed, as an imperative.
        changes: recipe key → value before and after.
        verdict: the recipe with the remedy against the recipe without it, the same splits and seeds.
        scores: one per repeat; NaN where a run became not finite.
        cost: updates of the remedied recipe over those of the untouched one.
        arm: whether a finding prescribed it, or chance.
        kept: whether it is part of the recipe from here on.
    """

    code: str
    sentence: str
    changes: dict[str, tuple[Any, Any]]
    verdict: Verdict
    scores: list[float]
    cost: float = 1.0
    arm: Arm = "remedy"
    kept: bool = False

    @property
    def inflated(self) -> bool:
        """Whether the remedy removes what made scores look better than they are."""
        return self.code in INFLATE

    def __str__(self) -> str:
        who = self.code or "at random"
        more = f" ({self.cost:.3g} times the updates)" if abs(self.cost - 1) > 0.05 else ""
        why = " The score was inflated by what is now left out." if self.inflated and self.verdict.word == "hurts" else ""
        return f"{who}: {self.sentence}{more} {'Kept' if self.kept else 'Not kept'}: {self.outcome}.{why}"

    @property
    def outcome(self) -> str:
        """The verdict with its evidence."""
        return self.verdict.sentence if np.isfinite(self.scores).any() else "every run with it became not finite"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"verdict": self.verdict.to_dict(), "sentence_in_full": str(self)}


@dataclass(frozen=True)
class Treatment:
    """What was tried against the findings of a recipe, and what became of it.

    Args:
        metric: the score.
        higher_is_better: direction of the metric.
        repeats: pairs per comparison; each has its own split, initialisation and order.
        findings: what the doctor found, causes first.
        trials: every remedy that was tried, in the order of trial.
        untouched: score of the recipe as it was, on validation rows.
        treated: score with the remedy that was kept; None when none was.
        recipe: with the remedy that was kept, else as it was; without any `auto`.
        runs: networks that were trained.
        seconds: of training, all together.
    """

    metric: str
    higher_is_better: bool
    repeats: int
    findings: list[Finding]
    trials: list[Trial]
    untouched: Interval
    treated: Interval | None
    recipe: Recipe
    runs: int = 0
    seconds: float = 0.0

    @property
    def kept(self) -> Trial | None:
        """The remedy that was proved and kept; None when none was."""
        return next((trial for trial in self.trials if trial.kept), None)

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        if not self.findings:
            return f"nothing to treat: no pathology found, {label(self.metric)} {said(self.untouched)}"
        if self.kept is None:
            return f"no remedy was proved among {len(self.of_arm('remedy'))} tried; the recipe stays as it is"
        assert self.treated is not None
        return f"{self.kept.sentence} {label(self.metric)} {said(self.untouched)} → {said(self.treated)}"

    def of_arm(self, arm: Arm) -> list[Trial]:
        """The trials of one arm."""
        return [trial for trial in self.trials if trial.arm == arm]

    def __str__(self) -> str:
        head = f"{label(self.metric)} on valid rows, {self.repeats} pairs, {self.runs} networks: {said(self.untouched)}"
        return "\n".join([head, *(str(trial) for trial in self.trials), self.sentence])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        found |= {"findings": [f.to_dict() for f in self.findings], "trials": [t.to_dict() for t in self.trials]}
        intervals = {key: found[key].to_dict() if found[key] else None for key in ("untouched", "treated")}
        return found | intervals | {"recipe": self.recipe.model_dump(), "sentence": self.sentence}

    def save(self, folder: str | Path) -> Path:
        """Write `treatment.json` and the recipe that came out of it into a folder; returns the first."""
        path = Path(folder) / "treatment.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_recipe(self.recipe, path.parent / "recipe.yaml")
        write_json(path, self.to_dict(), indent=1, default=str)
        return path


def treat(
    sick: Run | Recipe,
    finding: Finding | None = None,
    *,
    data: Data | None = None,
    repeats: int | None = None,
    most: int = 2,
    rounds: int = 3,
    random: int = 0,
    metric: str | None = None,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Treatment:
    """Try what the doctor prescribes, and keep only what is proved.

    The remedies of a round are trained together with the untouched recipe, the same splits and seeds for all, as one order to
    the trainer. The best of those that are proved (the interval excludes zero and p, corrected for all remedies tried, is at
    most 0.05) is kept; if none is, the next round tries the next ones. Scores are those of validation rows; the test rows are
    the same in all repeats and are never looked at. What a finding says is in the data (repeated rows, a column that tells the
    target) is left out even if the score falls: it was inflated.

    Args:
        sick: a run, or a recipe that is trained and examined first.
        finding: what to treat; None treats whatever the doctor finds, causes first.
        data: loaded data; None reads a run's data again from their source.
        repeats: pairs per comparison; None is 8, or as many as it takes for one of the remedies to be proved at all.
        most: remedies per round.
        rounds: rounds at most.
        random: remedies drawn blindly from all there are and judged in the same way, to compare with.
        metric: what to score; None is the recipe's monitor or first metric, or one that sees what the finding is about.
        folder: where the runs and `treatment.json` are kept; the same call again trains only what is missing.
        observers: as in `fit_many`.

    Raises:
        UsageError: a recipe without data.

    Source: AUTOTRAINER (Zhang et al., ICSE 2021) takes the silence of its own alarm for a cure; here a cure is a difference to
        the untouched recipe.

    Example:
        >>> from trainwell.data.load import load
        >>> sick = Recipe(model={"name": "mlp", "width": 16}, lr=1e-6, epochs=5, threads=1)
        >>> found = treat(sick, Finding("it hardly moves", code="TW302"), data=load("iris"), most=1)
        >>> found.kept.code, found.kept.verdict.word
        ('TW302', 'helps')
    """
    data = _data_of(sick, data)
    case = Case(
        recipe=pinned(sick.recipe if isinstance(sick, Run) else sick, data),
        data=data,
        metric=metric or (SEEN_BY.get(finding.code) if finding else None),
        folder=Path(folder) if folder is not None else None,
        observers=observers,
    )
    findings = [finding] if finding else examine(sick) if isinstance(sick, Run) else examine(case.first())
    found = treated(case, findings, pairs=repeats, most=most, rounds=rounds, random=random)
    if folder is not None:
        found.save(folder)
    return found


def _data_of(sick: Run | Recipe, data: Data | None) -> Data:
    if data is not None:
        return data
    if isinstance(sick, Recipe) or sick.folder is None:
        raise UsageError("the data are not known", remedy="Give data=tw.load(…).")
    return load_again(sick.folder)


def pinned(recipe: Recipe, data: Data) -> Recipe:
    """The recipe without any `auto`, whose test rows stay the same when the seed of the split changes."""
    if recipe.target is None:
        recipe = recipe.but(target=data.recipe.target)
    whole, _ = recipe.resolved(data.under(recipe).facts)
    return whole.but(split__test_seed=whole.split.seed) if whole.split.test_seed is None else whole


@dataclass
class Case:
    """A recipe under treatment, with the runs and scores that are known so far.

    Args:
        recipe: the untouched one.
        data: loaded data.
        metric: what is scored; None is the recipe's own.
        folder: where runs are kept, or None.
        observers: of every training.
        runs: networks trained so far, by the name of their order.
        scores: on validation rows.
        examined: runs that the doctor looked at, likewise.
    """

    recipe: Recipe
    data: Data
    metric: str | None = None
    folder: Path | None = None
    observers: Sequence[Observer] = ()
    runs: dict[str, Run] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    examined: dict[str, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.metric = self.metric or metric_of(self.recipe)

    def first(self) -> Run:
        """The first repeat of the recipe with the doctor beside it, for the others are trained as a stack, unseen.

        Raises:
            KeyboardInterrupt: a signal stopped it.
        """
        recipe, seed = order = orders_of(self.recipe, 1)[0]
        name = order_name(order)
        if name not in self.examined:
            folder = self.folder / "examined" / name if self.folder is not None else None
            if folder is not None and (folder / "run.json").exists():
                self.examined[name] = Run.open(folder)
            else:
                self.examined[name] = attempt(
                    recipe, self.data, seed=seed, folder=folder, observers=self.observers, watched=True
                )
        if self.examined[name].signal:
            raise KeyboardInterrupt
        return self.examined[name]

    def trained(self, orders: Sequence[Order]) -> list[Run]:
        """The runs of these orders; those that are not known yet are trained in one go."""
        new = {order_name(o): o for o in orders if order_name(o) not in self.runs}
        runs = fit_orders(list(new.values()), self.data, folder=self.folder, observers=self.observers)
        self.runs |= dict(zip(new, runs, strict=True))
        self.scores |= dict(zip(new, score_runs(runs, self.data, metric=self.metric).tolist(), strict=True))
        return [self.runs[order_name(o)] for o in orders]

    def scored(self, recipe: Recipe, pairs: int) -> Floats:
        """Scores of a recipe's repeats that are trained already."""
        return np.array([self.scores[order_name(o)] for o in orders_of(recipe, pairs)])

    def updates(self, recipe: Recipe) -> int:
        """Updates of a recipe's first repeat."""
        return self.runs[order_name(orders_of(recipe, 1)[0])].plan.steps


def treated(
    case: Case, findings: Sequence[Finding], *, pairs: int | None = None, most: int = 2, rounds: int = 3, random: int = 0
) -> Treatment:
    """Rounds of remedies against findings until one is kept, as `treat` does."""
    asked = prescribed(case, findings)[: most * rounds]
    chance = random_candidates(case.recipe, case.data, random)
    n = pairs or max(PAIRS, fewest_pairs(0.05 / max(1, len(asked), len(chance))))
    trials: list[Trial] = []
    best: Candidate | None = None
    for start in range(0, max(1, len(asked)), most):
        arms = [*asked[start : start + most], *([] if start else chance)]
        case.trained([order for recipe in [case.recipe, *(c.recipe for c in arms)] for order in orders_of(recipe, n)])
        trials = judged(case, asked[: start + most], n)
        best = chosen(asked, trials)
        if best is not None:
            break
    kept = asked.index(best) if best is not None else -1
    trials = [replace(trial, kept=place == kept) for place, trial in enumerate(trials)]
    after = best.recipe if best is not None else case.recipe
    return Treatment(
        metric=str(case.metric),
        higher_is_better=higher_is_better(str(case.metric)),
        repeats=n,
        findings=list(findings),
        trials=[*trials, *judged(case, chance, n, arm="random")],
        untouched=interval_of(case.scored(case.recipe, n)),
        treated=interval_of(case.scored(after, n)) if best is not None else None,
        recipe=after,
        runs=len(case.runs),
        seconds=seconds_of(list(case.runs.values())),
    )


def prescribed(case: Case, findings: Sequence[Finding]) -> list[Candidate]:
    """What the findings prescribe, with a measured rate among it where they say that the rate is wrong.

    The rate that a range test of some hundred updates finds is better than one guessed by a factor. It comes first where the
    cause is the rate, and second where the rate is only a consequence, which is how a wrong cause shows.
    """
    others = [c for c in candidates(case.recipe, findings) if trainable(c.recipe, case.data)]
    code = next((f.code for f in findings if f.code in RATE), "")
    if not code:
        return others
    try:
        found = find_rate(case.recipe, case.data).suggestion
    except TrainingError:  # every rate explodes: something else is wrong, and the other remedies have their turn
        return others
    rate = float(f"{found:.2g}")
    own = Candidate(code, f"Take the rate that a range test finds, {rate:g}.", case.recipe.but(learning_rate=rate))
    place = 0 if code == findings[0].code else 1
    return [*others[:place], own, *others[place:]]


def judged(case: Case, tried: Sequence[Candidate], pairs: int, *, arm: Arm = "remedy") -> list[Trial]:
    """The verdict on each remedy; p-values are corrected for all of them."""
    base, better = case.scored(case.recipe, pairs), higher_is_better(str(case.metric))
    scores = {str(i): case.scored(c.recipe, pairs) for i, c in enumerate(tried)}
    verdicts = judge_many({i: (own, base) for i, own in scores.items()}, higher_is_better=better, base="untouched")
    found = []
    for i, candidate in enumerate(tried):
        cost = case.updates(candidate.recipe) / case.updates(case.recipe)
        changes = dict(case.recipe.diff(candidate.recipe))
        verdict = replace(verdicts[str(i)], names=("with it", "untouched"))
        found.append(Trial(candidate.code, candidate.sentence, changes, verdict, scores[str(i)].tolist(), cost, arm))
    return found


def chosen(asked: Sequence[Candidate], trials: Sequence[Trial]) -> Candidate | None:
    """The best remedy of those that are proved; one against what inflates a score goes first, whatever it brings."""
    sign = 1.0 if all(t.verdict.higher_is_better for t in trials) else -1.0
    proved: Mapping[int, float] = {
        i: sign * float(np.nanmean(trial.scores))
        for i, trial in enumerate(trials)
        if np.isfinite(trial.scores).any() and (trial.verdict.word == "helps" or trial.inflated)
    }
    return asked[max(proved, key=lambda i: (trials[i].inflated, proved[i]))] if proved else None


def interval_of(scores: Floats) -> Interval:
    """Mean score of the repeats that ended, with its interval; NaN when none did."""
    finite = scores[np.isfinite(scores)]
    return pair_interval(finite) if len(finite) else Interval(np.nan, np.nan, np.nan, 0)


def said(interval: Interval) -> str:
    """A score as words, also where no run had one.

    Example:
        >>> said(Interval(np.nan, np.nan, np.nan, 0))
        'no run ended with finite numbers'
    """
    return interval.text() if interval.n else "no run ended with finite numbers"
