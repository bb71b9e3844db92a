"""From what a network computes to what it says: calibrated probabilities, and the label that they stand for.

All of it is numbers that were fitted on validation rows and are kept with the run; nothing here knows a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Decision:
    """How probabilities are corrected and turned into labels; by default not at all, and by the largest one.

    Args:
        temperature: probabilities are raised to 1 / temperature and made to sum to 1 again: above 1 less sure, below 1 surer.
            For one network that is the division of its logits.
        steps: of two classes, points `(p, what it becomes)` of a rising line, ascending; empty for none.
        thresholds: probability from which the second of two classes is said, or each label of a multilabel target, or one for
            all labels; empty is a half.
        ordered: classes are ranks: the median of the distribution is said, which errs by the fewest ranks.

    Sources: Guo et al., "On calibration of modern neural networks", ICML 2017; Zadrozny and Elkan, "Transforming classifier
    scores into accurate multiclass probability estimates", KDD 2002.

    Example:
        >>> said = Decision(thresholds=(0.3,))
        >>> said.labels(np.array([[0.6, 0.4], [0.9, 0.1]])).tolist()
        [1, 0]
        >>> Decision(temperature=2.0).probabilities(np.array([[0.9, 0.1]])).round(2).tolist()
        [[0.75, 0.25]]
    """

    temperature: float = 1.0
    steps: tuple[tuple[float, float], ...] = ()
    thresholds: tuple[float, ...] = ()
    ordered: bool = False

    @classmethod
    def of(cls, kept: Mapping[str, Any], *, ordered: bool = False) -> Decision:
        """What `to_dict` wrote, beside other keys; unknown ones are left alone."""
        steps = tuple((float(x), float(y)) for x, y in kept.get("steps", ()))
        return cls(float(kept.get("temperature", 1.0)), steps, tuple(kept.get("thresholds", ())), ordered)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @property
    def corrects(self) -> bool:
        """Whether probabilities are changed."""
        return self.temperature != 1.0 or bool(self.steps)

    @property
    def plain(self) -> Decision:
        """The same without the correction of probabilities and without thresholds."""
        return Decision(ordered=self.ordered)

    def probabilities(self, output: Array, *, several: bool = False) -> Array:
        """Corrected probabilities, `(N, K)` → the same.

        Args:
            output: class probabilities, or with `several` one probability per label.
            several: whether labels may hold together.
        """
        if not self.corrects or not len(output):
            return output
        if several:
            return np.asarray(sharpened(np.stack([1 - output, output], -1), self.temperature)[..., 1])
        output = sharpened(output, self.temperature)
        if not self.steps:
            return output
        x, y = np.array(self.steps).T
        second = np.interp(output[:, 1], x, y)
        return np.stack([1 - second, second], axis=1)

    def labels(self, output: Array, *, several: bool = False) -> Array:
        """What is said: class codes `(N,)`, or 0 and 1 for each label `(N, L)`."""
        if several:
            return np.asarray(output >= self._threshold, np.int64)
        if self.ordered:
            return np.asarray((output.cumsum(axis=1) < 0.5 - 1e-9).sum(axis=1).clip(max=output.shape[1] - 1))
        if self.thresholds and output.shape[1] == 2:
            return np.asarray(output[:, 1] >= self._threshold[0], np.int64)
        return np.asarray(output.argmax(axis=1))

    @property
    def _threshold(self) -> Array:
        return np.array(self.thresholds or (0.5,))


def sharpened(probabilities: Array, temperature: float) -> Array:
    """Probabilities along the last axis to the power 1 / temperature, made to sum to 1 again.

    Example:
        >>> sharpened(np.array([[0.5, 0.5], [1.0, 0.0]]), 3.0).tolist()
        [[0.5, 0.5], [1.0, 0.0]]
    """
    if temperature == 1.0:
        return probabilities
    with np.errstate(divide="ignore"):
        logs = np.log(np.asarray(probabilities, np.float64)) / temperature
    powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def thresholds_to_try(scores: Array, most: int = 200) -> Array:
    """Thresholds in the middle between neighbouring scores, at most `most` of them, and a half.

    Example:
        >>> thresholds_to_try(np.array([0.1, 0.3, 0.9])).tolist()
        [0.2, 0.5, 0.6]
    """
    distinct = np.unique(scores)
    middles = (distinct[1:] + distinct[:-1]) / 2
    if len(middles) > most:
        middles = np.quantile(middles, np.linspace(0, 1, most))
    return np.unique(np.r_[middles.round(6), 0.5])


def first_best(scores: Sequence[float], thresholds: Array, *, higher_is_better: bool) -> int:
    """The place of the best score; of equal ones the middle of the longest run, and NaN never."""
    values = np.asarray(scores, np.float64) * (1 if higher_is_better else -1)
    if np.isnan(values).all():
        return int(np.abs(thresholds - 0.5).argmin())
    good = np.flatnonzero(values >= np.nanmax(values) - 1e-12)
    runs = np.split(good, np.flatnonzero(np.diff(good) > 1) + 1)
    longest = max(runs, key=lambda run: thresholds[run[-1]] - thresholds[run[0]])
    return int(longest[len(longest) // 2])
