"""The doctor beside a game: it reads the history line by line and tells what goes wrong; it measures nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainwell.core.history import History
from trainwell.doctor.examine import diagnose
from trainwell.doctor.finding import Finding
from trainwell.train.fit_doctor import forget, tell_new
from trainwell.train.job import Ending, Observer


class Umpire:
    """Who watches a generator and a critic; an observer of the training whose findings the others are told.

    Args:
        history: the run's own; read, never written.
        signs: where findings go.
        observers: told of findings, as rows with `split="finding"`.
    """

    def __init__(self, history: History, signs: History, observers: Sequence[Observer]) -> None:
        self.history, self.signs, self.observers = history, signs, observers
        self._told: set[str] = set()

    @property
    def findings(self) -> list[Finding]:
        """Every finding so far, causes before symptoms."""
        return diagnose([{"split": "facts", "step": 0, "task": "generation"}, *self.history.rows, *self.signs.rows])

    def __call__(self, row: dict[str, Any]) -> None:
        """A line of the history was written."""
        if row["split"] == "plan":
            forget(self.signs, int(row["step"]))
            if not self.signs.rows:
                self.signs.add(split="facts", step=0, task="generation")
        if row["split"] == "valid":
            self.tell()

    def tell(self) -> None:
        """Tell the observers of findings that are new."""
        tell_new(self.findings, self._told, self.signs, self.observers)

    def close(self, step: int, ending: Ending | None) -> list[Finding]:
        """The training is over after `step` updates; returns all findings."""
        self.signs.add(split="end", step=step, status=ending)
        self.tell()
        return self.findings
