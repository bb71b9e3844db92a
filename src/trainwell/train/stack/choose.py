"""One by one or together: a few timed steps of each way decide, so that a stack is never the slower choice."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import torch

from trainwell.train.compile import Program
from trainwell.train.fit import build_batches, steps_of
from trainwell.train.machine import MARGIN, Trial, choose_machine, race
from trainwell.train.plan import Machine, Way
from trainwell.train.stack.batches import StackBatches
from trainwell.train.stack.engine import StackEngine
from trainwell.train.stack.trace import NotStackable
from trainwell.train.workers import run_tasks

#: A step of a single network that takes longer than this on a CPU is arithmetic, which stacking does not make less.
LONG_STEP = 0.02
#: Seconds of work below which starting processes and measuring them is not worth while.
LONG_RUN = 4.0
#: Bytes a stack may take: parameters, gradients, moments, averages and best weights of all members.
MOST_BYTES = 2 << 30


def choose_way(programs: Sequence[Program], *, workers: int) -> Way:
    """How to train a group: one by one or stacked, here or shared among processes; the name of a stack is left to the caller.

    Args:
        programs: of one group, at least two; they are left untouched.
        workers: most processes.
    """
    first, k, steps = programs[0], len(programs), steps_of(programs[0])
    machine, pace = choose_machine(first, build_batches(first)[0], steps=steps)
    ways = {"one by one": Way(machine, pace * k)}
    stackable = _bytes(first) * k <= MOST_BYTES and (first.device.type != "cpu" or pace <= LONG_STEP)
    if stackable:
        ways |= _stacked(programs, machine, budget=0.04 * steps * pace * k)
    best = min(ways.values(), key=lambda way: way.pace)
    if workers > 1 and first.device.type == "cpu" and steps * best.pace > LONG_RUN:
        ways |= _shared(programs, machine, workers=min(workers, k), stackable=len(ways) > 1)
    name = min(ways, key=lambda n: ways[n].pace / (1.0 if n == "one by one" else MARGIN))
    shown = ", ".join(f"{n} {1000 * way.pace:.2f} ms" for n, way in ways.items())
    way = ways[name]
    alone = not way.machine.stack
    return replace(
        way,
        machine=replace(way.machine, why=f"{name} chosen for {k} networks of: {shown} a step of all"),
        pace=way.pace / k * way.workers if alone else way.pace,
    )


def _stacked(programs: Sequence[Program], machine: Machine, budget: float) -> dict[str, Way]:
    try:
        together = measure(programs, budget=budget)
    except NotStackable:
        return {}
    threads, seconds = min(together.items(), key=lambda item: item[1])
    stack = replace(machine, threads=threads, channels_last=False, compiled=False, precision="float32", stack="stack")
    return {f"one stack on {threads} thread{'s' if threads > 1 else ''}": Way(stack, seconds)}


def _shared(programs: Sequence[Program], machine: Machine, *, workers: int, stackable: bool) -> dict[str, Way]:
    """What the same costs when so many processes do it at the same time, each on one core, measured by doing it."""
    shares = [programs[place::workers] for place in range(workers)]
    one = replace(machine, threads=1, compiled=False)

    def alone(program: Program) -> float:
        trial = Trial(program, one, build_batches(program)[0])
        return race([trial], budget=0.3)[0]

    tasks = [lambda _tell, share=share: alone(share[0]) * len(share) for share in shares]
    found = {f"{workers} processes": Way(one, max(run_tasks(tasks, lambda _: None, workers=workers)), workers)}
    if stackable and len(programs) >= 2 * workers:
        tasks = [lambda _tell, share=share: min(measure(share, budget=0.3).values()) for share in shares]
        stack = replace(one, channels_last=False, precision="float32", stack="stack")
        seconds = max(run_tasks(tasks, lambda _: None, workers=workers))
        found[f"{workers} stacks in processes"] = Way(stack, seconds, workers)
    return found


def _bytes(program: Program) -> int:
    """Bytes of one member: weights, gradients, scratch, two moments, average and best."""
    return 7 * sum(p.numel() * p.element_size() for p in program.network.parameters())


def measure(programs: Sequence[Program], budget: float) -> dict[int, float]:
    """Seconds per step of the stack by number of threads, measured on copies."""
    copies = [replace(p, network=deepcopy(p.network)) for p in programs]
    batches = StackBatches([build_batches(p) for p in copies])
    engine = StackEngine(copies, batches)
    found: dict[int, list[float]] = {t: [] for t in _threads(programs[0])}
    end, number, batch = time.perf_counter() + min(max(budget, 0.1), 4.0), 0, batches[0]
    while number < 4 * len(found) or (time.perf_counter() < end and number < 40 * len(found)):
        for threads, laps in found.items():
            torch.set_num_threads(threads)
            for lap in range(2):  # the first step after a switch of threads pays for the switch
                start = time.perf_counter()
                engine.step(*batch, rates=[0.0] * len(copies), number=number)
                number += 1
                if lap:
                    laps.append(time.perf_counter() - start)
    return {threads: statistics.median(laps) for threads, laps in found.items()}


def _threads(program: Program) -> list[int]:
    wanted = program.recipe.threads
    if wanted != "auto":
        return [wanted]
    return sorted({1, min(len(os.sched_getaffinity(0)), 32)}) if program.device.type == "cpu" else [torch.get_num_threads()]
