"""A table larger than memory: 10 GB in 50 Parquet files, prepared and trained under a limit of memory.

    python benchmarks/streamed.py make FOLDER            # 20 million rows of 64 columns from a seed; some minutes, some GB
    python benchmarks/streamed.py run FOLDER             # scan with plain Polars, prepare, train; memory and rows/s of each
    python benchmarks/streamed.py run FOLDER --steps 500 --memory 5GB

`run` takes each stage in a process of its own, so that the peaks of memory do not mix. Memory is the peak of the resident set,
pages of mapped files among it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

FILES, ROWS = 50, 400_000
FLOATS, ROUNDED, WHOLE, LABELS = 20, 24, 12, 7


def write_file(path: Path, number: int, rows: int) -> int:
    """One file of the table; returns the bytes of its cells. The target depends on a handful of columns."""
    draw = np.random.Generator(np.random.Philox(number))
    columns: dict[str, np.ndarray | pl.Series] = {f"x{i:02}": draw.normal(size=rows) for i in range(FLOATS)}
    columns |= {f"r{i:02}": draw.gamma(2, 3, rows).round(3) for i in range(ROUNDED)}
    columns |= {f"n{i:02}": draw.geometric(1 / (i + 2), rows) for i in range(WHOLE)}
    for i in range(LABELS):
        labels = pl.Series([f"label-{i}-{k}" for k in range(10 * (i + 1))])
        columns[f"c{i}"] = labels.gather(draw.integers(0, len(labels), rows))
    score = columns["x00"] * columns["x01"] + columns["r00"] / 6 - 1 + draw.normal(size=rows) / 2
    columns["y"] = pl.Series(["no", "yes"]).gather((score > 0).astype(np.int64))
    frame = pl.DataFrame(columns)
    frame.write_parquet(path, compression="zstd", compression_level=1)
    return int(frame.estimated_size())


def make(folder: Path, files: int, rows: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    size = sum(write_file(folder / f"part-{number:03}.parquet", number, rows) for number in range(files))
    disk = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    print(f"{files * rows:,} rows in {files} files: {size / 1e9:.2f} GB of cells, {disk / 1e9:.2f} GB on disk")


def scan(folder: Path, _: int) -> dict[str, float]:
    """Plain Polars looks at every cell once."""
    lazy = pl.scan_parquet(folder / "*.parquet")
    started = time.perf_counter()
    rows = lazy.select(pl.len(), pl.all().exclude("^.*_len$").hash().sum().name.suffix("_seen")).collect(engine="streaming")
    return {"rows": int(rows["len"][0]), "seconds": time.perf_counter() - started}


def prepare(folder: Path, _: int) -> dict[str, float]:
    from trainwell.data.load import load

    started = time.perf_counter()
    data = load(str(folder), target="y")
    took = time.perf_counter() - started
    if os.environ.get("SHOW_CARD"):
        print(data.card, file=sys.stderr)
    return {"rows": len(data), "seconds": took, "mapped": float(isinstance(data.arrays["number"], np.memmap))}


def train(folder: Path, steps: int) -> dict[str, float]:
    from trainwell.core.recipe import Recipe
    from trainwell.data.load import load
    from trainwell.train.fit import fit

    started = time.perf_counter()
    recipe = Recipe(target="y", model="mlp", batch_size=1024, steps=steps)
    data = load(str(folder), recipe=recipe)
    opened = time.perf_counter() - started
    run = fit(recipe, data, seed=0)
    seconds = float(run.summary["seconds"])
    return {"rows": int(run.summary["steps"]) * 1024, "seconds": seconds, "opened_seconds": opened}


def stage(name: str, folder: Path, asked: argparse.Namespace) -> dict[str, float]:
    """A stage in a process of its own, with its peak of memory."""
    command = [sys.executable, __file__, name, str(folder), "--steps", str(asked.steps)]
    done = subprocess.run(command, env=os.environ | {"TRAINWELL_MEMORY": asked.memory}, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    rate = found["rows"] / found["seconds"]
    print(
        f"{name:8} {found['seconds']:8.1f} s wall {found['cpu']:8.1f} s CPU {rate:12,.0f} rows/s {found['peak']:6.2f} GB peak",
        flush=True,
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "run", "scan", "prepare", "train"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of one file")
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--memory", default="5GB", help="what trainwell may use")
    asked = parser.parse_args()
    if asked.what == "make":
        make(asked.folder, asked.files, asked.rows)
    elif asked.what == "run":
        polars, ours, trained = (stage(name, asked.folder, asked) for name in ("scan", "prepare", "train"))
        print(f"prepare / scan: {ours['cpu'] / polars['cpu']:.1f}x CPU; opened again in {trained['opened_seconds']:.1f} s")
    else:
        found = {"scan": scan, "prepare": prepare, "train": train}[asked.what](asked.folder, asked.steps)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps(found | {"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024 / 1e9}))


if __name__ == "__main__":
    main()
