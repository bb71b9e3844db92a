"""One by one or together: a few timed steps of each way decide, so that a stack is never the slower choice."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch

from trainwell.train.build_batches import build_batches
from trainwell.train.compile import Program
from trainwell.train.fit import repeatable
from trainwell.train.job import Observer
from trainwell.train.machine import MARGIN, Lap, Trial, choose_machine, median, race, timed
from trainwell.train.make_plan import steps_of
from trainwell.train.plan import Machine, Way
from trainwell.train.stack.engine import StackEngine
from trainwell.train.stack.run import new_engine
from trainwell.train.stack.trace import NotStackable, tracing_seconds
from trainwell.train.steps import as_floats
from trainwell.train.workers import run_tasks

#: A step of a single network that takes longer than this on a CPU is arithmetic, which stacking does not make less.
LONG_STEP = 0.02
#: Seconds of work below which starting processes and measuring them is not worth while.
LONG_RUN = 4.0
#: A stack is tried where tracing takes less than this share of training one by one: about what it can save.
WORTH = 0.4
#: Bytes a stack may take: parameters, gradients, moments, averages and best weights of all members.
MOST_BYTES = 2 << 30


class Choice(NamedTuple):
    """A way, what one step of all networks takes in it, and the engine if it is a stack in this process."""

    way: Way
    lap: Lap
    engine: StackEngine | None = None


def choose_way(programs: Sequence[Program], *, workers: int) -> Choice:
    """How to train a group: one by one or stacked, here or shared among processes; the name of a stack is left to the caller.

    Args:
        programs: of one group, at least two; they are left untouched.
        workers: most processes.
    """
    first, k, steps = programs[0], len(programs), steps_of(programs[0])
    batch = build_batches(first)[0]
    machine, lap = choose_machine(first, batch, steps=steps)
    ways = {"one by one": Choice(Way(machine, lap.seconds), Lap(k * lap.cost, k * lap.seconds))}
    stackable = _bytes(first) * k <= MOST_BYTES and (first.device.type != "cpu" or lap.cost <= LONG_STEP)
    tracing = tracing_seconds(first.network, as_floats(batch[0]))
    if stackable and tracing < WORTH * steps * lap.seconds * k:
        ways |= _stacked(programs, machine, budget=0.04 * steps * lap.seconds * k)
    name = min(ways, key=lambda n: ways[n].lap.cost / (1.0 if n == "one by one" else MARGIN))
    here = ways[name].lap.cost
    if workers > 1 and first.device.type == "cpu" and steps * here > LONG_RUN:
        ways |= _shared(programs, machine, workers=min(workers, k), stackable=len(ways) > 1 and 8 * tracing < steps * here)
        cheapest = min(ways, key=lambda n: ways[n].lap.cost)
        name = cheapest if ways[cheapest].way.workers > 1 and ways[cheapest].lap.cost < MARGIN * here else name
    shown = ", ".join(f"{n} {1000 * choice.lap.cost:.2f} ms" for n, choice in ways.items())
    chosen = ways[name]
    why = f"{name} chosen for {k} networks of: {shown} a step of all"
    return chosen._replace(way=replace(chosen.way, machine=replace(chosen.way.machine, why=why)))


def _stacked(programs: Sequence[Program], machine: Machine, budget: float) -> dict[str, Choice]:
    try:
        with repeatable():
            engine = new_engine(programs)
            together = measure(engine, budget=budget)
    except NotStackable:
        return {}
    threads, lap = min(together.items(), key=lambda item: item[1].cost)
    stack = replace(machine, threads=threads, channels_last=False, compiled=False, precision="float32", stack="stack")
    return {f"one stack on {threads} thread{'s' if threads > 1 else ''}": Choice(Way(stack, lap.seconds), lap, engine)}


def _shared(programs: Sequence[Program], machine: Machine, *, workers: int, stackable: bool) -> dict[str, Choice]:
    """What the same takes when so many processes do it at the same time, each on one core, measured by doing it.

    Computing time counts here, too: others who use this machine make everything slower, and each way at another time.
    """
    shares = [programs[place::workers] for place in range(workers)]
    one = replace(machine, threads=1, compiled=False)

    def alone(program: Program, _tell: Observer) -> Lap:
        return race([Trial(program, one, build_batches(program)[0])], budget=0.3)[0]

    def together(share: Sequence[Program], _tell: Observer) -> Lap:
        return measure(new_engine(share), budget=0.3, among=[1])[1]

    laps = run_tasks([partial(alone, share[0]) for share in shares], lambda _: None, workers=workers)
    step, many = _slowest(laps), len(shares[0])
    found = {f"{workers} processes": Choice(Way(one, step.seconds, workers), Lap(many * step.cost, many * step.seconds))}
    if stackable and len(programs) >= 2 * workers:
        step = _slowest(run_tasks([partial(together, share) for share in shares], lambda _: None, workers=workers))
        stack = replace(one, channels_last=False, precision="float32", stack="stack")
        found[f"{workers} stacks in processes"] = Choice(Way(stack, step.seconds, workers), step)
    return found


def _slowest(laps: Sequence[Sequence[float]]) -> Lap:
    return Lap(*(max(column) for column in zip(*laps, strict=True)))


def _bytes(program: Program) -> int:
    """Bytes of one member: weights, gradients, scratch, two moments, average and best."""
    return 7 * sum(p.numel() * p.element_size() for p in program.network.parameters())


def measure(engine: StackEngine, budget: float, among: Sequence[int] = ()) -> dict[int, Lap]:
    """What a step of the stack takes by number of threads, of those that the recipe allows; the engine is left as it was."""
    before = {name: tensor.clone() for name, tensor in engine.tensors().items()}
    found: dict[int, list[Lap]] = {t: [] for t in among or _threads(engine.programs[0])}
    step = partial(engine.step, *engine.batches[0], rates=[0.0] * len(engine.programs))
    device = str(engine.programs[0].device)
    end, number = time.perf_counter() + min(max(budget, 0.1), 4.0), 0
    while number < 2 * len(found) or (time.perf_counter() < end and number < 8 * len(found)):
        for threads, laps in found.items():
            torch.set_num_threads(threads)
            step(number=number)  # the first step after a switch of threads pays for the switch
            laps.append(timed(partial(step, number=number), Machine(device=device, threads=threads)))
            number += 1
    engine.restore(before)
    return {threads: median(laps) for threads, laps in found.items()}


def _threads(program: Program) -> list[int]:
    wanted = program.recipe.threads
    if wanted != "auto":
        return [wanted]
    return sorted({1, min(len(os.sched_getaffinity(0)), 32)}) if program.device.type == "cpu" else [torch.get_num_threads()]
