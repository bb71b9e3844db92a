"""Proof of exact resume: train once undisturbed and once killed at random instants, and compare the final weights."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from trainwell.core.errors import CheckpointError, TrainingError, TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import read_recipe, write_recipe
from trainwell.data.load import load
from trainwell.train.checkpoint import checkpoints, read_checkpoint
from trainwell.train.fit import fit

#: Imported once by the server that children are forked from, so that kills hit training and not the loading of torch.
_PRELOADED = ["trainwell.train.fit", "trainwell.data.load", "torch._dynamo", "sklearn.datasets"]


def _train(source: str, folder: Path, seed: int, save_every: float) -> None:
    recipe = read_recipe(folder.parent / "recipe.yaml")
    try:
        fit(recipe, load(source, recipe=recipe), seed=seed, folder=folder, save_every=save_every)
    except TrainwellError as error:
        raise SystemExit(f"error: {error}") from None  # one sentence on stderr, and exit code 1


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
        whole, torn = Path(name) / "whole", Path(name) / "torn"
        write_recipe(recipe, Path(name) / "recipe.yaml")
        start = time.monotonic()
        _run(_process(source, whole, seed, 20.0))
        say(f"undisturbed training: {time.monotonic() - start:.1f} s")
        start = time.monotonic()
        _copy_plan(whole, torn)
        _run(_process(source, torn, seed, save_every))
        length = time.monotonic() - start
        _forget_progress(torn)
        make = partial(_process, source, torn, seed, save_every)
        done, damaged = _kill_often(make, torn, kills=kills, length=length, random_seed=seed, say=say)
        _run(make())
        hashes = [hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest() for folder in (whole, torn)]
        return Verification(hashes[0] == hashes[1], done, damaged, *hashes)


def _process(source: str, folder: Path, seed: int, save_every: float) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context.Process(target=_train, args=(source, folder, seed, save_every))


def _copy_plan(whole: Path, torn: Path) -> None:
    """The plan (threads, memory order) is measured anew by every run; both trainings must follow the same one."""
    torn.mkdir()
    for part in ("plan.json", "recipe.yaml", "source.json"):
        (torn / part).write_bytes((whole / part).read_bytes())


def _run(process: BaseProcess) -> None:
    process.start()
    process.join()
    if process.exitcode != 0:
        raise TrainingError(f"the training failed by itself (exit code {process.exitcode}); its message stands above")


def _kill_often(
    make: Callable[[], BaseProcess], folder: Path, *, kills: int, length: float, random_seed: int, say: Callable[[str], None]
) -> tuple[int, int]:
    """Kill at instants spread over the whole training: a run that reaches its end between two kills starts over."""
    draw, damaged, done = random.Random(random_seed), 0, 0
    while done < kills:
        process = make()
        process.start()
        process.join(timeout=draw.uniform(0.0, 0.5) * length)
        if not process.is_alive():
            _forget_progress(folder)
            continue
        process.kill()
        process.join()
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
