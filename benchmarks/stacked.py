"""Many networks as one program, against the same networks one after the other; all ways in turn, in one run.

    python benchmarks/stacked.py [--rounds 7] [--case tiny16] [--clock cpu]

`best` is a hand-written loop with the data in memory and fused AdamW, `idiomatic` is `DataLoader(TensorDataset)` with AdamW as
everybody writes it; both train the members one by one. `fit_many` is the whole call: it compiles, measures the ways, chooses,
traces, trains, validates and keeps histories. `stack` is the steps of one stack alone, on one thread. Ratios are taken within
a round, so that drift of the machine cancels. `--clock cpu` counts seconds of this process alone, for a busy machine; then
`fit_many` may not use other processes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import wrap
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import Program, compile_program
from trainwell.train.fit import repeatable
from trainwell.train.many import fit_orders
from trainwell.train.stack.batches import StackBatches
from trainwell.train.stack.engine import StackEngine
from trainwell.train.units import Order

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Dense(nn.Sequential):
    """54 numbers, two hidden layers with dropout, 7 classes, as everybody writes them; trainwell trains its own `mlp`."""

    def __init__(self, width: int = 64, dropout: float = 0.0) -> None:
        hidden = [nn.Linear(54, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*hidden, nn.Linear(width, 7))


class Convolutions(nn.Sequential):
    """Pictures of 28x28 through three convolutions."""

    def __init__(self, width: int = 16, dropout: float = 0.0) -> None:
        def block(n_in: int, n_out: int) -> list[nn.Module]:
            return [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]

        layers = [*block(1, width), *block(width, 2 * width), *block(2 * width, 2 * width)]
        super().__init__(*layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(2 * width * 9, 7))


class Recurrent(nn.Module):
    """Sequences of 32 steps of 8 numbers through a recurrent layer of 64 units."""

    def __init__(self, kind: str = "GRU", dropout: float = 0.0) -> None:
        super().__init__()
        self.layer = getattr(nn, kind)(8, 64, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(64, 7))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.layer(x.view(-1, 32, 8))[0][:, -1])
        return out


@dataclass(frozen=True)
class Case:
    """Networks that differ in rate, decay, dropout and seed."""

    name: str
    network: type[nn.Module]
    options: dict[str, Any]
    shape: tuple[int, ...]
    members: int
    batch: int
    steps: int
    threads: int = 1

    def member(self, i: int) -> dict[str, float]:
        return {"rate": 1e-3 * 1.1**i, "decay": 1e-3 * i, "dropout": 0.02 * (i % 16)}

    def build(self, i: int) -> nn.Module:
        return self.network(**self.options, dropout=self.member(i)["dropout"])


CASES = {
    "tiny16": Case("16 dense 54-64-64-7, batch 64", Dense, {"width": 64}, (54,), 16, 64, 2000),
    "tiny64": Case("64 dense 54-64-64-7, batch 64", Dense, {"width": 64}, (54,), 64, 64, 1000),
    "wide16": Case("16 dense 54-256-256-7, batch 256, 2 threads", Dense, {"width": 256}, (54,), 16, 256, 400, 2),
    "cnn8": Case("8 CNNs 28x28, 3 convolutions, batch 32", Convolutions, {}, (1, 28, 28), 8, 32, 120),
    "gru8": Case("8 GRUs, 32 steps, 64 units, batch 32", Recurrent, {"kind": "GRU"}, (256,), 8, 32, 150),
    "lstm8": Case("8 LSTMs, 32 steps, 64 units, batch 32", Recurrent, {"kind": "LSTM"}, (256,), 8, 32, 150),
}


class Bench:
    """The ways of training a case; each gives the seconds of one step of all members."""

    def __init__(self, case: Case, clock: Callable[[], float], workers: int | str) -> None:
        self.case, self.clock, self.workers = case, clock, workers
        torch.manual_seed(0)
        rows = 20_000 if len(case.shape) == 1 else 4_000
        self.x = torch.randn(rows, *case.shape)
        self.y = (self.x.flatten(1)[:, :7] * 3 + torch.randn(rows, 7)).argmax(1)
        self.data: Data = wrap((self.x.numpy(), self.y.numpy()), recipe=self.recipe(0))

    def recipe(self, i: int) -> Recipe:
        case, own = self.case, self.case.member(i)
        name = "mlp" if case.network is Dense else f"__main__:{case.network.__name__}"
        model = {"name": name, **case.options, "dropout": own["dropout"]}
        return Recipe(
            model=model, learning_rate=own["rate"],
            weight_decay=own["decay"], batch_size=case.batch, steps=case.steps, optimizer="adamw", schedule="cosine",
            loss="cross_entropy", label_smoothing=0.0, metrics=["accuracy"], augment=[], compile="off", early_stopping=0,
            split={"test": 0.0, "valid": 0.02, "how": "random"}, validate_every=case.steps, prepare={"scale": "none"},
        )  # fmt: skip

    def best(self) -> float:
        case, seconds = self.case, 0.0
        per_epoch = len(self.x) // case.batch
        torch.set_num_threads(case.threads)
        for i in range(case.members):
            torch.manual_seed(i)
            network, own = case.build(i), case.member(i)
            optimizer = torch.optim.AdamW(network.parameters(), lr=own["rate"], weight_decay=own["decay"], fused=True)
            start = self.clock()
            for step in range(self.turns):
                position = step % per_epoch
                if position == 0:
                    order = torch.randperm(len(self.x))
                    x, y = self.x[order], self.y[order]
                rows = slice(position * case.batch, (position + 1) * case.batch)
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(network(x[rows]), y[rows]).backward()
                optimizer.step()
            seconds += self.clock() - start
        return seconds / self.turns

    @property
    def turns(self) -> int:
        """Steps of each member that the slow ways make; a fraction tells as much as all."""
        return max(40, self.case.steps // self.case.members)

    def idiomatic(self) -> float:
        case, seconds = self.case, 0.0
        torch.set_num_threads(case.threads)
        for i in range(case.members):
            torch.manual_seed(i)
            network, own, loss_function = case.build(i), case.member(i), nn.CrossEntropyLoss()
            optimizer = torch.optim.AdamW(network.parameters(), lr=own["rate"], weight_decay=own["decay"])
            loader = iter(DataLoader(TensorDataset(self.x, self.y), batch_size=case.batch, shuffle=True))
            start = self.clock()
            for _ in range(min(self.turns, len(self.x) // case.batch)):
                x, y = next(loader)
                optimizer.zero_grad()
                loss = loss_function(network(x), y)
                loss.backward()
                optimizer.step()
            seconds += (self.clock() - start) / min(self.turns, len(self.x) // case.batch)
        return seconds

    def orders(self) -> list[Order]:
        return [(self.recipe(i), i) for i in range(self.case.members)]

    def stack(self) -> float:
        with repeatable():
            torch.set_num_threads(1)
            programs: list[Program] = [compile_program(r, self.data, seed=s) for r, s in self.orders()]
            batches = StackBatches([build_batches(p) for p in programs])
            engine = StackEngine(programs, batches)
            rates = [1e-3] * self.case.members
            start = self.clock()
            for step in range(self.case.steps):
                engine.step(*batches[step], rates=rates, number=step)
            return (self.clock() - start) / self.case.steps

    def fit_many(self) -> float:
        start = self.clock()
        runs = fit_orders(self.orders(), self.data, workers=self.workers)  # type: ignore[arg-type]
        taken = self.clock() - start
        self.why = runs[0].plan.machine.why
        return taken / self.case.steps


def measure(bench: Bench, rounds: int, ways: list[str]) -> None:
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        for way in ways:
            taken = getattr(bench, way)()
            if turn:  # the first round warms up
                seconds[way].append(taken)
    print(f"\n{bench.case.name} ({rounds} rounds of {bench.case.steps} steps)")
    for way, taken in seconds.items():
        print(f"  {way:10} {1e6 * statistics.median(taken):9.0f} us a step of all members" + against(seconds, way))
    print(f"  {getattr(bench, 'why', '')}", flush=True)


def against(seconds: dict[str, list[float]], way: str) -> str:
    """How many times faster than the hand-written loops, with quartiles."""
    if way in ("best", "idiomatic"):
        return ""
    told = []
    for other in ("best", "idiomatic"):
        ratios = sorted(theirs / own for theirs, own in zip(seconds[other], seconds[way], strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        told.append(f"{statistics.median(ratios):.2f}x of {other} ({low:.2f} to {high:.2f})")
    return ", faster by " + ", ".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    workers = "auto" if options.clock == "wall" else 1
    ways = ["best", "idiomatic", "stack", "fit_many"]
    for name in options.case or CASES:
        measure(Bench(CASES[name], CLOCKS[options.clock], workers), options.rounds, ways)


if __name__ == "__main__":
    main()
