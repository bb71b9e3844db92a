"""From a CSV file to encoded arrays: trainwell against reading alone and against a scikit-learn pipeline.

    python benchmarks/prepare.py --rows 1000000 --repeats 5

The table is like the UCI adult data: six number and eight category columns. The ways are timed in turn (interleaved), each by
wall clock and by process CPU time, and compared by medians. `load` does far more than encode: split, duplicates, leaks, drift,
the card; `encode` is what a fitted preparation does with new rows, the like of scikit-learn's `transform`.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from timeit import repeat

import numpy as np
import polars as pl

from trainwell.core.recipe import Recipe
from trainwell.data.build import build
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.data.source import Source

NUMBERS = {"age": 73, "fnlwgt": 300_000, "education_num": 16, "capital_gain": 99_999, "capital_loss": 4_356, "hours": 99}
LABELS = {
    "workclass": 8,
    "education": 16,
    "marital": 7,
    "occupation": 14,
    "relationship": 6,
    "race": 5,
    "sex": 2,
    "country": 41,
}


def write_table(path: Path, rows: int) -> None:
    """A table like adult, with 1% of the workclass cells empty."""
    draw = np.random.Generator(np.random.Philox(0))
    columns: dict[str, pl.Series] = {}
    for name, top in NUMBERS.items():
        zeros = draw.random(rows) < (0.9 if name.startswith("capital") else 0)
        columns[name] = pl.Series(np.where(zeros, 0, draw.integers(1, top + 1, rows)))
    for name, count in LABELS.items():
        labels = pl.Series([f" {name}-label-{i}".strip() for i in range(count)])
        columns[name] = labels.gather(np.minimum(draw.geometric(0.3, rows) - 1, count - 1))
    columns["workclass"] = columns["workclass"].set(pl.Series(draw.random(rows) < 0.01), None)
    columns["income"] = pl.Series(["<=50K", ">50K"]).gather((draw.random(rows) < 0.24).astype(np.int64))
    pl.DataFrame(columns).write_csv(path)


def scikit_learn(frame: pl.DataFrame) -> Callable[[], object]:
    """Fit and transform of the usual pipeline on a frame that is already read."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder, QuantileTransformer

    table = frame.to_pandas()
    numbers = make_pipeline(SimpleImputer(strategy="median"), QuantileTransformer(output_distribution="normal"))
    labels = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    pipeline = ColumnTransformer([("number", numbers, list(NUMBERS)), ("label", labels, list(LABELS))])
    return lambda: pipeline.fit_transform(table)


def clocked(way: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall clock and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    way()
    return time.perf_counter() - wall, time.process_time() - cpu


def race(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each way, run in turn."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            times[name].append(clocked(way))
    return {name: (median(w for w, _ in runs), median(c for _, c in runs)) for name, runs in times.items()}


def one_row(data: Data) -> float:
    """Microseconds for one raw row."""
    row = data.source.frame.row(5, named=True)
    return min(repeat(lambda: data.preparation.encode_row(row), number=2_000, repeat=5)) / 2_000 * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "adult.csv"
        write_table(path, asked.rows)
        frame = pl.read_csv(path)
        data = build(Source(frame, "adult"), Recipe(target="income"))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        found = race(
            {
                "polars.read_csv alone": lambda: pl.read_csv(path),
                "trainwell encode (fitted)": lambda: data.preparation.encode(frame),
                "trainwell build (fit, checks, encode)": lambda: build(Source(frame, "adult"), Recipe(target="income")),
                "trainwell load (read and build)": lambda: load(str(path), target="income"),
                "scikit-learn fit_transform": scikit_learn(frame),
            },
            asked.repeats,
        )
        reading = found["polars.read_csv alone"]
        print(f"{asked.rows:,} rows, medians of {asked.repeats}; peak memory before the race {peak:.2f} GB")
        print(f"{'':40}{'wall s':>8}{'CPU s':>8}{'Mrows/s':>9}{'read/this, CPU':>16}")
        for name, (wall, cpu) in found.items():
            print(f"{name:40}{wall:8.3f}{cpu:8.3f}{asked.rows / wall / 1e6:9.2f}{reading[1] / cpu:16.2f}")
        whole = reading[1] + found["trainwell encode (fitted)"][1]
        print(f"read and encode: {reading[1] / whole:.0%} of the rate of reading alone (CPU)")
        sklearn, ours = found["scikit-learn fit_transform"], found["trainwell build (fit, checks, encode)"]
        print(f"scikit-learn / build: {sklearn[1] / ours[1]:.1f}x (CPU), {sklearn[0] / ours[0]:.1f}x (wall)")
        print(f"one raw row of {len(NUMBERS) + len(LABELS)} columns: {one_row(data):.1f} µs")


if __name__ == "__main__":
    main()
