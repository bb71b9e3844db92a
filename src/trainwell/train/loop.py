"""The loop. One visible `for`; everything else is a function of the step number, the history, or the engine's tensors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal, Protocol

from torch import nn

from trainwell.core.errors import TrainingError
from trainwell.core.history import History
from trainwell.data.batches import Batch
from trainwell.doctor.finding import Finding
from trainwell.optim.schedules import Moment
from trainwell.train.checkpoint import Checkpoint, newest_checkpoint, write_checkpoint
from trainwell.train.distributed import Team
from trainwell.train.engine import Engine
from trainwell.train.interrupt import Interruption
from trainwell.train.plan import Plan

Observer = Callable[[dict[str, Any]], bool | None]
Validate = Callable[[nn.Module, Interruption], dict[str, float] | None]
Ending = Literal["finished", "stopped early", "stopped by an observer", "interrupted", "not finite"]


class BatchOf(Protocol):
    """The batch of any step."""

    def __getitem__(self, step: int) -> Batch: ...


class Doctor(Protocol):
    """Whoever looked at a training and says at its end what went wrong."""

    signs: History

    def close(self, step: int, ending: Ending | None) -> list[Finding]:
        """The training is over after `step` updates."""


@dataclass
class Progress:
    """The loop's own state of one network: counters, sums since the last line of the history, how it ended."""

    step: int = 0
    loss: float = 0.0
    count: int = 0
    scores: list[float] = field(default_factory=list)
    best_step: int = 0
    ending: Ending | None = None


@dataclass
class Member:
    """What is one network's own in a job; a job of a single network has one.

    Args:
        plan: the frozen numbers.
        rate: the learning rate at a moment.
        validate: scores of a network on validation rows; None when interrupted half-way.
        history: where measurements go.
        observers: called with each measurement; one that returns True stops this network.
        number: its place in the engine.
        besides: what else was measured since the last line of the history.
        doctor: who looks at it; None where nobody does.
        at: how far it is.
    """

    plan: Plan
    rate: Callable[[Moment], float]
    validate: Validate
    history: History
    observers: Sequence[Observer] = ()
    number: int = 0
    besides: Callable[[], dict[str, float]] = dict
    doctor: Doctor | None = None
    at: Progress = field(default_factory=Progress)


@dataclass
class Job:
    """What the loop works with.

    Args:
        engine: what is trained.
        batches: `batches[step] -> (inputs, target)`, of all networks that still train.
        members: the networks.
        folder: checkpoints; None keeps nothing on disk.
        save_every: seconds between checkpoints. Resuming is exact from any of them, so this only bounds what is computed again.
        seconds: training time so far.
        team: the processes that train together; None for one.
    """

    engine: Engine
    batches: BatchOf
    members: Sequence[Member]
    folder: Path | None = None
    save_every: float = 20.0
    seconds: float = 0.0
    team: Team | None = None

    def active(self) -> list[Member]:
        """The networks that still train, in the engine's order."""
        return [m for m in self.members if m.at.ending is None]


def train(job: Job, interruption: Interruption) -> None:
    """Train until every network's plan is done, its score stalls, an observer or a signal says stop, or it is not finite."""
    engine, batches = job.engine, job.batches
    start = restore(job) if job.team is None else restore_together(job, job.team)
    for member in job.members:
        announce_plan(member, start)
    saved = time.monotonic()
    clock = saved - job.seconds
    active = job.active()
    for step in count(start):
        if interruption or time.monotonic() - saved > job.save_every:
            job.seconds = time.monotonic() - clock
            saved = save(job, active, step)
        if interruption:
            return end(active, step, "interrupted")
        active = judge(job, active, step, interruption)
        if not active:
            break
        inputs, target = batches[step]
        rates = [m.rate(Moment(step / m.plan.steps, m.at.scores)) for m in active]
        losses = engine.step(inputs, target, rates=rates, number=step)
        job.seconds = time.monotonic() - clock
        active = note(job, active, losses, rates, step)
    job.seconds = time.monotonic() - clock
    if any(m.at.ending != "not finite" for m in job.members):
        save(job, active, step)
    return None


def judge(job: Job, active: list[Member], step: int, interruption: Interruption) -> list[Member]:
    """Validate those whose time it is; the networks that go on, and the engine left by the others."""
    endings = [_verdict(job, m, step, interruption) if _due(m, step) else None for m in active]
    return part_with(job, active, endings, step)


def _due(member: Member, step: int) -> bool:
    return step >= member.plan.steps or member.plan.validates(step)


def _verdict(job: Job, member: Member, step: int, interruption: Interruption) -> Ending | None:
    """Why this network should end here, after validating it; None if it should go on."""
    if not _validated(member.history, step):
        with job.engine.evaluating(member.number) as network:
            scores = member.validate(network, interruption)
        if scores is None:
            return "interrupted"
        if record_scores(job, member, scores, step):
            return "stopped by an observer"
    if stalled(member.at.scores, member.plan.patience):
        return "stopped early"
    return "finished" if step >= member.plan.steps else None


def note(job: Job, active: list[Member], losses: Sequence[float | None], rates: Sequence[float], step: int) -> list[Member]:
    """Count what a step gave, write it where it is time to; the networks that go on."""
    endings: list[Ending | None] = []
    for member, loss, rate in zip(active, losses, rates, strict=True):
        ending: Ending | None = None
        if loss is None:
            ending = "not finite"
        else:
            member.at.loss += loss
            member.at.count += 1
            if (step + 1) % member.plan.log_every == 0 and record_loss(member, rate, step + 1, job.seconds):
                ending = "stopped by an observer"
        endings.append(ending)
    return part_with(job, active, endings, step if None in losses else step + 1) if any(endings) else active


def part_with(job: Job, active: list[Member], endings: Sequence[Ending | None], step: int) -> list[Member]:
    """Note how networks ended and take them out of the engine; those that go on."""
    if not any(endings):
        return active
    if "interrupted" in endings:
        end(active, step, "interrupted")
        return []
    leaving = [(m, e) for m, e in zip(active, endings, strict=True) if e is not None]
    for member, ending in leaving:
        end([member], step, ending)
    staying = [m for m in active if m.at.ending is None]
    if staying:
        job.engine.keep([m.number for m in staying])
    return staying


def end(members: Sequence[Member], step: int, ending: Ending) -> None:
    """Note that these networks ended here."""
    for member in members:
        member.at.step, member.at.ending = step, ending


def record_loss(member: Member, rate: float, step: int, seconds: float) -> bool:
    """A history line with the mean training loss since the last one; True if an observer wants to stop."""
    at = member.at
    row = {"step": step, "epoch": round(member.plan.epoch(step), 4), "split": "train", "loss": at.loss / at.count}
    row |= member.besides() | {"learning_rate": rate, "seconds": round(seconds, 3)}
    at.loss, at.count = 0.0, 0
    return announce(member, row)


def record_scores(job: Job, member: Member, scores: dict[str, float], step: int) -> bool:
    """A history line with validation scores; remembers the best weights; True if an observer wants to stop."""
    at, plan = member.at, member.plan
    score = oriented(scores[plan.monitor], plan.higher_is_better)
    # Of equal scores the later one wins: it has seen more data. A first score that is NaN still has to be kept.
    best = score >= max(at.scores, default=float("-inf"))
    if best or not at.scores:
        at.best_step = step
        job.engine.keep_best(member.number)
    at.scores.append(score)
    row = {"step": step, "epoch": round(plan.epoch(step), 4), "split": "valid", **scores}
    return announce(member, row | {"best": best})


def announce(member: Member, row: dict[str, Any]) -> bool:
    """Write a row and show it to every observer; True if one of them wants to stop."""
    member.history.add(**row)
    wishes = [observer(row) for observer in member.observers]  # all of them see the row, also after one said stop
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


def save(job: Job, active: Sequence[Member], step: int) -> float:
    """Write a checkpoint of the instant before `step`; returns the time."""
    if job.folder is None:
        return time.monotonic()
    for member in active:
        member.at.step = step
    try:
        members = [{**vars(m.at), "history": m.history.flush()} for m in job.members]
        state = {"step": step, "members": members, "micro": job.engine.micro, "seconds": job.seconds}
        write_checkpoint(job.folder, Checkpoint(state, job.engine.tensors()))
    except OSError as error:
        remedy = "Free space and run the same command again: it continues from the checkpoint before."
        raise TrainingError(
            f"a checkpoint could not be written ({error.strerror})", where=str(job.folder), remedy=remedy
        ) from error
    return time.monotonic()


def restore(job: Job) -> int:
    """The step of the newest whole checkpoint, with engine, histories and members put back to it; 0 if there is none."""
    if job.folder is None:
        return 0
    checkpoint, complaints = newest_checkpoint(job.folder)
    for complaint in complaints:
        announce_only(job.members[0], {"split": "note", "text": complaint})
    if checkpoint is None:
        for member in job.members:
            member.history.cut(0)
        return 0
    state = checkpoint.state
    job.engine.micro, job.seconds = state["micro"], state["seconds"]
    alone = len(job.members) == 1
    for member, kept in zip(job.members, state["members"], strict=True):
        member.history.cut(kept.pop("history"))
        if kept["ending"] == "interrupted" or alone:
            kept["ending"] = None
        member.at = Progress(**kept)
    if len(job.active()) < len(job.members):
        job.engine.keep([m.number for m in job.active()])
    job.engine.restore(checkpoint.tensors)
    return int(state["step"])


def restore_together(job: Job, team: Team) -> int:
    """The same where several processes train: what the first one finds on its disk, all of them take over."""
    (member,) = job.members

    def first() -> tuple[Any, ...]:
        step = restore(job)
        return step, job.engine.tensors(), vars(member.at), member.history.rows, job.seconds

    step, tensors, at, rows, job.seconds = team.share(first)
    if team.rank:
        job.engine.restore(tensors)
        member.at, member.history.rows = Progress(**at), rows
    return int(step)


def announce_plan(member: Member, step: int) -> None:
    """Show observers how long the run will be and how it is executed."""
    plan = member.plan
    announce_only(member, {"split": "plan", "step": step, "steps": plan.steps, "text": plan.machine.why})


def announce_only(member: Member, row: dict[str, Any]) -> None:
    """Show observers something that is not a measurement."""
    for observer in member.observers:
        observer(row)
