"""Runs in Weights & Biases, offline unless one asks for its servers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainwell.core.recipe import Recipe
from trainwell.train.trackers.registry import trackers
from trainwell.train.trackers.tracker import Tracker, demand, known_name, measurements, remember_name, words_of


@trackers.register
def wandb(*, project: str = "trainwell", mode: str = "") -> Tracker:
    """Runs in Weights & Biases: measurements by step, the recipe as configuration, the run's files.

    Offline, the files lie in the run folder's `wandb/` until `wandb sync` sends them. A continued run keeps its name there.

    Args:
        project: name of the project.
        mode: `offline`, `online`, `disabled`; empty is `WANDB_MODE`, else `offline`, so that nothing is sent unasked.

    Raises:
        MissingExtra: the extra `wandb` is not installed.

    Example:
        >>> tracker = wandb(project="iris")
        >>> tracker.mode
        'offline'
    """
    demand("wandb", "wandb")
    return WandB(project, mode or os.environ.get("WANDB_MODE", "offline"))


class WandB(Tracker):
    """What `wandb` returns.

    Args:
        project: name of the project.
        mode: offline, online, disabled.
    """

    def __init__(self, project: str, mode: str) -> None:
        self.project, self.mode = project, mode
        self.run: Any = None

    def begin(self, recipe: Recipe, folder: Path | None) -> None:
        import wandb as library

        self.known = known_name(folder, "wandb") is not None
        self.run = library.init(
            project=self.project,
            mode=self.mode,  # type: ignore[arg-type]  # checked by the library
            dir=str(folder) if folder is not None else None,
            name=folder.name if folder is not None else None,
            id=known_name(folder, "wandb"),
            resume="allow",
            config=words_of(recipe),
            settings=library.Settings(silent=True, console="off"),
        )
        self.run.define_metric("*", step_metric="step")  # a continued run measures some steps again
        remember_name(folder, "wandb", self.run.id)

    def __call__(self, row: dict[str, Any]) -> None:
        measured = measurements(row)
        if measured:
            self.run.log({"step": row["step"], **measured})

    def keep(self, scores: Mapping[str, float], files: Sequence[Path]) -> None:
        for name, value in scores.items():
            self.run.summary[name] = value
        for path in files:
            shutil.copy(path, self.run.dir)

    def close(self, status: str) -> None:
        if self.run is not None:
            self.run.summary["status"] = status
            self.run.finish(exit_code=0 if status not in ("interrupted", "not finite", "failed") else 1)
