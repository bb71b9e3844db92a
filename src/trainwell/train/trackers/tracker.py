"""The one face of all trackers: an observer that is also told what was asked for, and what became of it."""

from __future__ import annotations

import importlib.util
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from trainwell.core.atomic import write_json
from trainwell.core.errors import MissingExtra
from trainwell.core.recipe import Recipe

#: Files of a run folder that a tracker keeps when the training has ended.
KEPT = ("recipe.yaml", "card.json", "findings.json", "run.json", "weights.safetensors")
#: Names by which trackers know a run that is continued.
NAMES = "trackers.json"
#: Places in a run; everything else that is a number is a measurement.
PLACES = {"step", "epoch", "seconds"}


class Tracker(ABC):
    """A place where measurements, recipe, scores and files of a run are written down beside its folder.

    Give it to `fit` as an observer. Used as a context it stays open, so that what is made later, such as scores on test rows
    and the report, can be kept with `keep`; otherwise `fit` closes it.
    """

    held = False
    #: How the run ended, as far as is known.
    status = "interrupted"
    #: Whether it can serve a model, and wants one when everything is done.
    wants_model = False
    #: Whether the run was there before: its measurements are not written down again.
    known = False

    @abstractmethod
    def begin(self, recipe: Recipe, folder: Path | None) -> None:
        """A training begins or goes on, under a recipe without `auto`."""

    @abstractmethod
    def __call__(self, row: dict[str, Any]) -> None:
        """A measurement, as observers get it."""

    @abstractmethod
    def keep(self, scores: Mapping[str, float], files: Sequence[Path]) -> None:
        """Scores of the whole run, and files or folders."""

    @abstractmethod
    def close(self, status: str) -> None:
        """Nothing more will come; `status` is that of the run: "finished", "interrupted", "not finite", …"""

    def __enter__(self) -> Self:
        self.held = True
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close(self.status)


@contextmanager
def tracking(observers: Sequence[Callable[..., Any]], recipe: Recipe, folder: Path | None) -> Iterator[None]:
    """Trackers are told what is trained; where the training raises, none is left saying that it runs."""
    try:
        begin_tracking(observers, recipe, folder)
        yield
    except BaseException as error:
        for tracker in observers:
            if isinstance(tracker, Tracker):
                tracker.status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
                if not tracker.held:
                    tracker.close(tracker.status)
        raise


def begin_tracking(observers: Sequence[Callable[..., Any]], recipe: Recipe, folder: Path | None) -> None:
    """Tell those observers that are trackers what is trained."""
    for tracker in observers:
        if isinstance(tracker, Tracker):
            tracker.begin(recipe, folder)


def end_tracking(observers: Sequence[Callable[..., Any]], folder: Path | None, summary: Mapping[str, Any]) -> None:
    """Give them the best validation scores and the files; close those that nobody holds open."""
    best = {f"best/{k}": v for k, v in summary.get("valid", {}).items() if isinstance(v, float) and k not in PLACES}
    files = [folder / name for name in KEPT if (folder / name).exists()] if folder is not None else []
    status = str(summary.get("status", "interrupted"))
    for tracker in observers:
        if isinstance(tracker, Tracker):
            tracker.keep(best | {"seconds": float(summary.get("seconds", 0.0))}, files)
            tracker.status = status
            if not tracker.held:
                tracker.close(status)


def track_finished(
    observers: Sequence[Callable[..., Any]],
    recipe: Recipe,
    folder: Path,
    rows: Sequence[dict[str, Any]],
    summary: Mapping[str, Any],
) -> None:
    """Write down a run that ended before, from its history."""
    begin_tracking(observers, recipe, folder)
    for tracker in observers:
        if isinstance(tracker, Tracker) and not tracker.known:
            for row in rows:
                tracker(row)
    end_tracking(observers, folder, summary)


def measurements(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a row of the history, as `train/loss`; empty for rows that measure nothing.

    Example:
        >>> measurements({"split": "valid", "step": 10, "epoch": 1.0, "loss": 0.5, "best": True})
        {'valid/loss': 0.5}
    """
    return {f"{row['split']}/{k}": v for k, v in row.items() if isinstance(v, float) and k not in PLACES}


def words_of(recipe: Recipe) -> dict[str, str]:
    """Every value of a recipe by its dotted key, as text."""
    return {key: str(value) for key, value in _flat(recipe.model_dump())}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def known_name(folder: Path | None, tracker: str) -> str | None:
    """What the tracker called the run in this folder when it began; None for a new one."""
    path = folder / NAMES if folder is not None else None
    return json.loads(path.read_text()).get(tracker) if path is not None and path.exists() else None


def remember_name(folder: Path | None, tracker: str, name: str) -> None:
    """Keep what the tracker calls the run, so that a continued one goes on under it."""
    if folder is None or known_name(folder, tracker) == name:
        return
    path = folder / NAMES
    known = json.loads(path.read_text()) if path.exists() else {}
    write_json(path, known | {tracker: name})


def demand(module: str, extra: str) -> None:
    """Refuse at once where a tracker's library is missing.

    Raises:
        MissingExtra: it is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingExtra(f"the tracker {extra} needs the extra {extra}", remedy=f'Run pip install "trainwell[{extra}]".')
