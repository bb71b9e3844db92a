"""Progress of many trainings on stderr: one bar over all of them, or a line at every tenth where there is no terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from trainwell.core.i18n import spoken


class StudyProgress:
    """An observer of many runs, trained together or one after another; use it as a context.

    Args:
        title: what is trained, in a few words.
        runs: how many there will be.
    """

    def __init__(self, title: str, runs: int) -> None:
        self.title, self.runs = spoken(title), runs
        self.console = Console(stderr=True)
        self._share: list[float] = []
        self._steps: list[int] = []
        self._place: dict[int, int] = {}
        self._said = 0
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> StudyProgress:
        if self.console.is_terminal:
            columns = [
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TimeRemainingColumn(),
                TextColumn(spoken("left")),
            ]
            self._bar = Progress(*columns, console=self.console)
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=1.0)
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, row: dict[str, Any]) -> None:
        number = int(row.get("run", 0))
        if row["split"] == "plan":
            # A number that comes again is another run: members that need each other are trained one after another.
            self._place[number] = len(self._share)
            self._share.append(0.0)
            self._steps.append(max(1, int(row["steps"])))
        elif number in self._place and "step" in row:
            place = self._place[number]
            self._share[place] = row["step"] / self._steps[place]
        self._show()

    def done(self) -> float:
        """Share of all steps that were made."""
        return min(1.0, sum(self._share) / max(self.runs, len(self._share)))

    def _show(self) -> None:
        done = self.done()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, description=spoken(f"{self.title}: {len(self._share)} of {self.runs}"))
        elif int(10 * done) > self._said:
            self._said = int(10 * done)
            sys.stderr.write(f"{self.title}: {10 * self._said}%\n")
            sys.stderr.flush()
