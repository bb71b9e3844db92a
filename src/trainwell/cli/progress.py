"""Progress of a training on stderr: a bar with rate, remaining time and scores, or plain lines where there is no terminal."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from trainwell.core.i18n import spoken
from trainwell.report.findings import in_words
from trainwell.report.numbers import short

#: How severities are written.
STYLES = {"error": "bold red", "warning": "bold yellow", "advice": "cyan"}


class TrainingProgress:
    """An observer that shows a run; use it as a context.

    Args:
        title: what is trained, in a few words.
    """

    def __init__(self, title: str) -> None:
        self.title = spoken(title)
        self.console = Console(stderr=True)
        self._steps, self._loss = 0, math.nan
        self._scores: dict[str, float] = {}
        self._recent: deque[tuple[float, int]] = deque(maxlen=20)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> TrainingProgress:
        if self.console.is_terminal:
            columns = [
                TextColumn("{task.description}"),
                BarColumn(bar_width=BAR),
                TimeRemainingColumn(),
                TextColumn(spoken("left")),
            ]
            self._bar = Progress(*columns, TextColumn("{task.fields[shown]}"), console=self.console)
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=None, shown=spoken("measuring the machine …"))
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, row: dict[str, Any]) -> None:
        if row["split"] == "plan":
            self._begin(row)
        elif row["split"] == "note":
            self.console.print(f"{spoken('note:')} {spoken(row['text'])}", highlight=False)
        elif row["split"] == "finding":
            self._tell(row)
        elif row["split"] == "train":
            self._loss = row["loss"]
            self._recent.append((time.monotonic(), row["step"]))
            self._show(row)
        else:
            self._scores = {k: v for k, v in row.items() if k not in _PLACES and isinstance(v, float)}
            self._show(row)
            if self._bar is None:
                self._line(row)

    def _tell(self, row: dict[str, Any]) -> None:
        """What the doctor found, while the training goes on."""
        said = Text.assemble((row["code"], STYLES[row["severity"]]), f" {row['name']}: {in_words(row)}")
        self.console.print(said, highlight=False, soft_wrap=not self.console.is_terminal)

    def _begin(self, row: dict[str, Any]) -> None:
        self._steps = row["steps"]
        self.console.print(spoken(row["text"]), style="dim", highlight=False)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=self._steps, completed=row["step"])

    def _show(self, row: dict[str, Any]) -> None:
        if self._bar is not None and self._task is not None:
            first, *others = self._measured(digits=3)
            shown = fitting([*others[:1], first, *others[1:], *self._rate()], self.console.width - OTHERS)
            self._bar.update(self._task, completed=row["step"], description=spoken(f"epoch {row['epoch']:.1f}"), shown=shown)

    def _measured(self, digits: int) -> list[str]:
        """Training loss, then validation scores; the loss is empty before its first measurement."""
        train = "" if math.isnan(self._loss) else spoken(f"train loss {short(self._loss, digits=digits)}")
        scores = [(name, short(value, digits=digits)) for name, value in self._scores.items()]
        valid = [spoken(f"valid {name} {value}") for name, value in scores[:1]]
        return [train, *valid, *(f"{spoken(name)} {value}" for name, value in scores[1:])]

    def _rate(self) -> list[str]:
        if len(self._recent) < 2:
            return []
        (start, first), (end, last) = self._recent[0], self._recent[-1]
        return [spoken(f"{(last - first) / max(end - start, 1e-9):.0f} steps/s")]

    def _line(self, row: dict[str, Any]) -> None:
        where = f"{spoken('epoch')} {row['epoch']:7.2f}  {spoken('step')} {row['step']}/{self._steps}"
        best = ["*"] if row.get("best") else []
        sys.stderr.write("  ".join(text for text in [where, *self._measured(digits=4), *best] if text) + "\n")
        sys.stderr.flush()


def fitting(pieces: Sequence[str], room: int) -> str:
    """As many of the pieces, the first ones first, as fit into `room` characters.

    Example:
        >>> fitting(["loss 0.5", "accuracy 0.9", "90 steps/s"], room=24)
        'loss 0.5  accuracy 0.9'
    """
    said = [piece for piece in pieces if piece]
    return next((line for n in range(len(said), 0, -1) if cell_len(line := "  ".join(said[:n])) <= room), "")


#: Characters of the bar, and of everything but loss, scores and rate.
BAR, OTHERS = 16, 44
_PLACES = {"step", "epoch", "split", "best", "seconds", "learning_rate"}
