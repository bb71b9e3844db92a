"""What the loop works with: the networks of a job, what is each one's own, and who is told of measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from torch import nn

from trainwell.core.history import History
from trainwell.data.batches import Batch
from trainwell.doctor.finding import Finding
from trainwell.optim.schedules import Moment
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


def announce(member: Member, row: dict[str, Any]) -> bool:
    """Write a row and show it to every observer; True if one of them wants to stop."""
    member.history.add(**row)
    wishes = [observer(row) for observer in member.observers]  # all of them see the row, also after one said stop
    return any(wishes)


def announce_plan(member: Member, step: int) -> None:
    """Show observers how long the run will be and how it is executed."""
    plan = member.plan
    announce_only(member, {"split": "plan", "step": step, "steps": plan.steps, "text": plan.machine.why})


def announce_only(member: Member, row: dict[str, Any]) -> None:
    """Show observers something that is not a measurement."""
    for observer in member.observers:
        observer(row)
