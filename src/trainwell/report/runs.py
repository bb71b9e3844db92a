"""Runs below a folder, best first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from trainwell.core.errors import TrainwellError


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """One entry per run folder below `folder`: where, how it ended, steps, seconds, validation and test scores.

    Runs watched by the same score stand together, the best first; unfinished ones last.

    Raises:
        TrainwellError: there is no such folder.
    """
    if not folder.is_dir():
        raise TrainwellError("there is no such folder", where=str(folder), remedy="Give the folder that holds the runs.")
    found = [_entry(path.parent) for path in sorted(folder.rglob("plan.json"))]
    return sorted(found, key=lambda e: (e["monitor"], e["score"] is None, -(e["score"] or 0.0) * e["sign"]))


def _entry(folder: Path) -> dict[str, Any]:
    plan = json.loads((folder / "plan.json").read_text())
    outcome = _json(folder / "run.json")
    evaluation = _json(folder / "evaluation.json")
    valid = outcome.get("valid", {})
    return {
        "run": str(folder),
        "status": outcome.get("status", "interrupted"),
        "monitor": plan["monitor"],
        "score": valid.get(plan["monitor"]),
        "sign": 1 if plan["higher_is_better"] else -1,
        "test": {name: s["value"] for name, s in evaluation.get("scores", {}).items()},
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
    table = Table(pad_edge=False)
    for heading in ("run", "status", "validation", "test", "steps", "time"):
        table.add_column(heading, overflow="fold")
    for entry in found:
        score = "" if entry["score"] is None else f"{entry['monitor']} {entry['score']:.4g}"
        test = "  ".join(f"{name} {value:.4g}" for name, value in list(entry["test"].items())[:2])
        took = "" if entry["seconds"] is None else f"{entry['seconds']:.0f} s"
        table.add_row(entry["run"], entry["status"], score, test, str(entry["steps"]), took)
    Console().print(table if found else "no runs here")
