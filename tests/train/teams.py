"""Trainings in several processes, started as a user starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from trainwell.core.history import History
from trainwell.train.checkpoint import checkpoints, step_of

FIXED = ["threads=1", "memory_format=contiguous", "optimizer=adamw", "learning_rate=1e-3", "early_stopping=0", "ema=0"]
FIXED += ["validate_every=25", "doctor=off"]
#: Trains like `trainwell fit SOURCE FOLDER STEP KEY=VALUE…`, with a checkpoint every 0.2 seconds; an observer stops it at STEP.
PROGRAM = """
import sys
from trainwell.cli.arguments import recipe_from
from trainwell.data.load import load
from trainwell.train.fit import fit

recipe = recipe_from(sys.argv[4:])
stop = lambda row: row.get("step", 0) >= int(sys.argv[3])
run = fit(recipe, load(sys.argv[1], recipe=recipe), folder=sys.argv[2], save_every=0.2, observers=[stop])
sys.exit(128 + run.signal if run.signal else 0)
"""


def start(folder: Path, source: str, *words: str, processes: int, stop_at: int = 10**9) -> subprocess.Popen[str]:
    """A training in so many processes."""
    program = folder.parent / "program.py"
    program.write_text(PROGRAM)
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    command = [sys.executable, *torchrun, str(program), source, str(folder), str(stop_at), *FIXED, *words]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def finish(process: subprocess.Popen[str]) -> str:
    words = process.communicate(timeout=240)[1]
    assert process.returncode == 0, words
    return words


def losses(folder: Path) -> np.ndarray:
    return np.array(History(folder / "history.jsonl").column("loss", split="train"))


def table(path: Path, rows: int) -> str:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, 6))
    frame = pl.DataFrame(dict(zip("abcdef", x.T, strict=True)) | {"y": np.where(x.sum(1) > 0, "yes", "no")})
    frame.write_csv(path)
    return str(path)


def wait_for_a_checkpoint(folder: Path, *, after: int = 0) -> None:
    for _ in range(1200):
        if any(step_of(path) > after for path in checkpoints(folder / "checkpoints")):
            return
        time.sleep(0.05)
    raise AssertionError("no checkpoint was written within a minute")


def workers_of(pid: int) -> list[int]:
    """The processes that this one started, in their order."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True)
    return sorted(int(word) for word in found.stdout.split())
