"""However a training ends, no tracker is left saying that it runs; and many trainings are no run of one tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from train.small import numbers
from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.train.fit import fit
from trainwell.train.many import fit_many
from trainwell.train.trackers.tracker import Tracker

from .runs import HOW


class Notebook(Tracker):
    """A tracker that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def begin(self, recipe: Recipe, folder: Path | None) -> None:
        self.said.append("begin")

    def __call__(self, row: dict[str, Any]) -> None:
        pass

    def keep(self, scores: Mapping[str, float], files: Sequence[Path]) -> None:
        self.said.append("keep")

    def close(self, status: str) -> None:
        self.said.append(status)


def raising(error: BaseException) -> Callable[[dict[str, Any]], None]:
    """An observer that raises at the first validation."""

    def observe(row: dict[str, Any]) -> None:
        if row["split"] == "valid":
            raise error

    return observe


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("broken"), "failed"), (KeyboardInterrupt(), "interrupted")], ids=["error", "Ctrl-C"]
)
def test_a_training_that_raises_closes_its_trackers(error: BaseException, status: str) -> None:
    notebook = Notebook()
    with pytest.raises(type(error)):
        fit(HOW, numbers(), observers=[notebook, raising(error)])
    assert notebook.said == ["begin", status]


def test_a_tracker_that_is_held_is_closed_once() -> None:
    with pytest.raises(ValueError, match="broken"), Notebook() as notebook:
        fit(HOW, numbers(), observers=[notebook, raising(ValueError("broken"))])
    assert notebook.said == ["begin", "failed"]


def test_many_trainings_are_refused_in_a_sentence() -> None:
    notebook = Notebook()
    with pytest.raises(UsageError, match="trainwell board"):
        fit_many(HOW, numbers(), seeds=[0, 1], observers=[notebook])
    assert notebook.said == []
