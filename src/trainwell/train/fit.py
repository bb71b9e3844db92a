"""Fit: compile, plan, train, and leave a run folder from which everything can be had again."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import NonFinite, TrainingError
from trainwell.core.history import History
from trainwell.core.onlookers import usual_onlookers
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import write_recipe
from trainwell.data.batches import Batches, Lengths, RowStream, text_lengths
from trainwell.data.data import Data
from trainwell.doctor.examine import write_findings
from trainwell.models.parametrize import plain
from trainwell.score.registry import metrics
from trainwell.train.adversarial.engine import AdversarialEngine
from trainwell.train.adversarial.umpire import Umpire
from trainwell.train.beside import Beside, findings_of_lines, say_findings
from trainwell.train.compile import Program, compile_program
from trainwell.train.interrupt import Interruption
from trainwell.train.loop import Job, Member, Observer, announce_only, train
from trainwell.train.machine import build_engine, choose_machine
from trainwell.train.nonfinite import explain
from trainwell.train.plan import Plan, Way, read_plan, step_count, write_plan
from trainwell.train.predicting import decision_of, limits_of, validator
from trainwell.train.run import SIGNS, Run, weights_of
from trainwell.train.same import check_same
from trainwell.train.steps import as_floats
from trainwell.train.team import Team, refuse_teams, team_here
from trainwell.train.trackers.tracker import end_tracking, tracking

#: What the summary of a run keeps of each finding.
TOLD = ("code", "name", "sentence", "step", "severity", "because_of", "remedy")
#: Seconds between lines of the history.
LOG_SECONDS = 0.25
#: Whole data sets up to this size are moved to a GPU; larger ones are gathered ahead by a thread.
DEVICE_BYTES = 4 << 30


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
    watched, told = recipe.doctor != "off", observers or usual_onlookers() or (say_findings,)
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
        if team is None:
            plan = _plan(program, batches, folder, way)
        else:
            plan = _plan_together(program, batches, folder, team)
            folder, watched, observers = (folder, watched, observers) if team.rank == 0 else (None, False, ())
        torch.set_num_threads(plan.machine.threads)
        member = new_member(program, plan, folder, observers)
        with tracking(observers, program.recipe, folder):
            run = _train(program, batches, member, folder=folder, save_every=save_every, watched=watched)
        end_tracking(observers, folder, run.summary)
        return run


def _train(program: Program, batches: Batches, member: Member, *, folder: Path | None, save_every: float, watched: bool) -> Run:
    if "init_from" in program.reasons:
        announce_only(member, {"split": "note", "text": f"weights: {program.reasons['init_from']}"})
    engine = build_engine(program, member.plan.machine, steps=member.plan.steps)
    signs = History(folder / SIGNS if watched and folder else None)
    if isinstance(engine, AdversarialEngine):
        member.besides = engine.besides
        if watched:
            member.doctor = umpire = Umpire(member.history, signs, member.observers)
            member.observers = (*member.observers, umpire)
    elif watched:
        member.doctor = engine.onlooker = Beside(program, engine.optimizer, member.history, signs, member.observers)
    job = Job(
        engine=engine,
        batches=batches,
        members=[member],
        folder=folder / "checkpoints" if folder else None,
        save_every=save_every,
        team=program.team,
    )
    (run,) = carry_out(job, [program], [batches], [folder])
    return run


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
        summary |= limits_of(program.network, program.data) | decision_of(program)
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
        write_atomic(folder / "run.json", json.dumps(summary, indent=2) + "\n")


def _not_finite(program: Program, batches: Batches, step: int) -> NonFinite:
    inputs, target = batches[step]
    return explain(
        program.network.train(),
        as_floats(inputs),
        target,
        rows=batches.rows(step),
        described=program.data.shape.inputs,
        step=step,
    )


def build_batches(program: Program) -> Batches:
    """The batches of a program: arrays as they lie in memory or on disk, or moved to the GPU whole when they fit."""
    data, recipe = program.data, program.recipe
    arrays = [as_tensor(data.arrays[name]) for name in (*data.shape.names, "target")]
    fits = sum(a.numel() * a.element_size() for a in arrays) < DEVICE_BYTES
    remote = program.device.type != "cpu"
    if remote and fits:
        arrays = [a.to(program.device) for a in arrays]
    mapped = any(isinstance(data.arrays[name], np.memmap) for name in data.shape.names)
    rows = torch.from_numpy(data.rows["train"])
    classes = arrays[-1].cpu()[rows] if recipe.sampling == "balanced" else None
    if classes is not None and data.task not in ("classification", "generation"):
        raise TrainingError("sampling=balanced needs classes, and the target is a number", remedy="Set sampling=shuffle.")
    rising, of_like = recipe.sampling == "curriculum", recipe.sampling in ("lengths", "curriculum")
    lengths = Lengths(text_lengths(data), program.batch_size, rising=rising) if of_like else None
    stream = RowStream(rows, seed=program.seed, classes=classes, window=data.shape.window, lengths=lengths)
    return Batches(
        arrays[:-1],
        arrays[-1],
        stream,
        batch_size=program.batch_size,
        prefetch=(mapped and not _resident(data)) or (remote and not fits),
        place=lambda x: x.to(program.device),
        texts=data.shape.texts,
        part=slice(None) if program.team is None else program.team.part_of(program.batch_size),
    )


def _resident(data: Data) -> bool:
    """Whether memory maps are small enough to stay in the page cache, where a thread would only be in the way."""
    return sum(a.nbytes for a in data.arrays.values()) < 1 << 30


def as_tensor(array: np.ndarray) -> Tensor:
    """A tensor over the same memory; read-only memory maps are viewed, never copied."""
    with warnings.catch_warnings():
        # torch warns that it has no read-only tensors; nothing here writes to the arrays it gathers from.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _plan(program: Program, batches: Batches, folder: Path | None, way: Way | None) -> Plan:
    """The plan kept in the folder, checked against what was asked; or a new one, written before step 0."""
    path = folder / "plan.json" if folder else None
    if folder is not None and path is not None and path.exists():
        plan = read_plan(path)
        check_same(program, plan, folder)
        return plan
    plan = make_plan(program, batches) if way is None else plan_for(program, way)
    if folder is not None:
        begin_folder(program, plan, folder)
    return plan


def _plan_together(program: Program, batches: Batches, folder: Path | None, team: Team) -> Plan:
    """The plan of the first process, for all of them."""
    if program.batch_size < team.size:
        remedy = "Start fewer processes, or give batch_size a larger number."
        raise TrainingError(f"a batch of {program.batch_size} rows cannot be shared by {team.size} processes", remedy=remedy)
    if program.data.task == "generation":
        refuse_teams("training two networks against each other")
    team.check_same("data", program.data.fingerprint)
    return team.share(lambda: _plan(program, batches, folder, None))


def begin_folder(program: Program, plan: Plan, folder: Path) -> None:
    """What a run folder holds before step 0; the plan comes last, so that a folder with a plan is whole."""
    for name, content in program.data.documents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / name, content)
    write_recipe(program.recipe, folder / "recipe.yaml", program.reasons)
    write_plan(plan, folder / "plan.json")


def make_plan(program: Program, batches: Batches) -> Plan:
    """Decide every number of a run: measured ways of executing, steps of a time limit, log and validation intervals."""
    machine, lap = choose_machine(program, batches[0], steps=steps_of(program))
    return plan_for(program, Way(machine, lap.seconds))


def steps_of(program: Program) -> int:
    """Updates that the recipe asks for."""
    return step_count(program.recipe, len(program.data.rows["train"]), program.batch_size)


def plan_for(program: Program, way: Way) -> Plan:
    """The plan of a program that is executed in a known way."""
    machine, pace = way.machine, way.pace
    recipe, rows, steps = program.recipe, len(program.data.rows["train"]), steps_of(program)
    if recipe.time_limit:
        steps = min(steps, max(1, int(0.92 * recipe.time_limit / pace)))
    monitor = recipe.monitor
    every, patience = _int(recipe.validate_every), _int(recipe.early_stopping)
    has_valid = len(program.data.rows["valid"]) > 0
    return Plan(
        steps=steps,
        batch_size=program.batch_size,
        rows=rows,
        validate_every=min(every, steps) if has_valid else steps,
        log_every=max(1, min(round(LOG_SECONDS / pace), math.ceil(steps / 20))),
        patience=patience if has_valid else 0,
        monitor=monitor,
        higher_is_better=monitor != "loss" and metrics[monitor].higher_is_better,
        seed=program.seed,
        data=program.data.fingerprint,
        torch=torch.__version__,
        machine=machine,
    )


def _int(value: int | str) -> int:
    assert not isinstance(value, str), "the recipe must be resolved first"
    return value


@contextmanager
def repeatable() -> Iterator[None]:
    """Leave the caller's random state and thread count as they were."""
    threads = torch.get_num_threads()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
