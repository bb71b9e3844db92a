"""How to execute the step: a few timed steps of each way decide, the plain way included, so the choice is never slower."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from trainwell.core.recipe import Recipe
from trainwell.models.autoencoder import Autoencoder
from trainwell.models.cyclegan import Pair
from trainwell.optim.registry import optimizers
from trainwell.optim.rules import parameter_groups
from trainwell.train.adversarial.autoencoding import autoencoding
from trainwell.train.adversarial.build import adversarial_engine
from trainwell.train.adversarial.engine import AdversarialEngine
from trainwell.train.adversarial.registry import Elbo, games
from trainwell.train.compile import Program
from trainwell.train.engine import Limits, SingleEngine
from trainwell.train.loss_scale import LossScale
from trainwell.train.plan import Machine, Way
from trainwell.train.progressive_resizing import with_progressive_resizing
from trainwell.train.sharded import Pieces
from trainwell.train.steps import Inputs, Step, supervised
from trainwell.train.transfer import paces

#: Another way must beat the first by this much: less is noise, and one thread leaves the other cores to others.
MARGIN = 0.98
#: A cold compilation costs about this many seconds; shorter runs do not earn it back.
COMPILE_COST = 25.0
#: Seconds of training on a CPU from which a convolutional network may be computed in bfloat16. Shorter runs, and runs that are
#: compared by the dozen, keep the arithmetic that is the same on every processor.
LONG = 60.0
#: Seconds of a step where none is measured: it decides how often the history gets a line.
ASSUMED_PACE = 0.02


def build_engine(program: Program, machine: Machine, *, steps: int = 0) -> SingleEngine | AdversarialEngine:
    """The engine that trains the program's network in the machine's way, for a run of so many steps."""
    recipe = program.recipe
    if machine.channels_last:
        program.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    if isinstance(program.network, Pair):
        return adversarial_engine(program.network, recipe, augment=program.augment, seed=program.seed)
    pieces = _pieces_of(program)
    network = program.network if pieces is None else pieces.network
    step = _step_of(program, network, machine, steps)
    decay = _number(recipe.weight_decay)
    groups = parameter_groups(network, decay, paces(network, recipe))
    for group in groups:
        group["start"] = round(group.get("start", 0.0) * steps)
        if pieces is not None:
            group["params"] = [pieces.own[p] for p in group["params"]]
    optimizer = optimizers.bind(recipe.optimizer.name, recipe.optimizer.options)(groups)
    if pieces is not None:
        pieces.owned_by(optimizer)
    return SingleEngine(
        network,
        step,
        optimizer,
        limits=_limits(recipe, steps),
        seed=program.seed,
        micro=recipe.accumulate,
        team=program.team,
        scale=LossScale(program.device) if machine.precision == "float16" else None,
        weights=pieces,
    )


def _step_of(program: Program, network: nn.Module, machine: Machine, steps: int) -> Step:
    recipe = program.recipe
    augment = with_progressive_resizing(program.augment, recipe, program.data, steps=steps)
    if isinstance(network, Autoencoder):
        rule = games.bind(recipe.loss.name, recipe.loss.options)()
        assert isinstance(rule, Elbo), "see check_game"
        return autoencoding(network, rule, augment)
    forward: Callable[..., torch.Tensor] = torch.compile(network) if machine.compiled else network
    return supervised(forward, program.loss, augment=augment, autocast=machine.autocast, device=program.device.type)


def _limits(recipe: Recipe, steps: int) -> Limits:
    return Limits(
        clip_norm=_number(recipe.clip_norm),
        clip_value=recipe.clip_value,
        l1=recipe.l1,
        l2=recipe.l2,
        max_norm=recipe.max_norm,
        constraint=recipe.constraint,
        ema=_number(recipe.ema),
        swa_start=swa_start(recipe, steps),
        sam=recipe.sam,
    )


def _pieces_of(program: Program) -> Pieces | None:
    if program.team is None or not program.recipe.sharded:
        return None
    return Pieces(program.network, program.device, program.team, program.batch_size)


def swa_start(recipe: Recipe, steps: int) -> int | None:
    """The update at which even averaging begins; None where there is none.

    Example:
        >>> swa_start(Recipe(swa=0.25), 100)
        75
    """
    return steps - round(recipe.swa * steps) if recipe.swa else None


def _number(value: float | str) -> float:
    assert not isinstance(value, str), "the recipe must be resolved first"
    return value


def choose_machine(program: Program, batch: tuple[Inputs, torch.Tensor], *, steps: int) -> tuple[Machine, Lap]:
    """The fastest way measured on copies of the network, and what a step takes in it.

    Args:
        program: what will be trained; it is left untouched.
        batch: a training batch.
        steps: length of the run, which decides whether measuring and compiling can pay.
    """
    ways = _ways(program)
    trials = [Trial(program, way, batch) for way in ways]
    needed = len(ways) > 1 or program.recipe.time_limit > 0  # else there is nothing to choose, and nobody asks for the pace
    laps = race(trials, budget=0.04 * steps * trials[0].once().seconds if needed else 0.0)
    best = min(range(len(ways)), key=lambda i: laps[i].cost * (1.0 if i == 0 else 1 / MARGIN))
    chosen, lap = ways[best], laps[best]
    for other in _for_long_runs(program, chosen, lap.seconds * steps):
        again = race([trials[best], Trial(program, other, batch)], budget=4.0)
        if again[1].cost < 0.9 * again[0].cost:
            chosen, lap = other, again[1]
    return replace(chosen, why=_why(ways, laps, chosen, lap)), lap


def _ways(program: Program) -> list[Machine]:
    """What is tried, the simplest first: one thread and all of them, plain memory order and channels last."""
    plain = Machine(device=str(program.device), precision=_precision(program))
    return [replace(plain, threads=t, channels_last=c) for c in _layouts(program) for t in _threads(program)]


def _layouts(program: Program) -> list[bool]:
    wanted = program.recipe.memory_format
    if wanted != "auto":
        return [wanted == "channels_last"]
    return [False, True] if any(isinstance(m, nn.Conv2d) for m in program.network.modules()) else [False]


def in_pieces(program: Program) -> Way:
    """How a network in pieces is trained: nothing is measured, as all processes would have to measure together."""
    wanted = program.recipe.threads
    threads = torch.get_num_threads() if wanted == "auto" else wanted
    why = f"the network lies in pieces; {threads} thread{'s' if threads > 1 else ''} for each process"
    machine = Machine(threads=threads, device=str(program.device), precision=_precision(program), why=why)
    return Way(machine, ASSUMED_PACE)


def _threads(program: Program) -> list[int]:
    wanted = program.recipe.threads
    if wanted != "auto":
        return [wanted]
    cores = min(len(os.sched_getaffinity(0)), 32)
    return [cores] if program.device.type != "cpu" else sorted({1, cores})


def _precision(program: Program) -> str:
    wanted = program.recipe.precision
    if wanted != "auto":
        return wanted
    if program.device.type != "cuda":
        return "float32"
    # Older cards can emulate bfloat16, and are slow in it.
    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"


def _for_long_runs(program: Program, machine: Machine, run_seconds: float) -> list[Machine]:
    """A way that is dear to try or rounds otherwise: measured only where the run is long enough."""
    if _may_compile(program, run_seconds):
        return [replace(machine, compiled=True)]
    return [replace(machine, precision="bfloat16")] if _may_halve(program, run_seconds) else []


def _may_halve(program: Program, run_seconds: float) -> bool:
    """Convolutions gain where the processor multiplies bfloat16 itself; where it does not, the race says so."""
    on_cpu = program.device.type == "cpu" and program.recipe.precision == "auto"
    return on_cpu and run_seconds > LONG and any(isinstance(m, nn.Conv2d) for m in program.network.modules())


def _may_compile(program: Program, run_seconds: float) -> bool:
    wanted = "off" if program.recipe.progressive_resizing else program.recipe.compile
    return wanted == "on" or (wanted == "auto" and program.device.type == "cuda" and run_seconds > 8 * COMPILE_COST)


class Lap(NamedTuple):
    """How long something took.

    Args:
        cost: seconds by which ways are compared: of computing where one thread computes, so that others who use this machine
            do not count; else as `seconds`.
        seconds: of the wall clock.
    """

    cost: float
    seconds: float


def timed(work: Callable[[], object], machine: Machine) -> Lap:
    """How long `work` takes, done in the machine's way."""
    clock = time.thread_time if machine.threads == 1 and machine.device == "cpu" else time.perf_counter
    begun, start = clock(), time.perf_counter()
    work()
    return Lap(clock() - begun, time.perf_counter() - start)


def median(laps: Sequence[Lap]) -> Lap:
    """The middle cost and the middle time."""
    return Lap(*(statistics.median(column) for column in zip(*laps, strict=True)))


class Trial:
    """A copy of the program's network trained a few steps in one way, to time it."""

    def __init__(self, program: Program, machine: Machine, batch: tuple[Inputs, torch.Tensor]) -> None:
        self.machine = machine
        self._engine = build_engine(replace(program, network=deepcopy(program.network), team=None), machine)
        self._batch, self._number = batch, 0

    def once(self) -> Lap:
        """Time one step."""
        torch.set_num_threads(self.machine.threads)
        return timed(self._step, self.machine)

    def _step(self) -> None:
        # A rate of zero times exactly the same work and leaves the copy where it is, so no trial can diverge.
        inputs, target = self._batch
        self._engine.step(inputs, target, rates=[0.0], number=self._number)
        self._number += 1


def race(trials: list[Trial], *, budget: float) -> list[Lap]:
    """Median time of a step of each, taken in turns so that drift of the machine hits all alike.

    Args:
        trials: what is timed.
        budget: seconds for all together, kept between 0.2 and 6; everybody gets at least three turns, and who runs alone and
            for no budget gets no more.
    """
    laps: list[list[Lap]] = [[] for _ in trials]
    for trial in trials:
        trial.once()
    least = 0.2 if budget or len(trials) > 1 else 0.0
    end = time.perf_counter() + min(max(budget, least), 6.0)
    while len(laps[0]) < 3 or (time.perf_counter() < end and len(laps[0]) < 60):
        for trial, lap in zip(trials, laps, strict=True):
            trial.once()  # the first step after a switch of threads or layout pays for the switch
            lap.append(trial.once())
    return [median(lap) for lap in laps]


def _why(ways: list[Machine], laps: list[Lap], chosen: Machine, lap: Lap) -> str:
    shown = [f"{describe(w)} {1000 * own.cost:.2f} ms" for w, own in zip(ways, laps, strict=True)]
    if chosen not in ways:
        shown.append(f"{describe(chosen)} {1000 * lap.cost:.2f} ms")
    return f"{describe(chosen)} chosen of: {', '.join(shown)} a step"


def describe(machine: Machine) -> str:
    """The way in words: `2 threads, channels last`; of precisions only the one that is unusual for the device."""
    words = [f"{machine.threads} thread{'s' if machine.threads > 1 else ''}"]
    words += ["channels last"] if machine.channels_last else []
    words += ["compiled"] if machine.compiled else []
    words += ["bfloat16"] if machine.precision == "bfloat16" and machine.device == "cpu" else []
    return ", ".join(words)
