"""Proof of crash safety: one study undisturbed, the same with workers killed at random instants, and every score compared."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from trainwell.core.errors import TrainingError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.study.tuning.journal import Journal
from trainwell.study.tuning.prepare import Study, Wishes, prepare
from trainwell.study.tuning.search import Event
from trainwell.study.tuning.workers import work

#: Imported once by the server that workers are forked from, so that kills hit the work and not the loading of torch.
_PRELOADED = ["trainwell.study.tune", "trainwell.train.fit", "torch._dynamo", "sklearn.datasets", "optuna"]
#: What Optuna's journal calls the lines that begin and end a candidate.
CREATED, ENDED = 4, 6
#: Number, values and score of every candidate, as text that shows every bit.
Scores = dict[int, str]


@dataclass
class Verified:
    """What the kills did.

    Args:
        kills: SIGKILLs sent to workers.
        studies: how often the disturbed study was run to its end.
        candidates: scored in them, in all.
        lost: candidates without a score at the end.
        twice: candidates proposed or scored more than once.
        different: candidates whose values or score are not those of the undisturbed study, bit by bit.
        waits: seconds from a kill until another worker took the victim's batch over.
    """

    kills: int = 0
    studies: int = 0
    candidates: int = 0
    lost: int = 0
    twice: int = 0
    different: int = 0
    waits: list[float] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """The longest of the waits."""
        return max(self.waits, default=0.0)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, done twice, different, or stuck for over ten seconds."""
        return not (self.lost or self.twice or self.different or self.longest > 10)

    def __str__(self) -> str:
        over = f"{self.kills} kills over {self.studies} studies, {self.candidates} candidates"
        taken = f"{len(self.waits)} batches taken over, after {self.longest:.1f} s at most"
        return f"{over}: {self.lost} lost, {self.twice} twice, {self.different} different; {taken}"


def verify_tuning(
    source: str,
    recipe: Recipe,
    wishes: Wishes,
    *,
    kills: int = 50,
    workers: int = 4,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> Verified:
    """Run a study undisturbed, then again and again with SIGKILL at random instants until so many kills are done, and compare.

    Args:
        source: what `load` takes, as text.
        recipe: where the search starts; it should say `threads` and `memory_format`, for `auto` measures them anew.
        wishes: the search; its folder is replaced.
        kills: how many; each victim is replaced by a new worker at once.
        workers: working at the same time.
        seed: of victims and instants.
        say: called with a line per study.

    Raises:
        TrainingError: a worker failed by itself.
    """
    draw, found = random.Random(seed), Verified()
    with tempfile.TemporaryDirectory(prefix="trainwell-verify-") as name:
        whole = replace(wishes, folder=f"{name}/whole", workers=workers)
        start = time.monotonic()
        expected = _scores(_work(source, recipe, whole, None))
        say(f"undisturbed: {len(expected)} candidates in {time.monotonic() - start:.1f} s")
        while found.kills < kills:
            torn = replace(whole, folder=f"{name}/torn-{found.studies}")
            _disturb(partial(_process, source, recipe, torn), Path(str(torn.folder)), found, kills, workers, draw)
            _compare(expected, _study(source, recipe, torn), found)
            say(str(found))
    return found


def _study(source: str, recipe: Recipe, wishes: Wishes) -> Study:
    return prepare(recipe, load(source, recipe=recipe), wishes)


def _work(source: str, recipe: Recipe, wishes: Wishes, events: Path | None) -> Study:
    data = load(source, recipe=recipe)
    study = prepare(recipe, data, wishes)
    observers = [partial(_note, events)] if events else []
    work(study.search, study.ledger, data, trials=study.trials, folder=study.runs, observers=observers, processes=1)
    return study


def _note(events: Path, event: Event) -> None:
    """A line per batch taken, in a file of this process alone."""
    if event["split"] == "batch":
        events.mkdir(parents=True, exist_ok=True)
        with open(events / str(os.getpid()), "a") as file:
            file.write(json.dumps({"batch": event["batch"], "at": time.time()}) + "\n")


def _process(source: str, recipe: Recipe, wishes: Wishes) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=_work, args=(source, recipe, wishes, Path(str(wishes.folder)) / "events"))
    process.start()
    return process


def _disturb(
    make: Callable[[], BaseProcess], folder: Path, found: Verified, kills: int, workers: int, draw: random.Random
) -> None:
    """One study with kills, until it has ended."""
    crew, killed = [make() for _ in range(workers)], {}
    while any(process.is_alive() for process in crew):
        time.sleep(draw.uniform(0.1, 1.0))
        alive = [i for i, process in enumerate(crew) if process.is_alive()]
        if any(process.exitcode not in (None, 0, -9) for process in crew):
            raise TrainingError("a worker failed by itself; its message stands above")
        if found.kills < kills and alive:
            victim = draw.choice(alive)
            crew[victim].kill()
            crew[victim].join()
            killed[crew[victim].pid or 0] = time.time()
            found.kills += 1
            crew[victim] = make()
    found.waits += waits(folder / "events", killed)


def waits(events: Path, killed: Mapping[int, float]) -> list[float]:
    """Seconds from each kill until the batch that the victim had was taken by another; victims without one are left out."""
    taken = [
        (record["batch"], record["at"], int(file.name))
        for file in events.glob("*")
        for record in map(json.loads, file.read_text().splitlines())
    ]
    found = []
    for victim, at in killed.items():
        own = [(when, batch) for batch, when, pid in taken if pid == victim]
        later = [when for batch, when, pid in taken if own and batch == max(own)[1] and when > at]
        if later:
            found.append(min(later) - at)
    return found


def _scores(study: Study) -> Scores:
    kept = study.ledger.trials()
    return {t.number: json.dumps([t.params, t.rungs, t.state, t.score]) for t in kept if t.state != "open"}


def _compare(expected: Scores, study: Study, found: Verified) -> None:
    scores = _scores(study)
    found.studies, found.candidates = found.studies + 1, found.candidates + len(scores)
    found.lost += len(expected.keys() - scores.keys())
    found.different += sum(scores[number] != expected.get(number) for number in scores)
    if study.runs is not None:
        found.twice += done_twice(study.runs.parent / "journal.log")


def done_twice(journal: Path) -> int:
    """Candidates of a journal that were proposed, or ended, more than once."""
    lines: list[dict[str, Any]] = list(Journal(journal).read_logs(0))
    proposed = Counter(line["user_attrs"]["number"] for line in lines if line["op_code"] == CREATED)
    ends = Counter(line["trial_id"] for line in lines if line["op_code"] == ENDED)
    return sum(n > 1 for n in proposed.values()) + sum(n > 1 for n in ends.values())
