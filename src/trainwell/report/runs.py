"""Runs below a folder, best first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from trainwell.core.errors import TrainwellError
from trainwell.core.i18n import spoken
from trainwell.report.numbers import short
from trainwell.train.run import Run


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """One entry per run folder below `folder`: where, how it ended, steps, seconds, validation and test scores.

    Runs watched by the same score stand together, the best first; unfinished ones last.

    Raises:
        TrainwellError: there is no such folder.
    """
    if not folder.is_dir():
        raise TrainwellError("there is no such folder", where=str(folder), remedy="Give the folder that holds the runs.")
    found = [entry_of(path.parent) for path in sorted(folder.rglob("plan.json"))]
    return sorted(found, key=lambda e: (e["score"] is None, e["monitor"], worse(e)))


def worse(entry: dict[str, Any]) -> float:
    """A number that is higher the worse the score; NaN is the worst."""
    score = entry["score"]
    if not isinstance(score, float) or score != score:
        return float("inf")
    return -score if entry["higher_is_better"] else score


def entry_of(folder: Path) -> dict[str, Any]:
    """What `list_runs` says of the run in a folder."""
    plan = json.loads((folder / "plan.json").read_text())
    outcome = _json(folder / "run.json")
    evaluation = _json(folder / "evaluation.json")
    return {
        "run": str(folder),
        "status": outcome.get("status", "interrupted"),
        "monitor": plan["monitor"],
        "score": outcome.get("valid", {}).get(plan["monitor"]),
        "higher_is_better": plan["higher_is_better"],
        "primary": evaluation.get("primary"),
        "test": {name: found["value"] for name, found in evaluation.get("scores", {}).items()},
        "steps": outcome.get("steps", 0),
        "seconds": outcome.get("seconds"),
        "seed": plan["seed"],
    }


def _json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def show_runs(found: list[dict[str, Any]]) -> None:
    """Print runs as a table."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("run", "status", "validation", "test", "steps", "time"):
        table.add_column(spoken(heading), overflow="fold", justify="right" if heading in ("steps", "time") else "left")
    for entry in found:
        score = "" if entry["score"] is None else f"{entry['monitor']} {short(entry['score'])}"
        test = f"{entry['primary']} {short(entry['test'][entry['primary']])}" if entry["primary"] else ""
        took = "" if entry["seconds"] is None else f"{entry['seconds']:.0f} s"
        table.add_row(entry["run"], spoken(entry["status"]), score, test, f"{entry['steps']:,}", took)
    Console().print(table if found else spoken("no runs here"))


def differences(a: Run, b: Run) -> dict[str, tuple[Any, Any]]:
    """What differs between two runs: keys of the recipe, the seed, the data, and the test scores that both have."""
    found: dict[str, tuple[Any, Any]] = a.recipe.diff(b.recipe)
    found |= {"seed": (a.plan.seed, b.plan.seed)} if a.plan.seed != b.plan.seed else {}
    if a.plan.data != b.plan.data:
        found["data"] = (a.plan.data[:12], b.plan.data[:12])
    ours, theirs = (entry_of(run.folder)["test"] if run.folder else {} for run in (a, b))
    return found | {f"test {name}": (ours[name], theirs[name]) for name in ours if name in theirs}


def show_differences(found: dict[str, tuple[Any, Any]], names: tuple[str, str], *, console: Console | None = None) -> None:
    """Print what differs between two runs."""
    out = console or Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", *names):
        table.add_column(heading, overflow="fold")
    for key, pair in found.items():
        table.add_row(key, *(short(v) if isinstance(v, float) else str(v) for v in pair))
    if found:
        out.print(table, "")
