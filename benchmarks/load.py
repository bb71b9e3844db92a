"""Loading a large CSV against plain `polars.read_csv` of the same file, in turn in one run.

    python benchmarks/load.py [--rows 1000000] [--rounds 5] [--profile]

`adult`: rows of the UCI adult data drawn again and again, their ages, weights and hours jittered so that few rows are equal.
`numbers`: 54 number columns (20 of decimals, 34 of whole numbers) and a class, with a third of the rows. `load` reads, types,
cleans, splits, fits the preparation on train rows, encodes all rows and writes the card. Ratios are taken within a round; above
0.5 means that loading keeps half the rate of reading alone. `--profile` shows where one `load` spends its time.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from trainwell.data.load import load

ADULT = Path(os.environ.get("TRAINWELL_DATA", "../shared/data")) / "adult" / "adult-train.csv"
JITTER = {"age": 2, "fnlwgt": 3_000, "hours-per-week": 2}


def adult(rows: int, draw: np.random.Generator) -> pl.DataFrame:
    """Real rows, drawn with replacement and jittered."""
    seen = load(str(ADULT), target="income").source.frame
    frame = seen[draw.integers(0, len(seen), rows)]
    noise = {name: pl.Series(draw.integers(-width, width + 1, rows)) for name, width in JITTER.items()}
    return frame.with_columns((pl.col(name) + step).abs() for name, step in noise.items())


def numbers(rows: int, draw: np.random.Generator) -> pl.DataFrame:
    """54 columns of numbers and a class."""
    decimals = {f"decimal_{i}": draw.normal(size=rows).round(4) * (i + 1) for i in range(20)}
    whole = {f"whole_{i}": draw.integers(0, (2, 50, 3_000, 1_000_000)[i % 4], rows) for i in range(34)}
    return pl.DataFrame(decimals | whole | {"kind": draw.integers(1, 8, rows)})


def race(path: Path, target: str, rounds: int) -> list[tuple[float, float, float, float]]:
    """Wall and CPU seconds of reading, and of loading, per round; the first round warms up."""
    found = []
    for _ in range(rounds + 1):
        marks = [(time.perf_counter(), time.process_time())]
        for way in (lambda: pl.read_csv(path), lambda: load(path, target=target)):
            way()
            marks.append((time.perf_counter(), time.process_time()))
        (a, b), (c, d), (e, f) = marks
        found.append((c - a, d - b, e - c, f - d))
    return found[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    draw = np.random.Generator(np.random.Philox(0))
    tables = {"numbers": (numbers(asked.rows // 3, draw), "kind")}
    if ADULT.exists():
        tables = {"adult": (adult(asked.rows, draw), "income")} | tables
    with tempfile.TemporaryDirectory() as folder:
        for name, (frame, target) in tables.items():
            path = Path(folder) / f"{name}.csv"
            frame.write_csv(path)
            rounds = race(path, target, asked.rounds)
            wall, cpu = (sorted(read / whole for read, whole in pairs) for pairs in _pairs(rounds))
            middle = [statistics.median(column) for column in zip(*rounds, strict=True)]
            print(
                f"{name}: {len(frame):,} rows, {frame.width} columns, {path.stat().st_size / 1e6:.0f} MB, {asked.rounds} rounds"
            )
            print(f"  read_csv  {middle[0]:6.2f} s wall {middle[1]:6.2f} s CPU")
            print(f"  load      {middle[2]:6.2f} s wall {middle[3]:6.2f} s CPU")
            for clock, ratios in (("wall", wall), ("CPU", cpu)):
                print(f"  rate of load / rate of read_csv, {clock}: {statistics.median(ratios):.2f}", end="")
                print(f" ({ratios[0]:.2f} to {ratios[-1]:.2f})")
            if asked.profile:
                profiled(path, target)


def _pairs(rounds: list[tuple[float, float, float, float]]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    return [(r[0], r[2]) for r in rounds], [(r[1], r[3]) for r in rounds]


def profiled(path: Path, target: str) -> None:
    """The functions in which one `load` spends most."""
    with cProfile.Profile() as profile:
        load(path, target=target)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
