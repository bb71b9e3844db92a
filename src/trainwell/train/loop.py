"""The loop. One visible `for`; everything else is a function of the step number, the history, or the engine's tensors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from trainwell.core.errors import TrainingError
from trainwell.core.history import History
from trainwell.data.batches import Batches
from trainwell.optim.schedules import Moment
from trainwell.train.checkpoint import Checkpoint, newest_checkpoint, write_checkpoint
from trainwell.train.engine import Engine
from trainwell.train.interrupt import Interruption
from trainwell.train.plan import Plan

Observer = Callable[[dict[str, Any]], bool | None]
Validate = Callable[[Engine, Interruption], dict[str, float] | None]
Ending = Literal["finished", "stopped early", "stopped by an observer", "interrupted", "not finite"]


@dataclass
class Job:
    """What the loop works with.

    Args:
        engine: what is trained.
        batches: `batches[step] -> (inputs, target)`.
        rate: the learning rate at a moment.
        validate: scores on validation rows; None when interrupted half-way.
        plan: the frozen numbers.
        history: where measurements go.
        folder: checkpoints; None keeps nothing on disk.
        observers: called with each measurement; one that returns True stops the run.
        save_every: seconds between checkpoints. Resuming is exact from any of them, so this only bounds what is computed again.
    """

    engine: Engine
    batches: Batches
    rate: Callable[[Moment], float]
    validate: Validate
    plan: Plan
    history: History
    folder: Path | None = None
    observers: Sequence[Observer] = ()
    save_every: float = 20.0


@dataclass
class Progress:
    """The loop's own state: counters, sums since the last line of the history, and the clock."""

    step: int = 0
    loss: float = 0.0
    count: int = 0
    seconds: float = 0.0
    scores: list[float] = field(default_factory=list)
    best_step: int = 0


def train(job: Job, interruption: Interruption) -> tuple[Ending, Progress]:
    """Train until the plan is done, the score stalls, an observer or a signal says stop, or something is not finite."""
    engine, plan, batches = job.engine, job.plan, job.batches
    at = restore(job)
    announce_only(job, {"split": "plan", "step": at.step, "steps": plan.steps, "text": plan.machine.why})
    saved = time.monotonic()
    clock = saved - at.seconds
    ending: Ending | None = None
    for step in range(at.step, plan.steps + 1):
        at.step = step
        if interruption or time.monotonic() - saved > job.save_every:
            saved = save(job, at, time.monotonic() - clock)
        if interruption:
            return "interrupted", at
        ending = judge(job, at, interruption)
        if ending or step == plan.steps:
            break
        inputs, target = batches[step]
        rate = job.rate(Moment(step / plan.steps, tuple(at.scores)))
        losses = engine.step(inputs, target, rate=rate, number=step)
        if losses is None:
            return "not finite", at
        at.loss, at.count = at.loss + losses[0], at.count + 1
        if (step + 1) % plan.log_every == 0 and record_loss(job, at, rate, time.monotonic() - clock):
            ending, at.step = "stopped by an observer", step + 1
            break
    save(job, at, time.monotonic() - clock)
    return ending or "finished", at


def judge(job: Job, at: Progress, interruption: Interruption) -> Ending | None:
    """Validate if it is time to; why the run should end here, or None."""
    if job.plan.validates(at.step) and not _validated(job.history, at.step):
        scores = job.validate(job.engine, interruption)
        if scores is None:
            return "interrupted"
        if record_scores(job, at, scores):
            return "stopped by an observer"
    return "stopped early" if stalled(at.scores, job.plan.patience) else None


def record_loss(job: Job, at: Progress, rate: float, seconds: float) -> bool:
    """A history line with the mean training loss since the last one; True if an observer wants to stop."""
    step = at.step + 1
    row = {"step": step, "epoch": round(job.plan.epoch(step), 4), "split": "train", "loss": at.loss / at.count}
    row |= {"learning_rate": rate, "seconds": round(seconds, 3)}
    at.loss, at.count = 0.0, 0
    return announce(job, row)


def record_scores(job: Job, at: Progress, scores: dict[str, float]) -> bool:
    """A history line with validation scores; remembers the best weights; True if an observer wants to stop."""
    score = oriented(scores[job.plan.monitor], job.plan.higher_is_better)
    # Of equal scores the later one wins: it has seen more data. A first score that is NaN still has to be kept.
    best = score >= max(at.scores, default=float("-inf"))
    if best or not at.scores:
        at.best_step = at.step
        job.engine.keep_best()
    at.scores.append(score)
    row = {"step": at.step, "epoch": round(job.plan.epoch(at.step), 4), "split": "valid", **scores}
    return announce(job, row | {"best": best})


def announce(job: Job, row: dict[str, Any]) -> bool:
    """Write a row and show it to every observer; True if one of them wants to stop."""
    job.history.add(**row)
    wishes = [observer(row) for observer in job.observers]  # all of them see the row, also after one said stop
    return any(wishes)


def stalled(scores: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` scores brought nothing better than what came before them.

    Example:
        >>> stalled([0.5, 0.7, 0.6, 0.7], patience=2)
        True
    """
    return 0 < patience < len(scores) and max(scores[-patience:]) <= max(scores[:-patience])


def oriented(score: float, higher_is_better: bool) -> float:
    """The score turned so that higher is better."""
    return score if higher_is_better else -score


def _validated(history: History, step: int) -> bool:
    last = next((r for r in reversed(history.rows) if r["split"] == "valid"), None)
    return last is not None and last["step"] == step


def save(job: Job, at: Progress, seconds: float) -> float:
    """Write a checkpoint of this instant; returns the time."""
    if job.folder is None:
        return time.monotonic()
    at.seconds = seconds
    try:
        state = {**vars(at), "history": job.history.flush()}
        state |= {"micro": job.engine.micro}
        write_checkpoint(job.folder, Checkpoint(state, job.engine.tensors()))
    except OSError as error:
        remedy = "Free space and run the same command again: it continues from the checkpoint before."
        raise TrainingError(
            f"a checkpoint could not be written ({error.strerror})", where=str(job.folder), remedy=remedy
        ) from error
    return time.monotonic()


def restore(job: Job) -> Progress:
    """The progress of the newest whole checkpoint, with engine and history put back to it; a fresh one if there is none."""
    if job.folder is None:
        return Progress()
    checkpoint, complaints = newest_checkpoint(job.folder)
    for complaint in complaints:
        announce_only(job, {"split": "note", "text": complaint})
    if checkpoint is None:
        job.history.cut(0)
        return Progress()
    state = dict(checkpoint.state)
    job.history.cut(state.pop("history"))
    job.engine.micro = state.pop("micro")
    job.engine.restore(checkpoint.tensors)
    return Progress(**state)


def announce_only(job: Job, row: dict[str, Any]) -> None:
    """Show observers something that is not a measurement."""
    for observer in job.observers:
        observer(row)
