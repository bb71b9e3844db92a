"""A folder of very many small pictures: listed, decoded once, and opened again from the cache.

    python benchmarks/pictures.py make FOLDER --pictures 100000     # PNG, 32 x 32, ten class folders, from a seed
    python benchmarks/pictures.py run FOLDER                        # seconds and memory of each stage

The stages of `run`: reading the folder, loading it for the first time (headers, decoding, hashes, splits), and once more. Each
load is a process of its own. The cache is a temporary folder beside FOLDER.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image


def make(folder: Path, pictures: int) -> None:
    draw = np.random.Generator(np.random.Philox(0))
    started = time.process_time()
    for label in range(10):
        (folder / f"class-{label}").mkdir(parents=True, exist_ok=True)
    for number in range(pictures):
        coarse = draw.integers(0, 256, (4, 4, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((32, 32), Image.Resampling.BILINEAR)
        picture.save(folder / f"class-{number % 10}" / f"{number:07}.png", compress_level=1)
    print(f"{pictures:,} pictures in {time.process_time() - started:.0f} s of CPU")


def load(folder: Path, profile: bool) -> None:
    from trainwell.data.load import load as read
    from trainwell.data.readers.read import read as read_folder

    wall, cpu = time.perf_counter(), time.process_time()
    found = len(read_folder(str(folder)))
    listed, wall, cpu = (time.perf_counter() - wall, time.process_time() - cpu), time.perf_counter(), time.process_time()
    profiler = cProfile.Profile() if profile else None
    data = profiler.runcall(read, str(folder)) if profiler else read(str(folder))
    loaded = time.perf_counter() - wall, time.process_time() - cpu
    if profiler:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(
        json.dumps({"pictures": found, "listed": listed, "loaded": loaded, "peak": peak, "shape": data.arrays["picture"].shape})
    )


def run(folder: Path, profile: bool) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:
        for turn in ("first", "again"):
            command = [sys.executable, __file__, "load", str(folder), *(["--profile"] if profile else [])]
            done = subprocess.run(command, env=os.environ | {"TRAINWELL_CACHE": cache}, stdout=subprocess.PIPE, check=True)
            said = json.loads(done.stdout.splitlines()[-1])
            print(f"{turn}: {said['pictures']:,} pictures as {said['shape'][1:]}; seconds wall and CPU:", end=" ")
            print(
                *(f"{stage} {said[stage][0]:.1f} {said[stage][1]:.1f}," for stage in ("listed", "loaded")),
                f"{said['peak']:.2f} GB",
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "run", "load"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    if asked.what == "make":
        make(asked.folder, asked.pictures)
    else:
        {"run": run, "load": load}[asked.what](asked.folder, asked.profile)


if __name__ == "__main__":
    main()
