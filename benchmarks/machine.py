"""What choosing the machine's way brings: the planner's choice against plain eager, alone and beside a busy neighbour.

    python benchmarks/machine.py [--rounds 9]

`plain` is torch as it starts: all threads, contiguous memory, the optimizer without its fused kernel. `chosen` is what the
planner picked after timing. Both in turn; ratios within a round. `busy` repeats `chosen` (planned anew) with one other process
that keeps a core busy.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import numpy as np
import torch
from torch import nn

from trainwell.core.recipe import Recipe
from trainwell.data.load import wrap
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import Program, compile_program
from trainwell.train.machine import build_engine, choose_machine, describe
from trainwell.train.plan import Machine


def cnn() -> nn.Module:
    def block(n_in: int, n_out: int) -> list[nn.Module]:
        return [nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU(), nn.AvgPool2d(2)]

    return nn.Sequential(*block(1, 32), *block(32, 64), *block(64, 128), nn.Flatten(), nn.Linear(128 * 9, 10))


def dense(width: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(54, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


def program(network: nn.Module, x: np.ndarray, batch: int) -> Program:
    recipe = Recipe(batch_size=batch, steps=10_000, optimizer="adamw", learning_rate=1e-3, augment=[], metrics=["accuracy"])
    return compile_program(recipe, wrap((x, np.arange(len(x)) % 10)), network=network)


def stepper(made: Program, machine: Machine, *, fused: bool) -> Callable[[int], float]:
    """A function that makes `n` steps on a copy of the network and returns seconds per step."""
    engine = build_engine(replace(made, network=deepcopy(made.network)), machine)
    if not fused:
        engine.optimizer = torch.optim.AdamW(engine.network.parameters(), lr=1e-3, fused=False)
    batches = build_batches(made)

    def run(steps: int) -> float:
        torch.set_num_threads(machine.threads)
        engine.step(*batches[0], rates=[1e-4], number=0)
        start = time.perf_counter()
        for number in range(steps):
            engine.step(*batches[number % 20], rates=[1e-4], number=number)
        return (time.perf_counter() - start) / steps

    return run


def _spin() -> None:
    while True:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 255, (2_000, 28, 28, 1), dtype=np.uint8)
    table = draw.normal(size=(8_000, 54)).astype(np.float32)
    cases = {
        "dense 64 wide, batch 64": (dense(64), table, 64, 300),
        "dense 256 wide, batch 256": (dense(256), table, 256, 100),
        "CNN 28x28, batch 64": (cnn, pictures, 64, 15),
    }
    print(f"{'case':28} {'plain ms':>9} {'chosen ms':>9} {'plain/chosen':>13} {'busy/alone':>11}   chosen")
    for name, (make, x, batch, steps) in cases.items():
        made = program(make(), x, batch)
        machine, _ = choose_machine(made, build_batches(made)[0], steps=10_000)
        plain = stepper(made, Machine(threads=os.cpu_count() or 1), fused=False)
        chosen = stepper(made, machine, fused=True)
        pairs = [(plain(steps), chosen(steps)) for _ in range(rounds)]
        ratio = statistics.median(p / c for p, c in pairs)
        alone = statistics.median(c for _, c in pairs)
        neighbour = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
        neighbour.start()
        time.sleep(1.0)
        replanned, _ = choose_machine(made, build_batches(made)[0], steps=10_000)
        beside = stepper(made, replanned, fused=True)
        busy = statistics.median(beside(steps) for _ in range(rounds))
        neighbour.kill()
        neighbour.join()
        first = 1000 * statistics.median(p for p, _ in pairs)
        print(f"{name:28} {first:9.2f} {1000 * alone:9.2f} {ratio:13.2f} {busy / alone:11.2f}   {describe(machine)}")


if __name__ == "__main__":
    main()
