"""What the loop costs around the network that each kind of data gets by default, against plain PyTorch, in one run.

    python benchmarks/network_steps.py [--data FOLDER] [--rounds 5] [--clock cpu] [--only fashion,sst2] [--compile]

The network is what `Recipe.suggest` picks. `plain` trains a copy of it by hand: batches that lie ready in memory before the
clock starts, torch's loss, fused AdamW. trainwell gathers its batches, seeds every step, looks for NaN, writes history and
checkpoints. Both on one thread, without augmentation, clipping and averaging, and with the same layout in memory. Ways take
turns and ratios are taken within a round. `--compile` compares whole short runs instead: `compile=auto`, with the time it
takes to decide and to compile, against `compile=off`.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from trainwell.core.history import History
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import Program, compile_program
from trainwell.train.fit import fit
from trainwell.train.interrupt import Interruption
from trainwell.train.job import Job, Member
from trainwell.train.loop import train
from trainwell.train.machine import build_engine
from trainwell.train.make_plan import make_plan
from trainwell.train.steps import as_floats, has_members

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
#: Everything that a plain loop does not have.
PLAIN: dict[str, Any] = {
    "optimizer": "adamw", "learning_rate": 1e-3, "weight_decay": 0.0, "schedule": "constant", "label_smoothing": 0.0,
    "augment": [], "clip_norm": 0.0, "ema": 0.0, "early_stopping": 0, "threads": 1, "memory_format": "contiguous",
    "compile": "off", "precision": "float32", "doctor": "off",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A data set in the folder, what the recipe says besides, and the number of steps that is timed."""

    name: str
    source: str
    steps: int
    words: dict[str, Any] = field(default_factory=dict)


CASES = [
    Case("adult", "adult/adult-train.csv", 150, {"target": "income"}),
    Case("california", "california_housing/housing.csv", 150, {"target": "median_house_value"}),
    Case("mlp", "adult/adult-train.csv", 600, {"target": "income", "model": "mlp"}),
    Case("fashion", "fashion_mnist", 12),
    Case("flowers", "flowers_small", 12),
    Case("sst2", "sst2/train.tsv", 100),
    Case("ETTh1", "ett/ETTh1.csv", 800, {"series": {"horizon": 96}}),
    Case("GunPoint", "ucr/GunPoint/GunPoint_TRAIN.ts", 60),
    Case("shakespeare", "tinyshakespeare/input.txt", 20, {"task": "language"}),
]


def plain_loss(output: Tensor, target: Tensor) -> Tensor:
    """torch's loss for what a network answers."""
    if has_members(output, target):
        output, target = output.flatten(0, 1), target.repeat_interleave(output.shape[1], dim=0)  # (B * K, n_out)
    if target.is_floating_point():
        return F.mse_loss(output, target)
    return F.cross_entropy(output.flatten(0, -2), target.flatten().long())


def plain(program: Program, batches: list[tuple[tuple[Tensor, ...], Tensor]], clock: Callable[[], float]) -> float:
    """Seconds of a step of a hand-written loop."""
    network = copy.deepcopy(program.network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    start = clock()
    for inputs, target in batches:
        optimizer.zero_grad(set_to_none=True)
        loss = plain_loss(network(*as_floats(inputs)), target)
        loss.backward()
        optimizer.step()
        loss.item()
    return (clock() - start) / len(batches)


def own(program: Program, steps: int, clock: Callable[[], float]) -> float:
    """Seconds of a step of trainwell's loop, validation at the end left out."""
    program = copy.copy(program)
    program.network = copy.deepcopy(program.network)
    batches = build_batches(program)
    plan = make_plan(program, batches)
    with tempfile.TemporaryDirectory() as folder:
        member = Member(plan, program.rate, lambda *_: {plan.monitor: 0.0}, History(Path(folder) / "history.jsonl"))
        job = Job(build_engine(program, plan.machine), batches, [member], folder=Path(folder) / "checkpoints")
        torch.set_num_threads(1)
        start = clock()
        with Interruption() as interruption:
            train(job, interruption)
        return (clock() - start) / steps


def steps_of(case: Case, data: Data, rounds: int, clock: Callable[[], float]) -> None:
    """Compare the two loops and print a line."""
    loss = "mse" if data.task == "regression" else "cross_entropy"
    recipe = data.recipe.but(**PLAIN, steps=case.steps, validate_every=case.steps, loss=loss)
    program = compile_program(recipe, data)
    ready = build_batches(program)
    batches = [ready[i] for i in range(case.steps)]
    seconds: dict[str, list[float]] = {"plain": [], "trainwell": []}
    for turn in range(rounds + 1):
        taken = {"plain": plain(program, batches, clock), "trainwell": own(program, case.steps, clock)}
        for name, one in taken.items():
            seconds[name] += [one] if turn else []  # the first round warms up
    show(f"{case.name} {program.recipe.model.name}", seconds["trainwell"], seconds["plain"], 1e3, "ms a step")


def compiled(case: Case, data: Data, rounds: int, clock: Callable[[], float]) -> None:
    """Compare whole runs with `compile=auto` and `compile=off` and print a line."""
    seconds: dict[str, list[float]] = {"off": [], "auto": []}
    for _ in range(rounds):
        for way, taken in seconds.items():
            start = clock()
            fit(data.recipe.but(steps=case.steps * 10, compile=way, doctor="off"), data)
            taken.append(clock() - start)
    show(case.name, seconds["auto"], seconds["off"], 1.0, "s a run")


def show(name: str, ours: list[float], theirs: list[float], scale: float, unit: str) -> None:
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    spread = f"({ratios[0]:.3f} to {ratios[-1]:.3f})"
    print(
        f"{name:28} {scale * statistics.median(ours):9.3f} {unit}  {statistics.median(ratios):.3f}x of plain {spread}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRAINWELL_DATA", "../shared/data")))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--only", default=",".join(c.name for c in CASES))
    parser.add_argument("--compile", action="store_true", help="whole runs with compile=auto against compile=off")
    options = parser.parse_args()
    torch.set_num_threads(1)
    way = compiled if options.compile else steps_of
    for case in CASES:
        if case.name in options.only.split(","):
            data = load(options.data / case.source, recipe=Recipe(**case.words))
            way(case, data, options.rounds, CLOCKS[options.clock])


if __name__ == "__main__":
    main()
