"""Proof of exact resume: train once undisturbed and once killed at random instants, and compare the final weights."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainwell.core.errors import CheckpointError, TrainingError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import write_recipe
from trainwell.train.checkpoint import checkpoints, read_checkpoint

#: Trains as a process of its own, so that it can be killed like any other.
_CHILD = """
import sys
from pathlib import Path
from trainwell.core.recipe_file import read_recipe
from trainwell.data.load import load
from trainwell.train.fit import fit
source, recipe, folder, seed, save_every = sys.argv[1:]
recipe = read_recipe(recipe)
fit(recipe, load(source, recipe=recipe), seed=int(seed), folder=Path(folder), save_every=float(save_every))
"""


@dataclass(frozen=True)
class Verification:
    """What the kills did.

    Args:
        same: whether both trainings ended with the same weights, bit by bit.
        kills: how often the process was killed while it trained.
        damaged: newest checkpoints that a kill had made unusable.
        undisturbed: SHA-256 of the weights of the undisturbed training.
        disturbed: SHA-256 of the weights of the killed one.
    """

    same: bool
    kills: int
    damaged: int
    undisturbed: str
    disturbed: str

    def __str__(self) -> str:
        verdict = "the same bits" if self.same else "DIFFERENT WEIGHTS"
        return f"{verdict} after {self.kills} kills ({self.damaged} damaged checkpoints); SHA-256 {self.undisturbed[:16]}"


def verify(
    source: str, recipe: Recipe, *, kills: int = 5, seed: int = 0, save_every: float = 0.05, say: Callable[[str], None] = print
) -> Verification:
    """Train `source` undisturbed, then again with SIGKILL at `kills` random instants, and compare.

    Args:
        source: what `load` takes, as text.
        recipe: how to train.
        kills: number of kills; each is followed by a restart that resumes.
        seed: seed of the training and of the random instants.
        save_every: seconds between checkpoints; short, so that kills also hit checkpoints being written.
        say: called with one line per event.

    Raises:
        TrainingError: a training failed by itself.
    """
    with tempfile.TemporaryDirectory(prefix="trainwell-verify-") as name:
        folder = Path(name)
        write_recipe(recipe, folder / "recipe.yaml")
        arguments = [sys.executable, "-c", _CHILD, source, str(folder / "recipe.yaml")]
        start = time.monotonic()
        _run([*arguments, str(folder / "whole"), str(seed), "20"])
        length = time.monotonic() - start
        say(f"undisturbed training: {length:.1f} s")
        # The plan (threads, memory order) is measured anew by every run; both trainings must follow the same one.
        (folder / "torn").mkdir()
        for part in ("plan.json", "recipe.yaml", "source.json"):
            (folder / "torn" / part).write_bytes((folder / "whole" / part).read_bytes())
        disturbed = [*arguments, str(folder / "torn"), str(seed), str(save_every)]
        done, damaged = _kill_often(disturbed, folder / "torn", kills=kills, length=length, random_seed=seed, say=say)
        _run(disturbed)
        hashes = [
            hashlib.sha256((folder / part / "weights.safetensors").read_bytes()).hexdigest() for part in ("whole", "torn")
        ]
        return Verification(hashes[0] == hashes[1], done, damaged, *hashes)


def _run(command: list[str]) -> None:
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        raise TrainingError(f"the training failed: {outcome.stderr.strip().splitlines()[-1]}")


def _kill_often(
    command: list[str], folder: Path, *, kills: int, length: float, random_seed: int, say: Callable[[str], None]
) -> tuple[int, int]:
    draw, damaged, done = random.Random(random_seed), 0, 0
    while done < kills:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=draw.uniform(0.2, 1.1) * length)
            say(f"it ended before kill {done + 1}: starting over")
            _forget_progress(folder)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            done += 1
            damaged += _damaged(folder)
            newest = checkpoints(folder / "checkpoints")
            say(f"kill {done}: newest checkpoint {newest[0].stem if newest else 'none yet'}")
    return done, damaged


def _damaged(folder: Path) -> int:
    """Of the newest two checkpoints, how many cannot be read."""
    bad = 0
    for path in checkpoints(folder / "checkpoints")[:2]:
        try:
            read_checkpoint(path)
        except CheckpointError:
            bad += 1
    return bad


def _forget_progress(folder: Path) -> None:
    for path in [*checkpoints(folder / "checkpoints"), folder / "history.jsonl", folder / "weights.safetensors"]:
        path.unlink(missing_ok=True)
