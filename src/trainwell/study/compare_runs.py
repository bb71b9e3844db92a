"""Comparisons of runs that exist already: pair by pair where seeds match, row by row where there is one run each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from trainwell.core.errors import UsageError
from trainwell.data.data import Data
from trainwell.evaluate.evaluation import rows_named
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.study.compare import Comparison, Verdict, aa_check, judge
from trainwell.study.cost import seconds_of
from trainwell.study.scores import Part, higher_is_better, metric_of, predictions_of_all, run_ended, score_runs, views
from trainwell.train.resume import load_again
from trainwell.train.run import Run

Runs = Run | str | Path | Sequence[Run]

#: What must be equal for two runs to be a pair: split seed, test seed, folds, and the seed of training.
Key = tuple[int, int | None, int | None, int | None, int]


def runs_in(given: Runs) -> list[Run]:
    """The runs that a run, a folder of runs or a list of runs stands for.

    Raises:
        UsageError: there is no run in the folder.
    """
    if isinstance(given, Run):
        return [given]
    if not isinstance(given, (str, Path)):
        return list(given)
    found = [Run.open(path.parent) for path in sorted(Path(given).rglob("plan.json"))]
    if not found:
        raise UsageError(f"there are no runs in {given}", remedy="Give a run folder, or a folder that holds some.")
    return found


def compare_runs(a: Runs, b: Runs, *, data: Data | None = None, metric: str | None = None, part: Part = "valid") -> Comparison:
    """Say whether the runs of one recipe beat those of another, without training anything.

    Runs with the same seed and split are pairs. One run each is compared row by row on the rows of `part`: that tells whether
    these two networks differ, not whether the recipes do, for another seed may turn it round.

    Args:
        a: a run, a folder of runs, or a list of runs.
        b: likewise; what it is compared with.
        data: their data; None reads them again from where the first run had them, and with the corrected labels of either.
        metric: what to score; None is the first run's monitor or first metric.
        part: "valid" while choosing; "test" for the final word.

    Raises:
        UsageError: nothing is paired: seeds or splits differ.

    Example:
        >>> import trainwell as tw
        >>> data = tw.load("iris")
        >>> quick = tw.Recipe(preset="quick", model="mlp", epochs=2)
        >>> one, other = tw.fit(quick, data), tw.fit(quick.but(lr=1e-5), data)
        >>> compare_runs(one, other, data=data, part="train", metric="log_loss").verdict.word
        'helps'
    """
    ours, theirs = (_by_key(runs_in(given)) for given in (a, b))
    keys = sorted(set(ours) & set(theirs), key=str)
    if not keys:
        remedy = "Train both with the same seeds and split.seed, or compare recipes: tw.compare trains them in pairs."
        raise UsageError("no run of the first has the seed and split of one of the second", remedy=remedy)
    first, second = [ours[key] for key in keys], [theirs[key] for key in keys]
    name = metric or metric_of(first[0].recipe)
    known, note = (data, "") if data is not None else _data_of_both(first[0], second[0], part)
    if len(keys) == 1:
        return replace(_by_rows(first[0], second[0], known, name, part), note=note)
    return replace(_by_seeds(first, second, known, name, part), note=note)


def _data_of_both(a: Run, b: Run, part: Part) -> tuple[Data, str]:
    """The data that both are judged on, and a word about it where theirs differ: labels that somebody mended come first."""
    origins = [json.loads((run.folder / "source.json").read_text()) if run.folder else None for run in (a, b)]
    mended = [bool(origin and origin.get("corrections")) for origin in origins]
    judge, other = (b, a) if mended == [False, True] else (a, b)
    data = load_again(str(judge.folder))
    if origins[0] == origins[1]:
        return data, ""
    if not np.array_equal(data.rows[part], load_again(str(other.folder)).rows[part]):  # one may have learnt what judges both
        raise UsageError(f"the two runs have different {rows_named(part)}", remedy="Train both under one split.")
    return data, f"Both are judged on the rows and labels of {judge.folder}."


def _by_key(runs: Sequence[Run]) -> dict[Key, Run]:
    found = {}
    for run in runs:
        run_ended(run)  # an interrupted one has no score yet: refused
        split = run.recipe.split
        found[split.seed, split.test_seed, split.fold, split.test_fold, run.plan.seed] = run
    return found


def _names(a: Run, b: Run) -> tuple[str, str]:
    """The names of the folders, with those above them where they are alike."""
    if a.folder is None or b.folder is None or a.folder == b.folder:
        return "a", "b"
    return (a.folder.name, b.folder.name) if a.folder.name != b.folder.name else (str(a.folder), str(b.folder))


def _by_seeds(a: Sequence[Run], b: Sequence[Run], data: Data, metric: str, part: Part) -> Comparison:
    better = higher_is_better(metric)
    ours, theirs = (score_runs(runs, data, metric=metric, part=part) for runs in (a, b))
    return Comparison(
        names=("a", "b"),
        metric=metric,
        part=part,
        seeds=[run.plan.seed for run in a],
        scores=(ours.tolist(), theirs.tolist()),
        verdict=judge(ours, theirs, higher_is_better=better),
        false_alarms=aa_check(theirs, higher_is_better=better) if len(theirs) > 1 else None,
        seconds=(seconds_of(a), seconds_of(b)),
    )


def _by_rows(a: Run, b: Run, data: Data, metric: str, part: Part) -> Comparison:
    view = views(data)
    rows = [view(run.recipe).rows[part] for run in (a, b)]
    if not np.array_equal(rows[0], rows[1]):
        raise UsageError(f"the two runs have different {rows_named(part)}", remedy="Train both under one split.")
    ours, theirs = predictions_of_all([a, b], data, part)
    names = _names(a, b)
    return Comparison(
        names=names,
        metric=metric,
        part=part,
        seeds=[a.plan.seed],
        scores=([metrics[metric](ours)], [metrics[metric](theirs)]),
        verdict=judge_rows(ours, theirs, metric, names=names),
        seconds=(seconds_of([a]), seconds_of([b])),
    )


def judge_rows(a: Predictions, b: Predictions, metric: str, *, names: tuple[str, str] = ("a", "b")) -> Verdict:
    """What two networks' answers for the same rows say about the first network.

    Args:
        a: predictions of the first.
        b: predictions of the second, for the same rows.
        metric: the score.
        names: how they are called.

    Raises:
        UsageError: the score is not a mean over rows, so that there is nothing to pair.

    Source: for accuracy the sign-flip test is McNemar's exact test (McNemar, Psychometrika 1947).

    Example:
        >>> target = np.zeros(200, int)
        >>> right, wrong = np.tile([0.9, 0.1], (200, 1)), np.tile([0.1, 0.9], (200, 1))
        >>> half = np.where(np.arange(200)[:, None] % 2, right, wrong)
        >>> one, other = (Predictions("classification", p, target) for p in (right, half))
        >>> judge_rows(one, other, "accuracy").word
        'helps'
    """
    ours, theirs = (metrics[metric].statistic(p) for p in (a, b))
    if ours.rows is None or theirs.rows is None:
        means = [
            name for name in metrics.names() if a.task in metrics[name].tasks and metrics[name].statistic(a).rows is not None
        ]
        raise UsageError(f"{metric} is no mean over rows", remedy=f"Choose one that is: {', '.join(means)}.")
    better = metrics[metric].higher_is_better
    return judge(ours.rows, theirs.rows, higher_is_better=better, names=names, unit="row")
