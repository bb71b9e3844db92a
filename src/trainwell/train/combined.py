"""Trained networks that answer together: averaged, or summed on top of a start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import UsageError
from trainwell.data.data import Data
from trainwell.data.preparation import Preparation
from trainwell.data.source import Source
from trainwell.score.decision import Decision
from trainwell.score.predictions import Predictions
from trainwell.train.answers import answers
from trainwell.train.raw_rows import as_source
from trainwell.train.run import Run


@dataclass(frozen=True)
class Combined:
    """Several runs with one answer.

    Args:
        members: finished runs; each sees raw rows through its own preparation.
        weights: what each counts; averages have weights that sum to 1.
        preparation: says what is predicted: classes or unit of the target.
        start: for sums: the score of every class, or the scaled value of every target, before the first member `(n_out,)`;
            None for averages.
    """

    members: tuple[Run, ...]
    weights: tuple[float, ...]
    preparation: Preparation
    start: np.ndarray | None = None

    def combine(self, outputs: Iterable[np.ndarray]) -> np.ndarray:
        """One answer from those of the members.

        Args:
            outputs: of each member in turn: probabilities `(N, n_out)`, values `(N, T)`, or for sums what each adds.

        Returns:
            Probabilities, or values in the target's own unit.
        """
        total: Any = None
        for weight, output in zip(self.weights, outputs, strict=True):
            part = weight * output
            total = part if total is None else total + part
        if self.start is None:
            return np.asarray(total)
        scores = self.start + total
        return softmax(scores) if self.preparation.classes else self.preparation.decode_values(scores)

    def predictions(self, data: Data, rows: np.ndarray) -> Predictions:
        """Answers for rows of `data` beside what is true; each member sees them through its own preparation."""
        return beside(self.combine(member_outputs(m, data, rows) for m in self.members), data, rows)

    def predict(self, rows: Any) -> pl.DataFrame:
        """Answers for raw rows in any form that `Run.predict` takes; the columns are the same."""
        source = as_source(rows, self.preparation)
        problems = self.preparation.encode(source).problems
        return answers(self.outputs(source), self.preparation, source, problems)

    def outputs(self, source: Source) -> np.ndarray:
        """Probabilities `(N, n_out)` or values `(N, T)` for raw rows."""

        def say(member: Run) -> np.ndarray:
            arrays = member.preparation.encode(source).arrays
            return member.predict_arrays([arrays[name] for name in member.preparation.shape.names])

        return self.combine(map(say, self.members))

    def predict_arrays(self, x: Any) -> np.ndarray:
        """Probabilities `(N, n_out)` or values `(N, T)` for inputs as `preparation` encodes them.

        Raises:
            UsageError: a member encodes rows in another way.
        """
        if not all(_encode_alike(member.preparation, self.preparation) for member in self.members):
            remedy = "Give raw rows to predict."
            raise UsageError("the members of this ensemble see rows through preparations of their own", remedy=remedy)
        return self.combine(member.predict_arrays(x) for member in self.members)

    def predict_row(self, row: Mapping[str, Any]) -> np.ndarray:
        """Probabilities or values for one raw row `(n_out,)`."""
        return self.combine(member.predict_row(row)[None] for member in self.members)[0]


def beside(output: np.ndarray, data: Data, rows: np.ndarray) -> Predictions:
    """Answers to rows of `data`, probabilities or values in the target's own unit, beside what is true."""
    target = data.arrays["target"][rows]
    target = target if data.task == "classification" else data.preparation.decode_values(target)
    told = data.preparation.target
    return Predictions(data.task, output, target, told.classes or told.labels, decision=Decision(ordered=told.ordered))


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities of scores `(N, K)`, computed without overflow."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def member_outputs(run: Run, data: Data, rows: np.ndarray) -> np.ndarray:
    """What one member says about rows of `data`, which may be encoded by another preparation than its own.

    Returns:
        Probabilities `(N, n_out)`, or values `(N, T)` in the unit of what the member was trained on.
    """
    if _encode_alike(run.preparation, data.preparation):
        arrays = {name: data.arrays[name][rows] for name in data.shape.names}
    else:
        raw = data.source
        some = replace(raw, frame=raw.cells(rows), arrays={name: array[rows] for name, array in raw.arrays.items()}, parts=None)
        arrays = run.preparation.encode(some).arrays
    return run.predict_arrays([np.asarray(arrays[name]) for name in run.preparation.shape.names])


def _encode_alike(one: Preparation, other: Preparation) -> bool:
    """Whether both make the same inputs of a row; the target may differ, for boosting fits residuals."""
    return replace(one, target=other.target).digest() == other.digest()
