"""A table of a million rows and thirty columns: read, prepared, and one epoch of a dense network; time and peak memory.

python benchmarks/million.py [--rows 1000000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.train.fit import fit


def write_table(path: Path, rows: int) -> None:
    """Twenty numbers, nine categories with empty cells, and a class, as CSV."""
    draw = np.random.default_rng(0)
    table: dict[str, object] = {f"number_{i}": draw.normal(size=rows).round(4) for i in range(20)}
    table |= {f"category_{i}": draw.choice(["", *(f"label {k}" for k in range(4 + 4 * i))], rows) for i in range(9)}
    score = table["number_0"] + table["number_1"] + draw.normal(size=rows)  # type: ignore[operator]
    pl.DataFrame(table | {"class": np.where(score > 0, "yes", "no")}).write_csv(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.csv"
        write_table(path, rows)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        recipe = Recipe(target="class", model="mlp", epochs=1, batch_size=1024, metrics=["accuracy"])
        data = load(path, recipe=recipe)
        loaded = time.perf_counter()
        run = fit(recipe, data)
        done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{rows:,} rows: read and prepared in {loaded - start:.1f} s, one epoch in {done - loaded:.1f} s")
    print(f"peak memory {peak / 2**20:.2f} GB (of which writing the file took {before / 2**20:.2f} GB); {run}")


if __name__ == "__main__":
    main()
