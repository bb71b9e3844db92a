"""Saving a job and taking it up again, alone, in a team whose first process writes, or each process its piece."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from secrets import token_hex

from torch import Tensor

from trainwell.core.errors import CheckpointError, TrainingError
from trainwell.train.checkpoint import (
    Checkpoint,
    checkpoints,
    forget_after,
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from trainwell.train.distributed import Team
from trainwell.train.job import Job, Member, Progress, announce_only
from trainwell.train.sharded import Pieces, pieces_of

#: Updates between two moments at which the processes of a network in pieces agree on saving.
AGREE_EVERY = 16


def begin(job: Job) -> int:
    """The step to begin with: that of the newest whole checkpoint, taken up by all, or 0."""
    if job.team is None:
        return restore(job)
    if (pieces := pieces_of(job.engine)) is not None:
        return restore_pieces(job, pieces, job.team)
    return restore_together(job, job.team)


def due_to_save(job: Job, saved: float, step: int) -> bool:
    """Whether it is time for a checkpoint; of a network in pieces for all at the same step."""
    late = time.monotonic() - saved > job.save_every
    if job.team is None or pieces_of(job.engine) is None:
        return late
    return step % AGREE_EVERY == 0 and job.team.share(lambda: late)


def save(job: Job, active: Sequence[Member], step: int) -> float:
    """Write a checkpoint of the instant before `step`; returns the time."""
    if job.folder is None:
        return time.monotonic()
    for member in active:
        member.at.step = step
    try:
        members = [{**vars(m.at), "history": m.history.flush()} for m in job.members]
        state = {"step": step, "members": members, "micro": job.engine.micro, "seconds": job.seconds, **_mark(job)}
        tensors = job.engine.tensors()
        piece = pieces.piece(tensors) if (pieces := pieces_of(job.engine)) is not None else None
        write_checkpoint(job.folder, Checkpoint(state, tensors), piece=piece)
    except OSError as error:
        remedy = "Free space and run the same command again: it continues from the checkpoint before."
        raise TrainingError(
            f"a checkpoint could not be written ({error.strerror})", where=str(job.folder), remedy=remedy
        ) from error
    return time.monotonic()


def _mark(job: Job) -> dict[str, str]:
    """What the pieces of one checkpoint have in common, and those of no other."""
    if job.team is None or pieces_of(job.engine) is None:
        return {}
    return {"mark": job.team.share(partial(token_hex, 8))}


def restore(job: Job) -> int:
    """The step of the newest whole checkpoint, with engine, histories and members put back to it; 0 if there is none."""
    if job.folder is None:
        return 0
    checkpoint, complaints = newest_checkpoint(job.folder)
    for complaint in complaints:
        announce_only(job.members[0], {"split": "note", "text": complaint})
    if checkpoint is not None:
        job.engine.micro = checkpoint.state["micro"]
    step = take_up(job, checkpoint)
    if checkpoint is not None:
        job.engine.restore(checkpoint.tensors)
    return step


def take_up(job: Job, checkpoint: Checkpoint | None) -> int:
    """Put histories and members back to a checkpoint, or to the beginning; its step."""
    if checkpoint is None:
        for member in job.members:
            member.history.cut(0)
        return 0
    state = checkpoint.state
    job.seconds, alone = state["seconds"], len(job.members) == 1
    for member, kept in zip(job.members, state["members"], strict=True):
        member.history.cut(kept.pop("history"))
        if kept["ending"] == "interrupted" or alone:
            kept["ending"] = None
        member.at = Progress(**kept)
    if len(job.active()) < len(job.members):
        job.engine.keep([m.number for m in job.active()])
    return int(state["step"])


def restore_together(job: Job, team: Team) -> int:
    """The same where several processes train: what the first one finds on its disk, all of them take over."""

    def first() -> tuple[int, dict[str, Tensor]]:
        return restore(job), job.engine.tensors()

    step, tensors = team.share(first)
    if team.rank:
        job.engine.restore(tensors)
    share_progress(job, team)
    return step


def restore_pieces(job: Job, pieces: Pieces, team: Team) -> int:
    """The same where each process reads its piece: the newest checkpoint that all of them can read is taken up."""
    if job.folder is None:
        return 0
    paths = team.share(partial(checkpoints, job.folder))
    kept = next((kept for path in paths if (kept := _read_by_all(job, pieces, team, path)) is not None), None)
    if kept is not None:
        job.engine.restore(kept.tensors)
    elif paths:
        remedy = "All processes must see this folder, under the same name; delete its checkpoints to start over."
        raise CheckpointError("no checkpoint can be read by all processes", where=str(job.folder), remedy=remedy)
    step = team.share(lambda: take_up(job, kept))
    share_progress(job, team)
    if team.rank == 0 and kept is not None:
        forget_after(job.folder, step)
    return step


def _read_by_all(job: Job, pieces: Pieces, team: Team, path: Path) -> Checkpoint | None:
    found, complaint = None, ""
    try:
        found = read_checkpoint(path, rank=team.rank, size=team.size, cut=pieces.cut)
    except CheckpointError as error:
        complaint = f"{error}. The checkpoint before it is used."
    complaints = [text for text in team.hear(complaint) if text]
    if len(set(team.hear(found.state.get("mark", "") if found is not None else ""))) > 1 and not complaints:
        complaints = [f"{path}: the processes have pieces of different checkpoints. The checkpoint before it is used."]
    for text in complaints[:1]:
        announce_only(job.members[0], {"split": "note", "text": text})
    return None if complaints else found


def share_progress(job: Job, team: Team) -> None:
    """How far the first process is, all of them take over."""
    (member,) = job.members
    at, rows, job.seconds = team.share(lambda: (vars(member.at), member.history.rows, job.seconds))
    if team.rank:
        member.at, member.history.rows = Progress(**at), rows
