"""Curves that grow while a network trains in a notebook."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainwell.core.i18n import spoken
from trainwell.core.recipe import Recipe
from trainwell.report.findings import in_words
from trainwell.report.markup import Markup, el, join
from trainwell.report.numbers import short
from trainwell.report.shown import boxed, curves
from trainwell.train.trackers.tracker import Tracker, measurements

#: Seconds between two drawings.
EVERY = 0.5


class LiveCurves(Tracker):
    """An observer that draws loss and scores into the cell that trains, in one place that is drawn over.

    A cell that is run again starts afresh; when the training has ended, the last drawing stays and says how it ended.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.told: list[str] = []
        self.step, self.steps, self.monitor, self.name = 0, 0, "loss", ""
        self.drawn, self.handle = 0.0, None

    def begin(self, recipe: Recipe, folder: Path | None) -> None:
        self.monitor = recipe.monitor
        self.name = recipe.model.name.rpartition(":")[2] + (f" → {folder}" if folder is not None else "")

    def __call__(self, row: dict[str, Any]) -> None:
        if row["split"] == "plan":
            self.step, self.steps = row["step"], row["steps"]
        elif row["split"] == "note":
            self.told.append(f"{spoken('note:')} {spoken(row['text'])}")
        elif row["split"] == "finding":
            self.told.append(f"{row['code']} {row['name']}: {in_words(row)}")
        else:
            self.rows.append(row)
            self.step = row["step"]
        if time.monotonic() - self.drawn > EVERY:
            self._draw(self._line("training"))

    def _line(self, status: str) -> str:
        """Where it is: `mlp: training, step 30 of 200, loss 0.42, accuracy 0.81`."""
        scores = next((measurements(row) for row in reversed(self.rows) if row["split"] == "valid"), {})
        said = [f"{spoken(name.partition('/')[2])} {short(value)}" for name, value in scores.items()]
        return ", ".join([f"{self.name}: {spoken(status)}", spoken(f"step {self.step:,} of {self.steps:,}"), *said])

    def _draw(self, line: str) -> None:
        from IPython.display import HTML, display

        told = [el("p", text) for text in self.told]
        drawn = curves(self.rows, self.monitor) if self.rows else Markup("")
        page = HTML(boxed(join(el("p", line), drawn, *told)))
        if self.handle is None:
            self.handle = display(page, display_id=True)
        else:
            self.handle.update(page)
        self.drawn = time.monotonic()

    def keep(self, scores: Mapping[str, float], files: Sequence[Path]) -> None:
        """Nothing: the run shows its scores itself."""

    def close(self, status: str) -> None:
        self._draw(self._line(status))
