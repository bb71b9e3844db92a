"""How a run gets its plan: kept from a run that was begun and checked against what is asked, or made and written down."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import CheckpointError, TrainingError
from trainwell.core.recipe_file import read_recipe, to_yaml, write_recipe
from trainwell.data.batches import Batches
from trainwell.score.registry import metrics
from trainwell.train.compile import Program
from trainwell.train.distributed import Team, refuse_teams
from trainwell.train.machine import choose_machine, in_pieces
from trainwell.train.plan import Plan, Way, read_plan, step_count, write_plan

#: Recipe keys that decide what the data are.
ABOUT_DATA = {"target", "task", "columns", "split", "prepare", "series"}
#: Seconds between lines of the history.
LOG_SECONDS = 0.25


def plan_of(program: Program, batches: Batches, folder: Path | None, way: Way | None) -> Plan:
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


def plan_together(program: Program, batches: Batches, folder: Path | None, team: Team) -> Plan:
    """The plan of the first process, for all of them."""
    parts = program.recipe.accumulate
    if program.batch_size < team.size * parts:
        remedy = "Start fewer processes, or give batch_size a larger number."
        what = f"a batch of {program.batch_size} rows cannot be shared by {team.size} processes"
        raise TrainingError(what + (f" in {parts} micro-batches each" if parts > 1 else ""), remedy=remedy)
    if program.data.task == "generation":
        refuse_teams("training networks that make pictures")
    team.check_same("data", program.data.fingerprint)
    way = in_pieces(program) if program.recipe.sharded else None
    return team.share(lambda: plan_of(program, batches, folder, way))


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


def check_same(program: Program, plan: Plan, folder: Path) -> None:
    """Refuse to continue a run with another recipe, other data or another seed, naming the first difference."""
    kept = read_recipe(folder / "recipe.yaml")
    # Compared as they are written: YAML knows lists where Python has tuples.
    different = kept.diff(program.recipe) if to_yaml(kept) != to_yaml(program.recipe) else {}
    about_data = {key for key in different if key.split(".")[0] in ABOUT_DATA}
    if not about_data and plan.data != program.data.fingerprint:
        what = "the data have changed since the run in this folder began"
    elif different:
        key = min(different, key=lambda k: k not in about_data)
        before, now = different[key]
        what = f"the folder holds a run with {key}={before!r}, now {key}={now!r}"
    elif plan.seed != program.seed:
        what = f"the folder holds a run with seed {plan.seed}, now {program.seed}"
    else:
        return
    onward = (
        "" if about_data or plan.data != program.data.fingerprint else f" To train on from its weights: init_from={folder}."
    )
    raise CheckpointError(what, where=str(folder), remedy=f"Choose another folder, or delete this one.{onward}")
