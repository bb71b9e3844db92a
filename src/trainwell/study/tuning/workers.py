"""Workers: each claims a batch, proposes what is missing of it, trains it, writes its scores down, and goes on to the next.

Any number of them, started and killed at any time, make the same study: which candidates a batch holds and what they score does
not depend on who works. A batch whose worker died is claimed by the next one, which finds its finished runs and the checkpoints
of the others.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainwell.core.errors import TrainingError
from trainwell.data.data import Data
from trainwell.study.tuning.ledger import Ledger
from trainwell.study.tuning.sampling import Trial
from trainwell.study.tuning.search import Event, Observer, Processes, Search, train_batch

#: Seconds between two looks at what the others do.
POLL = 0.1


@dataclass
class Deadline:
    """When to stop: no batch is begun that would, judging by those before, end later.

    Args:
        at: on the clock `time.monotonic`; infinite for never.
        longest: seconds of the longest batch so far.
    """

    at: float = float("inf")
    longest: float = 0.0

    def forbids(self) -> bool:
        """Whether another batch would end too late."""
        return time.monotonic() + self.longest > self.at


def work(
    search: Search,
    ledger: Ledger,
    data: Data,
    *,
    trials: int,
    folder: Path | None,
    deadline: Deadline | None = None,
    observers: Sequence[Observer] = (),
    processes: Processes = "auto",
) -> bool:
    """Work until every candidate has its score; False when the time is up before.

    Args:
        search: what candidates mean.
        ledger: where they stand.
        data: loaded data.
        trials: candidates in all.
        folder: of the runs.
        deadline: when to stop.
        observers: called with an event for each batch begun, measurement, and candidate scored.
        processes: most of them that share one batch; 1 where other workers share the machine.
    """
    deadline = deadline or Deadline()
    while True:
        known = ledger.trials()
        if ended(search, known, trials):
            return True
        if deadline.forbids():
            return False
        batch = next((b for b in workable(search, known, trials) if ledger.claims.take(f"{ledger.name}-{b}")), None)
        if batch is None:
            time.sleep(POLL)
            continue
        start = time.monotonic()
        try:
            members = _members(search, ledger, batch, trials)
            if any(trial.state == "open" for trial in members):  # else another worker ended it while I was looking
                tell(observers, {"split": "batch", "batch": batch, "candidates": len(members), "pid": os.getpid()})
                found = train_batch(search, batch, members, data, folder=folder, observers=observers, processes=processes)
                _write_down(ledger, batch, members, found, observers)
        finally:
            ledger.claims.release(f"{ledger.name}-{batch}")
        deadline.longest = max(deadline.longest, time.monotonic() - start)


def ended(search: Search, known: Sequence[Trial], trials: int) -> bool:
    """Whether every batch has all its scores."""
    return all(_ended(search, batch, known, trials) for batch in range(search.brackets.count(trials)))


def workable(search: Search, known: Sequence[Trial], trials: int) -> Iterator[int]:
    """Batches that may be worked on now, in order: not ended, everything before them proposed, what they look at ended."""
    all_before = True
    for batch in range(search.brackets.count(trials)):
        proposed, done = _proposed(search, batch, known, trials), _ended(search, batch, known, trials)
        needed = all(_ended(search, b, known, trials) for b in range(search.needs(batch)))
        if not (all_before and needed):
            return
        if not done:
            yield batch
        all_before = proposed


def _numbers(search: Search, batch: int, trials: int) -> list[int]:
    return [number for number in search.brackets.members(batch) if number < trials]


def _proposed(search: Search, batch: int, known: Sequence[Trial], trials: int) -> bool:
    return {t.number for t in known}.issuperset(_numbers(search, batch, trials))


def _ended(search: Search, batch: int, known: Sequence[Trial], trials: int) -> bool:
    return {t.number for t in known if t.state != "open"}.issuperset(_numbers(search, batch, trials))


def _members(search: Search, ledger: Ledger, batch: int, trials: int) -> list[Trial]:
    """The candidates of a batch that is mine; those that nobody has proposed yet are proposed."""
    known = {t.number: t for t in ledger.trials()}
    numbers = _numbers(search, batch, trials)
    missing = [number for number in numbers if number not in known]
    for number in missing:
        params = search.propose(number, list(known.values()))
        ledger.add(number, params)
        known[number] = Trial(number, params)
    if missing:
        known = {t.number: t for t in ledger.trials()}
    return [known[number] for number in numbers]


def _write_down(
    ledger: Ledger, batch: int, before: Sequence[Trial], found: Sequence[Trial], observers: Sequence[Observer]
) -> None:
    """The scores of those that had none."""
    for known, trial in zip(before, found, strict=True):
        if known.state == "open" and ledger.finish(trial):
            tell(observers, scored(trial, batch))


def scored(trial: Trial, batch: int) -> Event:
    """A candidate's score as an event."""
    return {
        "split": "trial",
        "number": trial.number,
        "params": trial.params,
        "score": trial.score,
        "state": trial.state,
        "batch": batch,
    }


def tell(observers: Sequence[Observer], event: Event) -> None:
    """Show an event to every observer."""
    for observer in observers:
        observer(event)


class Crew:
    """Worker processes of this machine; they end when this process ends, however it does.

    Args:
        job: what each of them is told, as JSON can say it; see `trainwell.study.tuning.worker`.
        size: how many.
    """

    def __init__(self, job: Mapping[str, Any], size: int) -> None:
        self.processes = [_start(job) for _ in range(size)]

    def alive(self) -> bool:
        """Whether any of them still works.

        Raises:
            TrainingError: one of them gave up by itself; its message stands on stderr.
        """
        codes = [process.poll() for process in self.processes]
        if any(code is not None and code > 0 for code in codes):
            raise TrainingError(
                "a worker gave up; its message stands above", remedy="Mend the cause and call again: it continues."
            )
        return any(code is None for code in codes)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            if process.stdin is not None:
                process.stdin.close()  # at the end of its input a worker saves and leaves
        for process in self.processes:
            process.wait()


def _start(job: Mapping[str, Any]) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-m", "trainwell.study.tuning.worker"], stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    return process


def leave_with_parent() -> None:
    """Ask this process to save and leave once its standard input ends, which it does when the parent dies."""

    def wait() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
