"""Train a group of programs as one stack, and leave a run folder of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from trainwell.train.build_batches import build_batches
from trainwell.train.compile import Program
from trainwell.train.fit import carry_out, new_member, repeatable
from trainwell.train.job import Job, Observer
from trainwell.train.make_plan import begin_folder, plan_for
from trainwell.train.plan import Plan, Way, read_plan
from trainwell.train.run import Run
from trainwell.train.stack.batches import StackBatches
from trainwell.train.stack.engine import StackEngine


def fit_stack(
    programs: Sequence[Program],
    way: Way,
    *,
    folders: Sequence[Path | None],
    checkpoints: Path | None,
    observers: Sequence[Sequence[Observer]],
    save_every: float = 20.0,
    engine: StackEngine | None = None,
) -> list[Run]:
    """Train programs of one group together; called again after a crash, it continues to the same bits.

    Args:
        programs: with networks that nobody has trained yet.
        way: threads and pace.
        folders: a run folder of each, or None.
        checkpoints: where the stack's own state is kept.
        observers: of each program.
        save_every: seconds between checkpoints.
        engine: of these programs, if there is one already.

    Raises:
        NotStackable: the networks' code cannot be traced.
    """
    with repeatable():
        torch.set_num_threads(way.machine.threads)
        engine = engine or new_engine(programs)
        batches = engine.batches.members
        plans = [_plan(program, way, folder) for program, folder in zip(programs, folders, strict=True)]
        parts = zip(programs, plans, folders, observers, strict=True)
        members = [new_member(*part, number) for number, part in enumerate(parts)]
        job = Job(engine=engine, batches=engine.batches, members=members, folder=checkpoints, save_every=save_every)
        return carry_out(job, programs, batches, folders)


def new_engine(programs: Sequence[Program]) -> StackEngine:
    """The engine of programs that nobody has trained yet."""
    return StackEngine(programs, StackBatches([build_batches(p) for p in programs]))


def _plan(program: Program, way: Way, folder: Path | None) -> Plan:
    """The plan kept in the folder of an interrupted stack, or a new one."""
    if folder is not None and (folder / "plan.json").exists():
        kept = read_plan(folder / "plan.json")
        if kept.machine.stack == way.machine.stack:
            return kept
    plan = plan_for(program, way)
    if folder is not None:
        begin_folder(program, plan, folder)
    return plan
