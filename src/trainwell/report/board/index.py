"""The runs below a folder, as they are now: what was read stays in memory until its files change."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainwell.core.errors import TrainwellError
from trainwell.core.history import read_rows
from trainwell.report.runs import entry_of, worse

#: Files of a run that change while it trains and when it ends.
_CHANGING = ("plan.json", "run.json", "evaluation.json", "history.jsonl")
#: A run without an end whose history was written to within this many seconds is at work.
STILL = 90.0


@dataclass(frozen=True)
class Entry:
    """One run, in short.

    Args:
        name: its path below the folder.
        folder: where it lies.
        status: as `Run.status`, or `running`.
        about: as `list_runs` gives it.
        curve: the watched score, or the loss, at every validation.
        epoch: where the training is.
        changed: time of the last change.
    """

    name: str
    folder: Path
    status: str
    about: dict[str, Any]
    curve: tuple[float, ...]
    epoch: float
    changed: float


class Index:
    """The runs below a folder.

    Args:
        root: the folder; members of ensembles and runs of studies below it are runs, too.

    Raises:
        TrainwellError: there is no such folder.

    Example:
        >>> import tempfile
        >>> import trainwell as tw
        >>> root = Path(tempfile.mkdtemp())
        >>> run = tw.fit(tw.Recipe(epochs=2, preset="quick"), tw.load("iris"), folder=root / "a")
        >>> [(entry.name, entry.status) for entry in Index(root).entries()]
        [('a', 'finished')]
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise TrainwellError("there is no such folder", where=str(root), remedy="Give the folder that holds the runs.")
        self.root = root
        self._known: dict[str, tuple[tuple[int, ...], Entry]] = {}

    def entries(self) -> list[Entry]:
        """Every run: those at work first, then the best of each watched score."""
        found: dict[str, tuple[tuple[int, ...], Entry]] = {}
        for folder in _run_folders(self.root):
            name = Path(folder).relative_to(self.root).as_posix()
            stamp = _stamp(folder)
            known = self._known.get(name)
            fresh = known if known is not None and known[0] == stamp else self._read(name, Path(folder), stamp)
            if fresh is not None:
                found[name] = fresh
        self._known = found
        return sorted((_now(entry) for _, entry in found.values()), key=_order)

    def _read(self, name: str, folder: Path, stamp: tuple[int, ...]) -> tuple[tuple[int, ...], Entry] | None:
        try:
            about = entry_of(folder)
            history = folder / "history.jsonl"
            rows = read_rows(history)[0] if history.exists() else []
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # being made, taken away, or damaged
            return None
        valid = [row for row in rows if row.get("split") == "valid"]
        watched = about["monitor"] if any(about["monitor"] in row for row in valid) else "loss"
        curve = tuple(float(row[watched]) for row in valid if watched in row)
        epoch = max((float(row.get("epoch", 0.0)) for row in rows), default=0.0)
        return stamp, Entry(name, folder, about["status"], about, curve, epoch, max(stamp) / 1e9)

    def one(self, name: str) -> Entry | None:
        """The run of a name that `entries` gave; nothing else is ever opened."""
        return next((entry for entry in self.entries() if entry.name == name), None)


def _run_folders(root: Path) -> Iterator[str]:
    """Folders with a plan; what lies inside a run is not looked at."""
    for place, folders, files in os.walk(root):
        if "plan.json" in files:
            folders.clear()
            yield place


def _stamp(folder: str) -> tuple[int, ...]:
    found = []
    for name in _CHANGING:
        try:
            told = os.stat(os.path.join(folder, name))
        except FileNotFoundError:
            found += [0, 0]
        else:
            found += [told.st_mtime_ns, told.st_size]
    return tuple(found)


def _now(entry: Entry) -> Entry:
    """A run that has not ended and was written to a moment ago is running."""
    ended = (entry.folder / "run.json").exists() if entry.status == "interrupted" else True
    running = not ended and time.time() - entry.changed < STILL
    return Entry(**{**vars(entry), "status": "running"}) if running else entry


def _order(entry: Entry) -> tuple[Any, ...]:
    about = entry.about
    return entry.status != "running", about["score"] is None, about["monitor"], worse(about), entry.name


def recipe_text(folder: Path) -> str:
    """The recipe of a run as it was written."""
    path = folder / "recipe.yaml"
    return path.read_text(encoding="utf-8") if path.exists() else ""
