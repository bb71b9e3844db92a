"""What a model said beside what was true: the one thing every metric, interval, slice and baseline is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainwell.core.errors import DataError
from trainwell.core.shape import Task
from trainwell.score.decision import Decision

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Ahead:
    """What the rows of a forecast have besides: units, a yardstick, and how wide its interval is.

    Args:
        centre: (N, C) own unit = scaled * spread + centre, for the C channels of each row.
        spread: (N, C).
        naive: (N, C) mean size of the change from one season to the next in the training steps, scaled.
        groups: (N,) int64; windows of one group share steps and are resampled together. None: each row stands alone.
        low: (H * C,) what is added to a forecast for the lower limit of its interval, or None.
        high: (H * C,) likewise for the upper limit.
    """

    centre: Array
    spread: Array
    naive: Array
    groups: Array | None = None
    low: Array | None = None
    high: Array | None = None

    def take(self, rows: Array) -> Ahead:
        """Of some rows."""
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, centre=self.centre[rows], spread=self.spread[rows], naive=self.naive[rows], groups=groups)


@dataclass(frozen=True, eq=False)
class Told:
    """What windows of running text have besides: how much text they are, and which lie beside one another.

    Args:
        letters: (N,) characters of each window's targets.
        groups: (N,) int64; windows of one stretch of text are resampled together.
    """

    letters: Array
    groups: Array

    def take(self, rows: Array) -> Told:
        """Of some rows."""
        return Told(self.letters[rows], self.groups[rows])


@dataclass(frozen=True, eq=False)
class Predictions:
    """Outputs and targets of the same examples, in the same order.

    Args:
        task: "classification", "multilabel", "regression", "language", "generation" or "segmentation".
        output: `(N, K)` class or label probabilities, or `(N, T)` values in the target's own unit; of language `(N, L)`,
            minus the log of the probability given to each token of a window; of masks `(N, K * K)`, the pixels of each true
            class that were said to be of each class.
        target: `(N,)` class codes 0 … K-1, or 0 and 1 per label `(N, K)`, or `(N, T)` values (`(N,)` for one target), or the
            codes of the tokens `(N, L)`, or the pixels of masks as they would be if all were right `(N, K * K)`.
        classes: the names of the K classes, or of the T targets; None names them by number.
        ahead: units and limits of forecasts, which are `(N, H * C)` scaled values; None for anything else.
        told: how much text the windows of language are; None for anything else.
        decision: how probabilities become labels; None takes the largest one, or labels from a half on.
        within: (N,) codes of classes within which made pictures are compared with real ones; None compares all with all.

    Raises:
        DataError: when output and target do not belong together.

    Example:
        >>> p = Predictions("classification", np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]), ("no", "yes"))
        >>> p.label.tolist(), len(p)
        ([0, 1], 2)
    """

    task: Task
    output: Array
    target: Array
    classes: tuple[str, ...] | None = None
    ahead: Ahead | None = None
    told: Told | None = None
    decision: Decision | None = None
    within: Array | None = None

    def __post_init__(self) -> None:
        output, target = np.asarray(self.output), np.asarray(self.target)
        if output.ndim == 1:
            output = output[:, None]
        if self.task == "regression" and target.ndim == 1:
            target = target[:, None]
        object.__setattr__(self, "output", output)
        object.__setattr__(self, "target", target)
        expected = output.shape[:1] if self.task == "classification" else output.shape
        if output.ndim != 2 or target.shape != expected:
            raise DataError(
                f"outputs of shape {output.shape} do not fit targets of shape {target.shape}",
                where="Predictions",
                remedy="Give (N, K) probabilities with (N,) codes, or (N, T) values with (N, T) targets.",
            )

    def __len__(self) -> int:
        return len(self.output)

    def take(self, rows: Array) -> Predictions:
        """The predictions of some rows: positions or a boolean mask."""
        ahead = None if self.ahead is None else self.ahead.take(rows)
        told = None if self.told is None else self.told.take(rows)
        within = None if self.within is None else self.within[rows]
        return replace(self, output=self.output[rows], target=self.target[rows], ahead=ahead, told=told, within=within)

    @property
    def groups(self) -> Array | None:
        """Rows that are no independent witnesses and are resampled together, (N,); None where each stands alone."""
        besides = self.ahead or self.told
        return None if besides is None else besides.groups

    @property
    def n_out(self) -> int:
        """Number of classes, or of target columns."""
        n = int(self.output.shape[1])
        return isqrt(n) if self.task == "segmentation" else n

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes or targets, by number where nobody named them."""
        return self.classes or tuple(str(i) for i in range(self.n_out))

    @cached_property
    def label(self) -> Array:
        """What is said of each example: the most probable class, or what `decision` makes of it `(N,)`; 0 or 1 per label."""
        return (self.decision or Decision()).labels(self.output, several=self.task == "multilabel")

    @cached_property
    def hit(self) -> Array:
        """1.0 where what is said is the target, all labels of it, else 0.0, `(N,)`."""
        right = self.label == self.target
        return np.asarray(right.all(axis=1) if self.task == "multilabel" else right, dtype=np.float64)

    @cached_property
    def true_probability(self) -> Array:
        """The probability given to the target class, `(N,)` float64."""
        return self.output[np.arange(len(self)), self.target].astype(np.float64)

    @cached_property
    def error(self) -> Array:
        """Output minus target, `(N, T)` float64."""
        return self.output.astype(np.float64) - self.target

    @cached_property
    def loss(self) -> Array:
        """How wrong each example is, `(N,)`: minus the log of the target's probability, or the mean absolute error.

        Of language, the mean over the tokens of a window; of several labels, over the labels; of masks, over pixels.
        """
        if self.task == "segmentation":
            return 1 - np.minimum(self.output, self.target).sum(axis=1) / self.output.sum(axis=1)
        if self.task == "multilabel":
            right = np.where(self.target > 0, self.output, 1 - self.output)
            return np.asarray(-np.log(np.maximum(right, np.finfo(np.float32).eps)).mean(axis=1))
        if self.task == "language":
            return np.asarray(self.output.mean(axis=1, dtype=np.float64))
        if self.task == "regression":
            return np.asarray(np.abs(self.error).mean(axis=1))
        return -np.log(np.maximum(self.true_probability, np.finfo(np.float32).eps))
