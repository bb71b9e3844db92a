"""The chart: the history of a run as the rules read it.

Rows of the history, told apart by `split`. Every column may be absent; a rule that lacks what it needs is silent.

`facts`    measured before the first update (and once more where it says so): one row or several, merged
           data: `rows_train rows_valid classes batch_size task`; `bad_cells bad_row bad_column bad_targets`;
             `input_std input_mean feature_std_max feature_std_min feature_mean_max input_normalised input_whole` (whole numbers
             into an embedding); `target_std target_mean`; `shift_mean shift_scale`; `duplicates duplicates_train
             duplicate_rows`; `leak_column leak_purity leak_next leak_base leak_lead`; `class_largest class_smallest`;
             `neighbour_floor neighbour_spread neighbour_share`; `reference reference_name chance labels_score`;
             `identifier_column`; `conflicts`
           output and loss: `loss_kind` (cross_entropy cross_entropy_of_shares nll bce bce_with_logits mse l1 huber other),
             `reduction` (mean sum),
             `last_operation outputs output_rank output_min output_max rows_sum_to_one columns_sum_to_one log_rows_sum_to_one
             output_constant`; `target_kind` (classes one_hot binary numbers probabilities), `target_low target_high
             target_outside`; `shapes_broadcast output_shape target_shape`; `loss_doubled`; `batch_dependence`;
             `loss_start loss_expected`; `threshold` other than 0.5, where one was asked for
           network: `layers` (names of the weight matrices in the order of the network), `constant_layers`,
             `nonlinear depth linearity narrowest` (units of a hidden matrix); `unregistered`; `parameters trainable`
             `in_optimizer without_gradient outside_names without_names`; `norm_layers dropout`; `activations` (names) with
             `silent saturated kinds`
           optimizer: `optimizer learning_rate momentum weight_decay`
`probe`    a measured update: `step loss loss_largest learning_rate`, per layer `gradient weight update floor`, the whole
           `gradient_norm clipped_norm`; `before after` (loss of the same batch without dropout); `silent saturated spread`
           (per activation, on the fixed probe rows); `wait work` (seconds); `memory` (bytes); and counters so far:
           `updates stale eval_mode empty_updates no_gradient train_mode_evaluations label_entropy label_entropy_random
           batch_scale unshuffled_same`
`check`    an evaluation of fixed rows in evaluation mode: `step epoch train_loss train_score valid_loss valid_se valid_score
           recall_least entropy`; and of the validation rows whose class the network is surest of, how many there are, the share
           that is labelled otherwise, which, how evenly over classes, and where their labels stand among the other classes:
           `sure_seen sure_wrong sure_rows sure_mixture sure_rank`; smallest and largest output: `train_low train_high`; the
           score on training rows as augmentation changes them: `augmented_score`
`train` `valid`   lines of the training loop: `step epoch loss learning_rate`, scores by name
`end`      the run is over: `status`, `step`

Losses are means over rows. Scores are accuracy or R². Per-layer columns are lists in the order of `layers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from statistics import median
from typing import Any

Row = Mapping[str, Any]

#: Updates that count as the beginning of a run.
EARLY = 20


class Chart:
    """A run's measurements, for rules to read.

    Args:
        rows: rows of the history, see the head of this file.

    Example:
        >>> Chart.of(loss_kind="mse").fact("loss_kind")
        'mse'
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)

    @classmethod
    def of(cls, rows: Iterable[Row] = (), **facts: Any) -> Chart:
        """A chart of some rows and facts, as examples and tests need it."""
        return cls([{"split": "facts", "step": 0, **facts}, *rows])

    @cached_property
    def facts(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for row in self.part("facts"):
            merged |= row
        return merged

    def fact(self, name: str, default: Any = None) -> Any:
        """One fact, or `default` where it was not measured."""
        return self.facts.get(name, default)

    def number(self, name: str, default: float = 0.0) -> float:
        """One fact as a number."""
        value = self.facts.get(name)
        return default if value is None else float(value)

    def part(self, split: str) -> list[Row]:
        """The rows of one kind."""
        return [r for r in self.rows if r.get("split") == split]

    @cached_property
    def probes(self) -> list[Row]:
        return self.part("probe")

    @cached_property
    def checks(self) -> list[Row]:
        """Evaluations of fixed rows; where there are none, the loop's own lines in their words."""
        return self.part("check") or loop_checks(self.rows)

    @cached_property
    def early(self) -> list[Row]:
        """Probes of the first updates."""
        return [r for r in self.probes if r["step"] < EARLY]

    @cached_property
    def finished(self) -> bool:
        """Whether the run is over; rules about its end wait for that."""
        return bool(self.part("end"))

    @property
    def layers(self) -> list[str]:
        return list(self.facts.get("layers", ()))

    def layer(self, place: int) -> str:
        """The name of a layer by its place."""
        return self.layers[place] if place < len(self.layers) else f"#{place}"

    def counter(self, name: str) -> float:
        """The last value of a counter."""
        return next((float(r[name]) for r in reversed(self.probes) if name in r), 0.0)

    def values(self, name: str, rows: Sequence[Row] | None = None) -> list[float]:
        """A column of numbers over the probes (or given rows) that have it."""
        return [float(r[name]) for r in (self.probes if rows is None else rows) if r.get(name) is not None]

    @property
    def score(self) -> float | None:
        """The latest score, accuracy or R²: on validation rows, or on training rows where there are no others."""
        valid = self.last_check("valid_score")
        return self.last_check("train_score") if valid is None else valid

    def last_check(self, name: str) -> float | None:
        """The latest value of a column of the checks."""
        return next((float(r[name]) for r in reversed(self.checks) if r.get(name) is not None), None)

    def learned(self) -> float:
        """How far the training loss has fallen since the start, as a share: 0 nothing, 1 everything; below 0 it rose."""
        losses = self.values("train_loss", self.checks)
        if len(losses) < 2 or not losses[0] > 0:
            return 0.0
        share = 1 - losses[-1] / losses[0]
        return share if share == share else -1.0

    def best(self, name: str) -> float | None:
        """The largest value of a column of the checks."""
        return max((v for v in self.values(name, self.checks) if v == v), default=None)

    def standing(self) -> float | None:
        """Where the latest score stands between guessing (0) and the reference model (1); None without either."""
        return self._stands(self.score)

    def reached(self) -> float | None:
        """Where the best score of the run stands: what the network is able to, whatever the last update did to it."""
        valid = self.best("valid_score")
        return self._stands(self.best("train_score") if valid is None else valid)

    def falls_short(self, score: float, margin: float) -> bool:
        """Whether a score is below the reference by more than `margin`, and by more than two errors of such a difference."""
        reference, error = self.number("reference"), 0.0
        rows = min(500.0, self.number("rows_valid", 500.0))
        if self.fact("task") == "classification" and rows > 0:
            error = (sum(p * (1 - p) for p in (reference, score) if 0 <= p <= 1) / rows) ** 0.5
        return reference - score >= max(margin, 2 * error)

    def _stands(self, score: float | None) -> float | None:
        reference, chance = self.fact("reference"), self.fact("chance")
        if reference is None or chance is None or score is None or reference - chance < 0.02:
            return None
        if self.fact("task") == "regression" and self.fact("loss_kind") == "other":
            return None  # of a loss of the user's own nobody knows what its outputs mean
        return float((score - chance) / (reference - chance))


#: Names of scores that are accuracy or R², as loops call them.
SCORES = ("accuracy", "r2")


def loop_checks(rows: Sequence[Row]) -> list[Row]:
    """The `valid` lines of a training loop as checks, each with the training loss of the line before it.

    Example:
        >>> lines = [{"split": "train", "step": 9, "loss": 0.5}, {"split": "valid", "step": 10, "loss": 0.7, "accuracy": 0.8}]
        >>> loop_checks(lines)
        [{'split': 'check', 'step': 10, 'valid_loss': 0.7, 'train_loss': 0.5, 'valid_score': 0.8}]
    """
    found: list[Row] = []
    train = None
    for row in rows:
        if row.get("split") == "train":
            train = row.get("loss")
        elif row.get("split") == "valid":
            check = {"split": "check", "step": row.get("step", 0), "valid_loss": row.get("loss"), "train_loss": train}
            found.append(check | {"valid_score": next((row[k] for k in SCORES if k in row), None)})
    return found


def middle(values: Sequence[float], default: float = 0.0) -> float:
    """The median, or `default` of nothing."""
    finite = [v for v in values if v == v]
    return median(finite) if finite else default
