"""What the study's questions cost, as ratios to one training of the same recipe, and how often they give a false alarm.

    python benchmarks/study.py folds [--rounds 3] [--clock cpu] [--rows 5000] [--repeats 3]
    python benchmarks/study.py bagging [--members 16] | ablation [--repeats 5] | aa [--studies 40] | fashion [--repeats 8]

`folds`: 5-fold cross-validation, repeated, of the dense network with its default settings on rows of a table. `bagging`:
members on bootstrap samples, and what they score together. `ablation`: ten tricks in a small network, leave-one-out. `aa`: a
recipe compared with itself many times; the share of verdicts other than "cannot tell". `fashion`: an ablation of tricks on
pictures. Ratios are taken within a round, in which both sides run, after a round that warms up; `--clock cpu` counts the time
of all processes, for machines that others use.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from trainwell.core.recipe import Recipe
from trainwell.core.stats import wilson_interval
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.study.ablate import ablate
from trainwell.study.compare import compare
from trainwell.study.cross_validate import cross_validate
from trainwell.study.ensemble.make import ensemble
from trainwell.train.fit import fit

#: Tricks of the ablations: ten that have a place in a table, or in pictures.
TABLE_TRICKS = ["normalisation", "activation", "dropout", "initialisation", "batch size", "rate schedule", "weight decay"]
TABLE_TRICKS += ["max-norm", "clipping", "label smoothing"]
PICTURE_TRICKS = ["augmentation", *TABLE_TRICKS[:-1]]


def cpu() -> float:
    """Seconds of computing, of this process and of those that it started and that have ended."""
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": cpu}


def rows_of(options: argparse.Namespace, rows: int) -> Data:
    """So many rows of a table."""
    if options.table == "telco":
        found = pl.read_csv(Path(options.data) / "telco_churn" / "Telco-Customer-Churn.csv")
        return load(found.sample(rows, seed=0), target="Churn")
    names = [f"column_{i}" for i in range(14)] + ["income"]
    path = Path(options.data) / "adult" / "adult-train.csv"
    found = pl.read_csv(path, has_header=False, new_columns=names, null_values=[" ?", "?"])
    return load(found.sample(rows, seed=0), target="income")


def timed(options: argparse.Namespace, what: Callable[[str], object]) -> tuple[float, object]:
    clock = CLOCKS[options.clock]
    with tempfile.TemporaryDirectory() as folder:
        start = clock()
        found = what(folder)
        return clock() - start, found


def ratios(options: argparse.Namespace, one: Callable[[str], object], many: Callable[[str], object]) -> None:
    found = []
    for turn in range(options.rounds + 1):  # the first one warms up
        alone, _ = timed(options, one)
        together, result = timed(options, many)
        found += [together / alone] if turn else []
        print(
            f"round {turn}: one {alone:.1f} s, all {together:.1f} s, {together / alone:.2f}x ({options.clock} clock)",
            flush=True,
        )
    print(result)
    print(f"all / one: {statistics.median(found):.2f}x (rounds {min(found):.2f} to {max(found):.2f})")


def folds(options: argparse.Namespace) -> None:
    data, recipe = rows_of(options, options.rows), Recipe(model="mlp", threads=options.threads)
    ratios(
        options,
        lambda folder: fit(recipe, data, folder=f"{folder}/one"),
        lambda folder: cross_validate(recipe, data, folds=5, repeats=options.repeats, folder=folder),
    )


def bagging(options: argparse.Namespace) -> None:
    data, recipe = (
        rows_of(options, options.rows),
        Recipe(model={"name": "mlp", "width": options.width}, threads=options.threads),
    )
    ratios(
        options,
        lambda folder: fit(recipe, data, folder=f"{folder}/one"),
        lambda folder: ensemble(recipe, data, members=options.members, how="bagging", folder=folder),
    )


def small(options: argparse.Namespace) -> Recipe:
    model = {"name": "mlp", "width": options.width}
    return Recipe(model=model, epochs=options.epochs, batch_size=64, early_stopping=0, threads=options.threads)


def ablation(options: argparse.Namespace) -> None:
    data, recipe = rows_of(options, options.rows), small(options)
    ratios(
        options,
        lambda folder: fit(recipe, data, folder=f"{folder}/one"),
        lambda folder: ablate(recipe, data, tricks=TABLE_TRICKS, repeats=options.repeats, alone=False, folder=folder),
    )


def aa(options: argparse.Namespace) -> None:
    """A recipe against itself: each study has splits and seeds of its own, and its second side other draws."""
    words, data = [], rows_of(options, options.rows)
    for number in range(options.studies):
        recipe = small(options).but(target=data.recipe.target, split__test_seed=number)
        found = compare(recipe, recipe, data, repeats=8).false_alarms
        words.append(found.verdict.word if found else "")
        print(number + 1, words[-1], flush=True)
    alarms = sum(word != "cannot tell" for word in words)
    print(f"cannot tell in {wilson_interval(len(words) - alarms, len(words))} of the studies")


def fashion(options: argparse.Namespace) -> None:
    """An ablation of the network that the recipe offers for pictures."""
    folder = Path(options.data) / "fashion_mnist"
    files = [gzip.decompress((folder / f"train-{kind}-ubyte.gz").read_bytes()) for kind in ("images-idx3", "labels-idx1")]
    pictures = np.frombuffer(files[0], np.uint8, offset=16).reshape(-1, 28, 28)[: options.rows]
    labels = np.frombuffer(files[1], np.uint8, offset=8)[: options.rows]
    data, recipe = load((pictures, labels)), Recipe(preset="quick", epochs=options.epochs, threads=options.threads)
    seconds, found = timed(
        options, lambda to: ablate(recipe, data, tricks=PICTURE_TRICKS, repeats=options.repeats, alone=False, folder=to)
    )
    print(found)
    print(f"{seconds / 60:.1f} minutes ({options.clock} clock)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=["folds", "bagging", "ablation", "aa", "fashion"])
    parser.add_argument("--data", default=os.environ.get("TRAINWELL_DATA", "../shared/data"))
    parser.add_argument("--table", choices=["telco", "adult"], default="telco")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=lambda text: text if text == "auto" else int(text), default=1)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    {"folds": folds, "bagging": bagging, "ablation": ablation, "aa": aa, "fashion": fashion}[options.case](options)


if __name__ == "__main__":
    main()
