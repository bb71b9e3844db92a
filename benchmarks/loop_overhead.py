"""What the loop costs: trainwell's training step against hand-written loops and other libraries, in one run.

    python benchmarks/loop_overhead.py [--rounds 15] [--peers] [--clock cpu]

Every round trains each way once, on one thread, another one first each time; ratios are taken within a round, so that drift
of the machine cancels.
`best` is a hand-written loop with the data in memory, batches as slices of one gather per epoch, fused AdamW and a cosine
schedule; `idiomatic` is `DataLoader(TensorDataset)` with AdamW as everybody writes it. All ways of a round start from the same
weights, and `best` decays its rate as trainwell does: the time of max pooling depends on the values it meets (other weights
change a step of the CNN by 3%). trainwell runs with everything on: seeds per step, check for NaN,
history and checkpoints on disk, schedule, signal handling. Other libraries train the same number of steps the way their guides
show, without progress bars, loggers and checkpoints. `--clock cpu` is for a busy machine: seconds of this process alone, which
leaves out waiting for the disk.
"""

from __future__ import annotations

import argparse
import logging
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from trainwell.core.history import History
from trainwell.core.recipe import Recipe
from trainwell.data.load import wrap
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import compile_program
from trainwell.train.interrupt import Interruption
from trainwell.train.job import Job, Member
from trainwell.train.loop import train
from trainwell.train.machine import build_engine
from trainwell.train.make_plan import make_plan
from trainwell.train.validate import validator

#: The clocks by name.
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
clock = time.perf_counter


@dataclass(frozen=True)
class Case:
    """A network, its data and the number of steps that is timed."""

    name: str
    network: Callable[[], nn.Module]
    x: torch.Tensor
    y: torch.Tensor
    batch: int
    steps: int


def dense(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(54, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 7))


def cnn() -> nn.Module:
    blocks = [
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(32 * 49, 10))


def cases() -> list[Case]:
    torch.manual_seed(0)
    table, seven = torch.randn(20_000, 54), torch.randint(0, 7, (20_000,))
    pictures, ten = torch.randn(4_000, 1, 28, 28), torch.randint(0, 10, (4_000,))
    return [
        Case("dense 54-64-64-7, batch 64", lambda: dense(64), table, seven, 64, 1500),
        Case("dense 54-256-256-7, batch 256", lambda: dense(256), table, seven, 256, 1000),
        Case("CNN 28x28, 2 convolutions, batch 64", cnn, pictures, ten, 64, 400),
    ]


def best(case: Case) -> float:
    network = case.network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    per_epoch = len(case.x) // case.batch
    start = clock()
    for step in range(case.steps):
        position = step % per_epoch
        if position == 0:
            order = torch.randperm(len(case.x))
            x, y = case.x[order], case.y[order]
        rows = slice(position * case.batch, (position + 1) * case.batch)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(x[rows]), y[rows]).backward()
        optimizer.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * step / case.steps)) / 2
        optimizer.step()
    return (clock() - start) / case.steps


def idiomatic(case: Case) -> float:
    network = case.network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    loss_function = nn.CrossEntropyLoss()
    loader = DataLoader(TensorDataset(case.x, case.y), batch_size=case.batch, shuffle=True)
    done = 0
    start = clock()
    while done < case.steps:
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_function(network(x), y)
            loss.backward()
            optimizer.step()
            done += 1
            if done == case.steps:
                break
    return (clock() - start) / case.steps


def trainwell(case: Case) -> float:
    recipe = Recipe(
        batch_size=case.batch, steps=case.steps, optimizer="adamw", learning_rate=1e-3, weight_decay=0.0, schedule="cosine",
        loss="cross_entropy", label_smoothing=0.0, metrics=["accuracy"], augment=[], threads=1, memory_format="contiguous",
        compile="off", split={"test": 0.0, "valid": 0.002, "how": "random"}, early_stopping=0, validate_every=case.steps,
    )  # fmt: skip
    data = wrap((case.x.numpy(), case.y.numpy()), recipe=recipe)
    with tempfile.TemporaryDirectory() as folder:
        program = compile_program(recipe, data, network=case.network())
        batches = build_batches(program)
        plan = make_plan(program, batches)
        plan = replace(plan, log_every=max(1, case.steps // 20))
        job = Job(
            engine=build_engine(program, plan.machine),
            batches=batches,
            members=[Member(plan, program.rate, validator(program), History(Path(folder) / "history.jsonl"))],
            folder=Path(folder) / "checkpoints",
        )
        torch.set_num_threads(1)
        start = clock()
        with Interruption() as interruption:
            train(job, interruption)
        return (clock() - start) / case.steps


def peers() -> dict[str, Callable[[Case], float]]:
    """Other libraries that are installed here."""
    found: dict[str, Callable[[Case], float]] = {}
    for name, one in (("lightning", lightning), ("skorch", skorch), ("keras", keras)):
        if find_spec(name) is not None:
            found[name] = one
    return found


def lightning(case: Case) -> float:
    import lightning as L

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = case.network()

        def training_step(self, batch, _number):
            x, y = batch
            return F.cross_entropy(self.network(x), y)

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=1e-3)

    loader = DataLoader(TensorDataset(case.x, case.y), batch_size=case.batch, shuffle=True)
    trainer = L.Trainer(
        max_steps=case.steps, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        accelerator="cpu",
    )  # fmt: skip
    start = clock()
    trainer.fit(Module(), loader)
    return (clock() - start) / case.steps


def skorch(case: Case) -> float:
    from skorch import NeuralNetClassifier

    epochs = max(1, round(case.steps * case.batch / len(case.x)))
    net = NeuralNetClassifier(
        case.network(), criterion=nn.CrossEntropyLoss, optimizer=torch.optim.AdamW, lr=1e-3, batch_size=case.batch,
        max_epochs=epochs, train_split=None, verbose=0, iterator_train__shuffle=True,
    )  # fmt: skip
    start = clock()
    net.fit(case.x.numpy(), case.y.numpy())
    return (clock() - start) / (epochs * -(-len(case.x) // case.batch))


def keras(case: Case) -> float:
    import keras as k

    if k.backend.backend() != "torch":
        raise SystemExit("Set KERAS_BACKEND=torch: the same arithmetic under every library.")
    x, y = case.x.numpy(), case.y.numpy()
    if x.ndim == 2:
        width = 64 if case.batch == 64 else 256
        model = k.Sequential([k.Input((54,)), *(k.layers.Dense(width, "relu") for _ in range(2)), k.layers.Dense(7)])
    else:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))  # channels last, as Keras has pictures
        blocks = [
            layer
            for width in (16, 32)
            for layer in (k.layers.Conv2D(width, 3, padding="same", activation="relu"), k.layers.MaxPool2D())
        ]
        model = k.Sequential([k.Input((28, 28, 1)), *blocks, k.layers.Flatten(), k.layers.Dense(10)])
    model.compile(optimizer=k.optimizers.AdamW(1e-3), loss=k.losses.SparseCategoricalCrossentropy(from_logits=True))
    epochs = max(1, round(case.steps * case.batch / len(x)))
    start = clock()
    model.fit(x, y, batch_size=case.batch, epochs=epochs, verbose=0)
    return (clock() - start) / (epochs * -(-len(x) // case.batch))


def main() -> None:
    global clock
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peers", action="store_true", help="also Lightning, skorch and Keras, where installed")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--case", type=int, choices=(1, 2, 3), help="only this one")
    options = parser.parse_args()
    clock = CLOCKS[options.clock]
    torch.set_num_threads(1)
    ways = {"trainwell": trainwell, "best": best, "idiomatic": idiomatic, **(peers() if options.peers else {})}
    for case in cases() if options.case is None else [cases()[options.case - 1]]:
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(options.rounds + 1):
            first = turn % len(ways)
            for name in [*list(ways)[first:], *list(ways)[:first]]:
                torch.manual_seed(turn)
                taken = ways[name](case)
                if turn:  # the first round warms up
                    seconds[name].append(taken)
        print(f"\n{case.name} ({options.rounds} rounds of {case.steps} steps, {options.clock} clock)")
        for name, taken in seconds.items():
            ratios = sorted(t / own for t, own in zip(taken, seconds["trainwell"], strict=True))
            low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
            middle = 1e6 * statistics.median(taken)
            against = f"{statistics.median(ratios):5.2f}x of trainwell's ({low:.2f} to {high:.2f})"
            print(f"  {name:10} {middle:9.0f} us a step   {against}")


if __name__ == "__main__":
    main()
