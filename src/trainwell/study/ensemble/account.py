"""What is known of an ensemble when it is made: its score beside its members', on rows that none of them was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from trainwell.core.stats import Interval, percentile_interval
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.score.metric import resampled
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.study.intervals import better_by


@dataclass(frozen=True)
class Gain:
    """An ensemble beside its members on the same rows.

    Args:
        part: which rows.
        metric: the score compared.
        team: the ensemble's score.
        member: the mean of the members' scores.
        difference: how much better the ensemble is (positive is better, whatever the metric's direction), paired by rows.
    """

    part: str
    metric: str
    team: Interval
    member: float
    difference: Interval

    def __str__(self) -> str:
        d = self.team.decimals
        beside = f"one member {self.member:,.{d}f}; together {better_by(self.difference)}"
        return f"{label(self.metric)} on {rows_named(self.part)} {self.team}, {beside}"


@dataclass(frozen=True)
class Account:
    """What is known of an ensemble when it is made.

    Args:
        gain: its score beside its members', on rows none of them was trained on; None without such rows.
        unseen: metric → score of rows by those members alone that were not trained on them (bagging and folds).
        unseen_part: what these rows are called: "out-of-bag" or "out-of-fold".
        losses: "train" and "valid" → loss after 0, 1, 2, … members (boosting only).
        seconds: of training, all members together.
        notes: what had to be left out, and why.
    """

    gain: Gain | None = None
    unseen: dict[str, Interval] = field(default_factory=dict)
    unseen_part: str = ""
    losses: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Account:
        """The account that `to_dict` wrote."""
        from pydantic import TypeAdapter

        return TypeAdapter(cls).validate_python(dict(content))

    def __str__(self) -> str:
        lines = [str(self.gain)] if self.gain else []
        lines += [f"{label(name)} on {self.unseen_part} rows {score}" for name, score in self.unseen.items()]
        for part, losses in self.losses.items():
            best = min(range(1, len(losses)), key=losses.__getitem__, default=0)
            lines.append(
                f"loss on {rows_named(part)} {losses[0]:.4g} before the first member, {losses[best]:.4g} after {best} of them"
            )
        return "\n".join([*lines, *self.notes])


def gain_of(team: Predictions, members: Sequence[Predictions], metric: str, *, part: str) -> Gain:
    """How much better several networks are together than one of them, on the same rows, resampled together.

    Args:
        team: what they say together.
        members: what each says, on the same rows.
        metric: the score.
        part: what the rows are called.

    Example:
        >>> one, other = (Predictions("regression", np.array([x, x]), np.array([0.0, 0.0])) for x in (-1.0, 1.0))
        >>> both = Predictions("regression", np.array([0.0, 0.0]), np.array([0.0, 0.0]))
        >>> gain_of(both, [one, other], "mae", part="valid").difference.value
        1.0
    """
    judge = metrics[metric]
    mine = judge.statistic(team)
    theirs = {f"{i}": judge.statistic(p) for i, p in enumerate(members)}
    draws = resampled({"team": mine, **theirs})
    sign = 1.0 if judge.higher_is_better else -1.0
    member = float(np.mean([s.value for s in theirs.values()]))
    apart = sign * (draws["team"] - np.mean([draws[name] for name in theirs], axis=0))
    difference = percentile_interval(sign * (mine.value - member), apart, len(team))
    return Gain(part, judge.__name__, judge.interval(team), member, difference)
