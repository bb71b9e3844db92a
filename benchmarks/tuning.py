"""Tuning as stacks against one by one: the same candidates and epochs through plain Optuna and a hand-written loop.

    python benchmarks/tuning.py [--trials 64] [--epochs 10] [--rounds 3] [--clock cpu] [--idiomatic] [--data FOLDER]

Candidates differ in rate, decay, dropout and width (one of two) on california_housing. `plain` is Optuna's ask and tell around
a loop with the data in memory, batches as slices of one gather per epoch, and fused AdamW; with `--idiomatic` around
`DataLoader(TensorDataset)` and the default AdamW. All of them train the same candidates on the same encoded rows, score the
validation rows after every epoch, and keep the best; `trainwell` also keeps its runs on disk, as it does for users. Ratios are
taken within a round, in which every way runs once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.study.tune import tune
from trainwell.study.tuning.sampling import propose
from trainwell.study.tuning.space import read_space

Params = dict[str, Any]
Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


def cpu() -> float:
    """Seconds of computing, of this process and of those that it started and that have ended."""
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": cpu}


@dataclass(frozen=True)
class Task:
    """What every way trains."""

    data: Data
    recipe: Recipe
    space: dict[str, str]
    candidates: list[Params]
    epochs: int
    rows_per_update: int
    trials_at_once: int
    threads: int


def make(options: argparse.Namespace) -> Task:
    recipe = Recipe(
        target="median_house_value",
        model={"name": "mlp", "depth": 2},
        metrics=["rmse"],
        optimizer="adamw",
        schedule="constant",
        batch_size=options.rows,
        epochs=options.epochs,
        early_stopping=0,
        threads=options.threads or "auto",
        compile="off",
    )
    space = {
        "learning_rate": "3e-4..3e-2:log",
        "weight_decay": "1e-6..1e-1:log",
        "model.dropout": "0..0.5",
        "model.width": options.widths,
    }
    ready = read_space(space, recipe)
    candidates = [propose(ready, "random", number=i, seed=options.seed) for i in range(options.trials)]
    data = load(Path(options.data) / "california_housing" / "housing.csv", recipe=recipe)
    threads = options.threads or len(os.sched_getaffinity(0))
    return Task(data, recipe, space, candidates, options.epochs, options.rows, options.batch or options.trials, threads)


def trainwell(task: Task, seed: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        found = tune(
            task.recipe,
            task.data,
            task.space,
            method="random",
            trials=len(task.candidates),
            batch=task.trials_at_once,
            confirm=0,
            seed=seed,
            folder=folder,
        )
    assert seed or [found.trials.sort("number")[key].to_list() for key in task.space] == [
        [candidate[key] for candidate in task.candidates] for key in task.space
    ], "the candidates must be the same"
    return found.score


def plain(task: Task, seed: int) -> float:
    return _through_optuna(task, seed, lambda x, y: _slices(task, x, y), fused=True)


def idiomatic(task: Task, seed: int) -> float:
    def loader(x: torch.Tensor, y: torch.Tensor) -> Batches:
        return iter(DataLoader(TensorDataset(x, y), batch_size=task.rows_per_update, shuffle=True))

    return _through_optuna(task, seed, loader, fused=False)


def _slices(task: Task, x: torch.Tensor, y: torch.Tensor) -> Batches:
    order = torch.randperm(len(x))
    x, y = x[order], y[order]
    for start in range(0, len(x) - task.rows_per_update + 1, task.rows_per_update):
        rows = slice(start, start + task.rows_per_update)
        yield x[rows], y[rows]


def _through_optuna(task: Task, seed: int, batches: Callable[[torch.Tensor, torch.Tensor], Batches], *, fused: bool) -> float:
    """The candidates one after another, asked for and told as Optuna's tutorial shows."""
    torch.set_num_threads(task.threads)
    study = optuna.create_study(direction="minimize")
    for candidate in task.candidates:
        study.enqueue_trial(candidate)
    for number in range(len(task.candidates)):
        trial = study.ask()
        params = {
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 3e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
            "model.dropout": trial.suggest_float("model.dropout", 0, 0.5),
            "model.width": trial.suggest_categorical("model.width", sorted({c["model.width"] for c in task.candidates})),
        }
        torch.manual_seed(1000 * seed + number)
        study.tell(trial, _train(task, params, batches, fused=fused))
    return float(study.best_value)


def _train(task: Task, params: Params, batches: Callable[[torch.Tensor, torch.Tensor], Batches], *, fused: bool) -> float:
    """The best validation RMSE over the epochs."""
    x, y = _rows(task.data, "train")
    x_valid, y_valid = _rows(task.data, "valid")
    width, drop = params["model.width"], params["model.dropout"]
    layers = [nn.Linear(x.shape[1], width), nn.ReLU(), nn.Dropout(drop), nn.Linear(width, width), nn.ReLU(), nn.Dropout(drop)]
    network = nn.Sequential(*layers, nn.Linear(width, 1))
    rate, decay = params["learning_rate"], params["weight_decay"]
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay, fused=fused or None)
    best = float("inf")
    for _ in range(task.epochs):
        network.train()
        for inputs, target in batches(x, y):
            optimizer.zero_grad(set_to_none=True)
            F.mse_loss(network(inputs), target).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            answers = task.data.preparation.decode_values(network(x_valid).numpy())
        best = min(best, float(np.sqrt(np.mean((answers - y_valid) ** 2))))
    return best


def _rows(data: Data, part: str) -> tuple[torch.Tensor, Any]:
    """Encoded inputs, categories as unit vectors; targets scaled for training, in their own unit for validation."""
    rows = data.rows[part]
    pieces = [torch.from_numpy(np.asarray(data.arrays["number"][rows]))]
    category = data.shape.of_kind("category")
    if category is not None:
        codes = torch.from_numpy(np.asarray(data.arrays["category"][rows])).long()
        pieces += [F.one_hot(codes[:, i], n).float() for i, n in enumerate(category.cardinalities)]
    target = np.asarray(data.arrays["target"][rows])
    return torch.cat(pieces, dim=1), torch.from_numpy(target) if part == "train" else data.preparation.decode_values(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("TRAINWELL_DATA", "../shared/data"))
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rows", type=int, default=256, help="rows per update")
    parser.add_argument("--widths", default="64,128")
    parser.add_argument("--batch", type=int, default=0, help="candidates trained at once; 0 is all")
    parser.add_argument("--threads", type=int, default=1, help="0 lets trainwell measure, and gives the others all cores")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--idiomatic", action="store_true", help="also with DataLoader and default AdamW")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    clock = CLOCKS[options.clock]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    task = make(options)
    ways = {"trainwell": trainwell, "plain": plain, **({"idiomatic": idiomatic} if options.idiomatic else {})}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(options.rounds):
        for name, way in ways.items():
            start = clock()
            best = way(task, options.seed)
            seconds[name].append(clock() - start)
            print(f"round {turn + 1}  {name:10} {seconds[name][-1]:8.1f} s   best validation RMSE {best:,.0f}")
    for name in ways:
        ratios = [t / own for t, own in zip(seconds[name], seconds["trainwell"], strict=True)]
        print(f"{name:10} {statistics.median(ratios):6.2f}x of trainwell's time ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
