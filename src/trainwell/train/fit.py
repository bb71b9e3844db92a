"""Fit: compile, plan, train, and leave a run folder from which everything can be had again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainwell.core.atomic import write_atomic, write_json
from trainwell.core.default_observers import default_observers
from trainwell.core.errors import NonFinite, TrainingError
from trainwell.core.history import History
from trainwell.core.recipe import Recipe
from trainwell.data.batches import Batches
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.doctor.examine import write_findings
from trainwell.models.autoencoder import Autoencoder
from trainwell.models.parametrize import plain
from trainwell.train.adversarial.engine import AdversarialEngine
from trainwell.train.adversarial.umpire import Umpire
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import Program, compile_program
from trainwell.train.distributed import Team, team_here
from trainwell.train.engine import SingleEngine
from trainwell.train.fit_doctor import FitDoctor, findings_of_lines, say_findings
from trainwell.train.interrupt import Interruption
from trainwell.train.job import Doctor, Job, Member, Observer, announce_only
from trainwell.train.loop import train
from trainwell.train.machine import build_engine
from trainwell.train.make_plan import plan_of, plan_together
from trainwell.train.nonfinite import explain
from trainwell.train.plan import Plan, Way
from trainwell.train.run import SIGNS, Run, weights_of
from trainwell.train.sharded import pieces_of
from trainwell.train.steps import as_floats
from trainwell.train.trackers.tracker import end_tracking, tracking
from trainwell.train.validate import fitted_on_valid, validator

#: What the summary of a run keeps of each finding.
TOLD = ("code", "name", "sentence", "step", "severity", "because_of", "remedy")


def fit(
    recipe: Recipe,
    data: Data,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    network: nn.Module | None = None,
    observers: Sequence[Observer] = (),
    save_every: float = 20.0,
) -> Run:
    """Train one network; called again with the same arguments after a crash, it continues to the same bits.

    Args:
        recipe: how to train; `auto` is filled in from the data.
        data: loaded data.
        seed: seed of initialisation, shuffling, augmentation and dropout.
        folder: the run folder, created if absent; None keeps everything in memory. Of the processes of `torchrun` the first one
            alone writes into it.
        network: a module of your own instead of the recipe's `model`; it is trained in place.
        observers: called with each measurement as a dict; one that returns True stops the run. Without any, what the doctor
            finds (`doctor=watch` in the recipe) is written to stderr.
        save_every: seconds between checkpoints.

    Returns:
        The run: network with the best weights, history, recipe, scores on validation rows.

    Raises:
        CompileError: recipe and data do not fit together.
        CheckpointError: the folder holds a run of another recipe, seed or data.
        NonFinite: NaN or infinity appeared; the message names where.

    Example:
        >>> from trainwell.data.load import load
        >>> run = fit(Recipe(epochs=1, preset="quick"), load("iris"))
        >>> run.status
        'finished'
    """
    demand(data, recipe)
    watched, told = recipe.doctor != "off", observers or default_observers() or (say_findings,)
    run = attempt(
        recipe,
        data,
        seed=seed,
        folder=folder,
        network=network,
        observers=told,
        save_every=save_every,
        watched=watched,
        team=team_here(),
    )
    if run.error is not None:
        raise run.error
    return run


def attempt(
    recipe: Recipe,
    data: Data,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    network: nn.Module | None = None,
    way: Way | None = None,
    observers: Sequence[Observer] = (),
    save_every: float = 20.0,
    watched: bool = False,
    team: Team | None = None,
) -> Run:
    """As `fit`, for those who train many: NaN or infinity ends in a run with the status "not finite" and its `error`.

    A `way` that was measured on a network like this one saves measuring again. The doctor looks on only where `watched`. Of a
    `team` the first process plans, watches and writes.
    """
    data = data.under(recipe)
    folder = Path(folder) if folder is not None else None
    with repeatable():
        program = compile_program(recipe, data, seed=seed, network=network, team=team)
        batches = build_batches(program)
        saved = folder / "checkpoints" if folder else None
        if team is None:
            plan = plan_of(program, batches, folder, way)
        else:
            plan = plan_together(program, batches, folder, team)
            folder, watched, observers = (folder, watched, observers) if team.rank == 0 else (None, False, ())
            saved = saved if team.rank == 0 or recipe.sharded else None
            watched = watched and not recipe.sharded  # the first process sees its own piece only
        watched = watched and not isinstance(program.network, Autoencoder)  # whose output is no answer
        torch.set_num_threads(plan.machine.threads)
        member = new_member(program, plan, folder, observers)
        with tracking(observers, program.recipe, folder):
            run = _train(program, batches, member, folder=folder, saved=saved, save_every=save_every, watched=watched)
        end_tracking(observers, folder, run.summary)
        return run


def _train(
    program: Program,
    batches: Batches,
    member: Member,
    *,
    folder: Path | None,
    saved: Path | None,
    save_every: float,
    watched: bool,
) -> Run:
    if "init_from" in program.reasons:
        announce_only(member, {"split": "note", "text": f"weights: {program.reasons['init_from']}"})
    engine = build_engine(program, member.plan.machine, steps=member.plan.steps)
    if isinstance(engine, AdversarialEngine):
        member.besides = engine.besides
    if watched:
        member.doctor = _doctor_beside(engine, program, member, History(folder / SIGNS if folder else None))
    job = Job(
        engine=engine,
        batches=batches,
        members=[member],
        folder=saved,
        save_every=save_every,
        team=program.team,
    )
    (run,) = carry_out(job, [program], [batches], [folder])
    return run


def _doctor_beside(engine: SingleEngine | AdversarialEngine, program: Program, member: Member, signs: History) -> Doctor:
    """Whoever looks on: of two networks the umpire of their game, else the doctor of one, who measures around updates."""
    if isinstance(engine, AdversarialEngine):
        umpire = Umpire(member.history, signs, member.observers)
        member.observers = (*member.observers, umpire)
        return umpire
    engine.onlooker = doctor = FitDoctor(program, engine.optimizer, member.history, signs, member.observers)
    return doctor


def new_member(program: Program, plan: Plan, folder: Path | None, observers: Sequence[Observer], number: int = 0) -> Member:
    """What is a program's own in a job."""
    history = History(folder / "history.jsonl" if folder else None)
    return Member(plan, program.rate, validator(program, folder), history, observers, number)


def carry_out(job: Job, programs: Sequence[Program], batches: Sequence[Batches], folders: Sequence[Path | None]) -> list[Run]:
    """Train a job's networks and leave what they became in their folders.

    Args:
        job: of one network, or of a stack.
        programs: of its members.
        batches: of each member alone.
        folders: run folders; None keeps a run in memory.

    Raises:
        TrainingError: a folder cannot be written.
    """
    try:
        with Interruption(job.team) as interruption:
            train(job, interruption)
        parts = zip(job.members, programs, batches, folders, strict=True)
        return [_outcome(job, *part, interruption.signal) for part in parts]
    except OSError as error:
        where = next((str(f) for f in folders if f), "")
        remedy = "Free space and run the same command again: it continues from the last checkpoint."
        raise TrainingError(f"the run folder cannot be written ({error.strerror})", where=where, remedy=remedy) from error
    finally:
        for member, own in zip(job.members, batches, strict=True):
            own.close()
            member.history.close()
            if member.doctor is not None:
                member.doctor.signs.close()


def _outcome(job: Job, member: Member, program: Program, batches: Batches, folder: Path | None, signal: int) -> Run:
    """The run of one member: final weights and summary in its folder, or the error that ended it."""
    if (pieces := pieces_of(job.engine)) is not None and member.at.ending in ("interrupted", "not finite"):
        pieces.gather()  # for whoever asks it afterwards
    share = member.at.step / max(1, sum(m.at.step for m in job.members))
    summary, error = summary_of(member, job.seconds * share if len(job.members) > 1 else job.seconds), None
    doctor = member.doctor
    if program.recipe.doctor != "off" and member.at.ending != "interrupted":
        findings = doctor.close(member.at.step, member.at.ending) if doctor else findings_of_lines(member, program)
        summary["findings"] = [{k: f.to_dict()[k] for k in TOLD} for f in findings]
        if folder is not None and (doctor or findings):
            write_findings(findings, folder)
    if member.at.ending == "not finite":
        error = _not_finite(program, batches, member.at.step)
        write_summary(folder, summary | {"error": {"what": error.what, "where": error.where, "remedy": error.remedy}})
    elif member.at.ending != "interrupted":
        write_weights(folder, plain(job.engine.finish(member.number)))
        summary |= fitted_on_valid(program)
        write_summary(folder, summary)
    return Run(
        folder=folder,
        recipe=program.recipe,
        plan=member.plan,
        preparation=program.data.preparation,
        network=program.network,
        history=member.history,
        signs=doctor.signs if doctor is not None else None,
        summary=summary,
        signal=signal,
        error=error,
    )


def summary_of(member: Member, seconds: float) -> dict[str, Any]:
    """How a training ended, as `run.json` keeps it; `seconds` are its own: of a stack's, the share of its steps."""
    at = member.at
    scores = (r for r in reversed(member.history.rows) if r["split"] == "valid" and r["step"] == at.best_step)
    return {
        "status": at.ending,
        "steps": at.step,
        "epochs": round(member.plan.epoch(at.step), 3),
        "best_step": at.best_step,
        "seconds": round(seconds, 3),
        "valid": next(scores, {}),
    }


def write_weights(folder: Path | None, network: nn.Module) -> None:
    """Keep the final weights; nothing without a folder."""
    if folder is not None:
        write_atomic(folder / "weights.safetensors", weights_of(network))


def write_summary(folder: Path | None, summary: dict[str, Any]) -> None:
    """Keep how a training ended, after everything else; nothing without a folder."""
    if folder is not None:
        write_json(folder / "run.json", summary)


def _not_finite(program: Program, batches: Batches, step: int) -> NonFinite:
    inputs, target = batches[step]
    place = next(program.network.parameters()).device  # of a network in pieces the CPU, whatever the device
    return explain(
        program.network.train(),
        as_floats(tuple(x.to(place) for x in inputs)),
        target.to(place),
        rows=batches.rows(step),
        described=program.data.shape.inputs,
        step=step,
    )


@contextmanager
def repeatable() -> Iterator[None]:
    """Leave the caller's random state and thread count as they were."""
    threads = torch.get_num_threads()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
