"""Improve: evaluate, diagnose, treat, evaluate again, until nothing that is proved is left or the time is used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainwell.core.atomic import write_atomic, write_json
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import write_recipe
from trainwell.core.stats import Floats, Interval
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.doctor.examine import examine
from trainwell.evaluate.evaluation import label
from trainwell.study.compare import judge
from trainwell.study.cost import seconds_of
from trainwell.study.repeats import repeats as orders_of
from trainwell.study.scores import higher_is_better, score_runs
from trainwell.study.treat import PAIRS, Case, Treatment, interval_of, pinned, said, treated
from trainwell.study.verdict import Verdict
from trainwell.train.job import Observer

LEDGER = "ledger.jsonl"


@dataclass(frozen=True)
class Improvement:
    """What became of a recipe, round by round.

    Args:
        metric: the score.
        rounds: what was found and tried in each.
        start: the recipe as it was, without any `auto`.
        recipe: with everything that was proved.
        before: validation score of the recipe as it was.
        after: validation score of what it became; the better for having been chosen.
        test: score of what it became on test rows, which chose nothing; None without test rows.
        test_before: the same of the recipe as it was.
        verdict: on test rows, what it became against what it was; None without test rows or without a change.
        ended: why it ended.
        runs: networks that were trained.
        seconds: of training, all together.
    """

    metric: str
    rounds: list[Treatment]
    start: Recipe
    recipe: Recipe
    before: Interval
    after: Interval
    ended: str
    test: Interval | None = None
    test_before: Interval | None = None
    verdict: Verdict | None = None
    runs: int = 0
    seconds: float = 0.0

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Recipe key → value at the start and at the end."""
        return self.start.diff(self.recipe)

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """One entry for everything that was tried, and what it did."""
        return [
            {
                "round": number,
                "finding": trial.code,
                "remedy": trial.sentence,
                "changes": trial.changes,
                "verdict": trial.verdict.word,
                "evidence": trial.verdict.evidence,
                "cost": trial.cost,
                "kept": trial.kept,
            }
            for number, treatment in enumerate(self.rounds, 1)
            for trial in treatment.trials
        ]

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        kept = sum(treatment.kept is not None for treatment in self.rounds)
        head = f"{kept} {'remedy' if kept == 1 else 'remedies'} kept in {len(self.rounds)} rounds; ended because {self.ended}"
        if self.verdict is None:
            tail = f"{label(self.metric)} on test rows {said(self.test)}" if self.test else "there are no test rows"
            return f"{head}; {tail}"
        inflated = any(treatment.kept is not None and treatment.kept.inflated for treatment in self.rounds)
        why = "; it had been inflated by what was left out" if inflated and self.verdict.word == "hurts" else ""
        return f"{head}; on test rows, which chose nothing: {self.verdict.sentence}{why}"

    def __str__(self) -> str:
        lines = [f"round {i}: {treatment}" for i, treatment in enumerate(self.rounds, 1)]
        return "\n".join([*lines, self.sentence])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        intervals = {key: getattr(self, key) for key in ("before", "after", "test", "test_before")}
        return {
            "metric": self.metric,
            "sentence": self.sentence,
            "changes": self.changes,
            "ledger": self.ledger,
            **{key: found.to_dict() if found else None for key, found in intervals.items()},
            "verdict": self.verdict.to_dict() if self.verdict else None,
            "ended": self.ended,
            "recipe": self.recipe.model_dump(),
            "runs": self.runs,
            "seconds": self.seconds,
            "rounds": [treatment.to_dict() for treatment in self.rounds],
        }

    def save(self, folder: str | Path) -> Path:
        """Write `improvement.json`, the ledger and the recipe into a folder; returns the first."""
        path = Path(folder) / "improvement.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_recipe(self.recipe, path.parent / "recipe.yaml")
        lines = [json.dumps(entry, default=str, ensure_ascii=False) + "\n" for entry in self.ledger]
        write_atomic(path.parent / LEDGER, "".join(lines))
        write_json(path, self.to_dict(), indent=1, default=str)
        return path


def improve(
    recipe: Recipe,
    data: Data,
    *,
    repeats: int = PAIRS,
    rounds: int = 6,
    most: int = 2,
    minutes: float = 0.0,
    metric: str | None = None,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Improvement:
    """Train, examine, treat what is found, keep what is proved, and begin again with the better recipe.

    Everything is chosen on validation rows. The test rows are the same in every repeat and round, and are scored once, at the
    end: that score is believed. The folder keeps every run, so that the same call after a crash trains only what is missing.

    Args:
        recipe: to begin with; `auto` is filled in.
        data: loaded data.
        repeats: pairs per comparison.
        rounds: remedies kept at most.
        most: remedies that are trained at a time.
        minutes: of training (not of waiting), all networks together, after which no new round begins; 0 is no limit.
        metric: what to score; None is the recipe's monitor or first metric.
        folder: where the runs, `ledger.jsonl`, `improvement.json` and `recipe.yaml` are kept.
        observers: as in `fit_many`.

    Example:
        >>> from trainwell.data.load import load
        >>> sick = Recipe(model={"name": "mlp", "width": 16}, optimizer="sgd", lr=1e-7, epochs=5, threads=1)
        >>> found = improve(sick, load("iris"), rounds=1)
        >>> len(found.rounds), found.test is not None
        (1, True)
    """
    demand(data, recipe)
    case = Case(pinned(recipe, data), data, metric, Path(folder) if folder is not None else None, observers)
    start, course = case.recipe, Course(repeats, most)
    ended = course.follow(case, rounds, 60 * minutes)
    found = _outcome(case, start, course, ended)
    if folder is not None:
        found.save(folder)
    return found


@dataclass
class Course:
    """The rounds of an improvement as they happen.

    Args:
        pairs: per comparison.
        most: remedies at a time.
        rounds: so far.
    """

    pairs: int
    most: int
    rounds: list[Treatment] = field(default_factory=list)

    def follow(self, case: Case, rounds: int, seconds: float) -> str:
        """Treat until there is a reason to end, which is returned; the case is left with the best recipe."""
        while len(self.rounds) < rounds:
            findings = examine(case.first())
            treatment = treated(case, findings, pairs=self.pairs, most=self.most)
            self.rounds.append(treatment)
            if not findings:
                return "no pathology is left"
            if treatment.kept is None:
                return "nothing that was tried is proved"
            case.recipe = treatment.recipe
            if seconds and seconds_of(list(case.runs.values())) > seconds:
                return "the time is used"
        return f"{rounds} rounds were asked for"


def _outcome(case: Case, start: Recipe, course: Course, ended: str) -> Improvement:
    before, after = (_tested(case, recipe, course.pairs) for recipe in (start, case.recipe))
    verdict = None
    if after is not None and before is not None and start != case.recipe:
        names = ("improved", "untouched")
        verdict = judge(after, before, higher_is_better=higher_is_better(str(case.metric)), names=names)
    return Improvement(
        metric=str(case.metric),
        rounds=course.rounds,
        start=start,
        recipe=case.recipe,
        before=interval_of(case.scored(start, course.pairs)),
        after=interval_of(case.scored(case.recipe, course.pairs)),
        ended=ended,
        test=None if after is None else interval_of(after),
        test_before=None if before is None else interval_of(before),
        verdict=verdict,
        runs=len(case.runs),
        seconds=seconds_of(list(case.runs.values())),
    )


def _tested(case: Case, recipe: Recipe, pairs: int) -> Floats | None:
    """Scores on test rows, one per repeat; None without test rows."""
    runs = case.trained(orders_of(recipe, pairs))
    if not len(case.data.under(runs[0].recipe).rows["test"]):
        return None
    return score_runs(runs, case.data, metric=case.metric, part="test")
