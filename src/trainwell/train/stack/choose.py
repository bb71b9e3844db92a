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
from trainwell.train.machine import MARGIN, choose_machine
from trainwell.train.plan import Way
from trainwell.train.stack.batches import StackBatches
from trainwell.train.stack.engine import StackEngine
from trainwell.train.stack.trace import NotStackable

#: A step of a single network that takes longer than this on a CPU is arithmetic, which stacking does not make less.
LONG_STEP = 0.02
#: Bytes a stack may take: parameters, gradients, moments, averages and best weights of all members.
MOST_BYTES = 2 << 30


def choose_way(programs: Sequence[Program], name: str) -> Way:
    """How to train a group: as a stack called `name`, or one by one where that is as fast.

    Args:
        programs: of one group, at least two; they are left untouched.
        name: of the stack.
    """
    first, k = programs[0], len(programs)
    batches, steps = build_batches(first), steps_of(first)
    machine, pace = choose_machine(first, batches[0], steps=steps)
    alone = Way(machine, pace)
    if _bytes(first) * k > MOST_BYTES or (first.device.type == "cpu" and pace > LONG_STEP):
        return alone
    try:
        together = _together(programs, budget=0.04 * steps * pace * k)
    except NotStackable as error:
        return Way(replace(machine, why=f"{machine.why}; not stacked: {error.what}"), pace)
    threads, seconds = min(together.items(), key=lambda item: item[1])
    shown = f"{1000 * seconds:.2f} ms a step together, {1000 * pace * k:.2f} ms one by one"
    if seconds > MARGIN * pace * k:
        return Way(replace(machine, why=f"{machine.why}; {k} alike: {shown}"), pace)
    why = f"a stack of {k} on {threads} thread{'s' if threads > 1 else ''}: {shown}"
    return Way(replace(machine, threads=threads, channels_last=False, compiled=False, why=why, stack=name), seconds)


def _bytes(program: Program) -> int:
    """Bytes of one member: weights, gradients, scratch, two moments, average and best."""
    return 7 * sum(p.numel() * p.element_size() for p in program.network.parameters())


def _together(programs: Sequence[Program], budget: float) -> dict[int, float]:
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
