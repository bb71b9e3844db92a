"""Trackers on the command line: `--tracker mlflow`, and what they are given when everything is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from trainwell.cli.output import note
from trainwell.core.errors import UsageError
from trainwell.core.torchrun import is_follower

if TYPE_CHECKING:
    from trainwell.evaluate.evaluation import Evaluation
    from trainwell.train.run import Run
    from trainwell.train.trackers.tracker import Tracker

Trackers = Annotated[
    list[str] | None,
    typer.Option("--tracker", help='Write the run down in tensorboard, mlflow or wandb, too: "NAME KEY=VALUE"; repeatable.'),
]

#: Files of a run folder that are written after the training.
LATER = ("evaluation.json", "report.html", "MODEL_CARD.md")


@contextmanager
def tracked(texts: list[str] | None) -> Iterator[list[Tracker]]:
    """The trackers that one typed, open until the command is done; none in a process that follows another."""
    with ExitStack() as stack:
        if not texts or is_follower():
            yield []
            return
        from trainwell.train.trackers.registry import tracker_of

        yield [stack.enter_context(tracker_of(text)) for text in texts]


def keep(trackers: Sequence[Tracker], run: Run, evaluation: Evaluation | None) -> None:
    """Give the trackers what came after the training: scores with names such as `test/accuracy`, the report, a model."""
    folder = run.folder
    if evaluation is None or folder is None or not trackers:
        return
    scores = {f"{evaluation.part}/{name}": found.value for name, found in evaluation.scores.items()}
    for tracker in trackers:
        tracker.keep(scores, [folder / name for name in LATER if (folder / name).exists()])
        if tracker.wants_model:
            _keep_model(tracker, run)


def _keep_model(tracker: Tracker, run: Run) -> None:
    """The run as a model that MLflow serves, where it answers rows."""
    from trainwell.ship.mlflow_model import mlflow_model

    with TemporaryDirectory() as place:
        try:
            tracker.keep({}, [mlflow_model(run, Path(place) / "model")])
        except UsageError as refused:  # pictures that are made, texts that are written
            note(f"no model is kept in MLflow: {refused}")
