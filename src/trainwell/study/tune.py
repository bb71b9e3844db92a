"""Tune: search for a better recipe, and say honestly how much better it is."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trainwell.core.errors import RecipeError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval, decimals_for
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.evaluate.evaluation import label
from trainwell.score.registry import metrics
from trainwell.study.compare import judge
from trainwell.study.scores import predictions_of, score_runs
from trainwell.study.tuning.claims import hold
from trainwell.study.tuning.prepare import Study, Wishes, as_json, prepare
from trainwell.study.tuning.result import Fresh, Tuned, frame_of
from trainwell.study.tuning.sampling import Method, Trial
from trainwell.study.tuning.search import Observer, Search, run_orders
from trainwell.study.tuning.workers import POLL, Crew, ended, scored, tell, work
from trainwell.train.many import Order
from trainwell.train.run import Run

#: Added to the study's seed for splits and seeds that had no part in the choice.
FRESH = 10_000


def tune(
    recipe: Recipe,
    data: Data,
    space: Mapping[str, Any] | Sequence[str] | None = None,
    *,
    trials: int | None = None,
    method: Method = "tpe",
    prune: Literal["none", "halving", "hyperband"] = "none",
    rungs: int = 3,
    keep: int = 3,
    metric: str | None = None,
    folds: int = 0,
    seeds: int = 1,
    confirm: int = 6,
    batch: int | None = None,
    parallel: int | None = None,
    workers: int = 1,
    time_limit: float = 0.0,
    folder: str | Path | None = None,
    storage: str | None = None,
    name: str = "study",
    seed: int = 0,
    observers: Sequence[Observer] = (),
) -> Tuned:
    """Search for a better recipe; called again with the same folder after a crash, it continues to the same bits.

    Candidates are proposed and trained in batches, as stacks where their shapes agree. What is proposed and what it scores is a
    function of these arguments alone: how many workers there are, and how often they are killed, changes no bit. Scores are of
    validation rows; the test rows are looked at once, at the end.

    Args:
        recipe: where the search starts; keys that are not searched stay as they are.
        data: loaded data.
        space: keys and what to try: `{"learning_rate": "1e-4..1e-1:log", "model.width": [64, 128]}`, or a list of keys whose
            usual ranges are meant; None searches rate, decay, and size and dropout of the network.
        trials: candidates; 64 if not given, or the whole grid.
        method: `tpe` learns from the scores so far, `gp` does so for few and dear candidates, `random` and `grid` do not.
        prune: `halving` trains all candidates of a batch for a small share of the epochs, keeps the best, and so on;
            `hyperband` also starts some batches at larger shares.
        rungs: budgets of halving, the last one being the whole run.
        keep: one in so many goes on to the next rung, which has so many times the epochs.
        metric: what is scored; the recipe's monitor or first metric if not given.
        folds: 0 scores on the recipe's validation rows, 5 trains five times and takes the mean: dearer and less noisy.
        seeds: trainings of each candidate on each split, whose mean is its score.
        confirm: fresh splits and seeds on which the winner and the recipe it started from are compared; 0 skips that, and the
            test rows.
        batch: candidates trained at once; 16 over all workers if not given, 27 with halving.
        parallel: batches in flight; as many as workers if not given. It decides which scores a proposal looks at, so it cannot
            be changed later. For workers on several machines give their number.
        workers: processes on this machine; they need a folder, and data that came from files.
        time_limit: seconds for the search; 0 is none. No batch is begun that would end later. What comes after is extra.
        folder: where study and runs are kept.
        storage: the URL of a database that other machines reach, or the path of a journal; a journal in `folder` if not given.
        name: of the study in its storage.
        seed: of the proposals and the trainings.
        observers: called with an event for each measurement, each batch begun, and each candidate scored.

    Raises:
        RecipeError: the space or the metric does not fit, or no candidate stayed finite.
        DataError: there are no validation rows.
        CheckpointError: the folder or storage holds a study under other terms.
        MissingExtra: Optuna is not installed.

    Source: Akiba et al., "Optuna", KDD 2019; Cawley and Talbot, "On over-fitting in model selection", JMLR 2010 (why the
    winner is judged anew).

    Example:
        >>> from trainwell.data.load import load
        >>> start = Recipe(model={"name": "mlp", "width": 8}, epochs=2)
        >>> found = tune(start, load("iris"), {"lr": "1e-3..1e-1:log"}, trials=4, confirm=0)
        >>> found.best.model.name, len(found.trials)
        ('mlp', 4)
    """
    demand(data, recipe)
    if space is not None and not isinstance(space, Mapping):
        space = dict.fromkeys(space, "search")
    wishes = Wishes(
        space=space,
        trials=trials,
        method=method,
        prune=prune,
        rungs=rungs,
        keep=keep,
        metric=metric,
        folds=folds,
        seeds=seeds,
        batch=batch,
        parallel=parallel,
        workers=workers,
        seed=seed,
        folder=str(folder) if folder else None,
        storage=storage,
        name=name,
        until=time.time() + time_limit if time_limit else 0.0,
    )
    study = prepare(recipe, data, wishes)
    shown: set[int] = set()
    _show_new(study, shown, observers)  # what an earlier call has scored
    finished = _together(study, data, wishes, shown, observers) if workers > 1 else _alone(study, data, observers)
    return _conclude(study, data, finished=finished, confirm=confirm, observers=observers)


def _alone(study: Study, data: Data, observers: Sequence[Observer]) -> bool:
    return work(
        study.search,
        study.ledger,
        data,
        trials=study.trials,
        folder=study.runs,
        deadline=study.deadline,
        observers=observers,
    )


def _together(study: Study, data: Data, wishes: Wishes, shown: set[int], observers: Sequence[Observer]) -> bool:
    """Let worker processes do it, and show what they bring; when all of them were killed, do the rest here."""
    if data.origin is None:
        remedy = "Save the table to a file and load that, or use workers=1."
        raise UsageError("the data came from memory, where worker processes cannot read them", remedy=remedy)
    space = study.search.space
    job = {
        "recipe": space.base.model_dump(),
        "data_recipe": data.recipe.model_dump(),
        "origin": dict(data.origin),
        "wishes": {**wishes.to_dict(), "space": as_json(space), "batch": study.search.brackets.size, "workers": 1}
        | {"parallel": study.search.parallel, "folder": str(Path(wishes.folder or ".").resolve())},
    }
    with Crew(job, wishes.workers) as crew:
        while crew.alive():
            time.sleep(POLL)
            _show_new(study, shown, observers)
    _show_new(study, shown, observers)
    if ended(study.search, study.ledger.trials(), study.trials):
        return True
    return False if study.deadline.forbids() else _alone(study, data, observers)


def _show_new(study: Study, shown: set[int], observers: Sequence[Observer]) -> None:
    for trial in study.ledger.trials():
        if trial.state != "open" and trial.number not in shown:
            shown.add(trial.number)
            tell(observers, scored(trial, study.search.brackets.batch_of(trial.number)))


def _conclude(study: Study, data: Data, *, finished: bool, confirm: int, observers: Sequence[Observer]) -> Tuned:
    """The result, saved in the study's folder."""
    search, trials = study.search, study.ledger.trials()
    best = search.best(trials)
    if best is None:
        raise _nothing(trials, search)
    importance = study.ledger.importance(seed=search.seed)
    folder = study.runs.parent if study.runs else None
    with hold(study.ledger.claims, f"{study.ledger.name}-end"):
        fresh = judge_anew(study, best, data, confirm, observers) if confirm else None
        tuned = Tuned(
            best=search.recipe(best.params),
            score=best.score or 0.0,
            number=best.number,
            params=best.params,
            metric=search.metric,
            higher_is_better=search.maximize,
            reason=_reason(search, best, trials, importance, fresh),
            trials=frame_of(trials, list(search.space.dimensions), maximize=search.maximize),
            importance=importance,
            space=search.space.to_dict(),
            finished=finished,
            fresh=fresh,
            folder=folder,
        )
        if folder is not None:
            tuned.save(folder)
    return tuned


def _nothing(trials: Sequence[Trial], search: Search) -> RecipeError:
    if any(t.state != "open" for t in trials):
        remedy = "Search lower learning rates, or set clip_norm=1."
        return RecipeError("every candidate became not finite", remedy=remedy)
    return RecipeError(
        "the time was up before the first batch ended", remedy=f"Give more time, or batch below {search.brackets.size}."
    )


def judge_anew(study: Study, best: Trial, data: Data, n: int, observers: Sequence[Observer]) -> Fresh:
    """The winner and the recipe it started from, on `n` fresh splits and seeds, and each once on the test rows.

    Args:
        study: that chose the winner.
        best: the winner.
        data: loaded data.
        n: fresh splits; the test rows stay the same.
        observers: called with each measurement.
    """
    search = study.search
    recipes = search.recipe(best.params), search.recipe({})
    seeds = range(search.seed + FRESH, search.seed + FRESH + n)
    orders: list[Order] = [(fresh_split(recipe, i), i) for recipe in recipes for i in seeds]
    own: list[Order] = [(recipe, search.seed) for recipe in recipes]
    runs = run_orders([*orders, *own], data, folder=study.runs, observers=observers)
    scores = score_runs(runs[: 2 * n], data, metric=search.metric)
    verdict = judge(
        scores[:n], scores[n:], higher_is_better=search.maximize, names=("the winner", "the start"), seed=search.seed
    )
    test, test_before = (score_on_test(run, data, search.metric) for run in runs[2 * n :])
    optimism = (best.score or 0.0) - float(np.mean(scores[:n]))
    return Fresh(
        valid=tuple(scores[:n].tolist()),
        before=tuple(scores[n:].tolist()),
        verdict=verdict,
        optimism=optimism if search.maximize else -optimism,
        test=test,
        test_before=test_before,
        test_looks=_looks(study.runs, best, counts=test is not None),
    )


def fresh_split(recipe: Recipe, seed: int) -> Recipe:
    """The recipe on other train and validation rows; the test rows stay where they are.

    Example:
        >>> fresh_split(Recipe(), 7).split.seed, fresh_split(Recipe(), 7).split.test_seed
        (7, 0)
    """
    kept = recipe.split.seed if recipe.split.test_seed is None else recipe.split.test_seed
    return recipe.but(split__seed=seed, split__test_seed=kept)


def score_on_test(run: Run, data: Data, metric: str) -> Interval | None:
    """A run's score on test rows with its interval; None without test rows, or for a run that became not finite."""
    if run.status == "not finite" or not len(data.under(run.recipe).rows["test"]):
        return None
    return metrics[metric].interval(predictions_of(run, data, "test"))


def _looks(runs: Path | None, best: Trial, *, counts: bool) -> int:
    """How often this study has looked at the test rows with this look; the same winner seen again is no new one."""
    path = runs.parent / "tuned.json" if runs else None
    if path is None or not path.exists():
        return int(counts)
    before = json.loads(path.read_text(encoding="utf-8"))
    looks = (before["fresh"] or {}).get("test_looks", 0)
    return int(looks) + int(counts and (before["number"] != best.number or looks == 0))


def _reason(search: Search, best: Trial, trials: Sequence[Trial], importance: Mapping[str, float], fresh: Fresh | None) -> str:
    """Why this one, and what its score is worth."""
    scores = sorted(
        search.better(t.score) for t in trials if t.state == "done" and t.score is not None and math.isfinite(t.score)
    )
    count = sum(t.state != "open" for t in trials)
    said = [f"candidate {best.number} of {count}: {label(search.metric)} {_plain(best.score)} on validation rows"]
    if len(scores) > 1:
        said[0] += f", the next best {_plain(abs(scores[1]))}"
    if importance:
        key, share = next(iter(importance.items()))
        said.append(f"{key} explains {share:.0%} of the differences")
    if fresh is not None:
        said.append(_honestly(fresh))
    return "; ".join(said)


def _plain(score: float | None) -> str:
    return "nothing" if score is None else f"{score:,.{decimals_for(0.0, score)}f}"


def _honestly(fresh: Fresh) -> str:
    mean = float(np.mean(fresh.valid))
    said = f"on {len(fresh.valid)} fresh splits {_plain(mean)}"
    said += f", so that {fresh.optimism:,.{decimals_for(fresh.optimism)}f} of its score was luck" if fresh.optimism > 0 else ""
    if fresh.test is not None:
        said += f"; on test rows {fresh.test}"
        said += f", before tuning {fresh.test_before}" if fresh.test_before is not None else ""
    return said
