"""Examine a history: run every rule, put causes before symptoms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from trainwell.core.atomic import write_json
from trainwell.core.history import History
from trainwell.doctor.causes import in_order
from trainwell.doctor.chart import Chart
from trainwell.doctor.finding import Finding
from trainwell.doctor.pages import pages
from trainwell.doctor.registry import diagnoses

FILE = "findings.json"


class Examined(Protocol):
    """A run as the doctor sees it."""

    @property
    def folder(self) -> Path | None: ...
    @property
    def history(self) -> History: ...
    @property
    def signs(self) -> History: ...
    @property
    def status(self) -> str: ...


def diagnose(rows: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Every finding in a history's rows, causes before symptoms; empty when nothing is wrong.

    Args:
        rows: as the doctor's chart describes them; incomplete ones only silence the rules that need what is missing.

    Example:
        >>> [f.code for f in diagnose([{"split": "facts", "bad_cells": 1, "bad_row": 3, "bad_column": 0}])]
        ['TW001']
    """
    chart = Chart(rows)
    found = [named for page in pages().values() if (named := _apply(page.name, chart)) is not None]
    return in_order(found, chart)


def _apply(name: str, chart: Chart) -> Finding | None:
    found: Finding | None = diagnoses[name](chart)
    if found is None:
        return None
    page = next(p for p in pages().values() if p.name == name)
    return replace(found, code=page.code, name=name, remedy=found.remedy or page.remedy)


def examine(run: Examined) -> list[Finding]:
    """What the doctor finds in a run, causes before symptoms; kept as `findings.json` in its folder.

    Args:
        run: a run of `fit`, or whatever has a history, the doctor's own measurements, a folder and a status.

    Returns:
        Findings, the cause to begin with first; an empty list when nothing is wrong.

    Example:
        >>> import trainwell as tw
        >>> run = tw.fit(tw.Recipe(epochs=2, preset="quick"), tw.load("iris"))
        >>> [f.code for f in tw.examine(run) if f.severity == "error"]
        []
    """
    rows: Sequence[Mapping[str, Any]] = [*run.history.rows, *run.signs.rows]
    ended = run.status != "interrupted" and not any(r.get("split") == "end" for r in rows)
    last = max((int(r.get("step", 0)) for r in rows), default=0)
    end = [{"split": "end", "step": last, "status": run.status}] if ended else []
    findings = diagnose([*rows, *end])
    if run.folder is not None:
        write_findings(findings, run.folder)
    return findings


def write_findings(findings: Sequence[Finding], folder: Path) -> Path:
    """Write findings as JSON into a run folder; returns the file."""
    path = folder / FILE
    write_json(path, [f.to_dict() for f in findings], ensure_ascii=False, default=str)
    return path


def read_findings(folder: Path) -> list[Finding]:
    """The findings kept in a run folder; none when it was never examined."""
    path = folder / FILE
    return [Finding.from_dict(f) for f in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []
