"""What a search found: the best recipe and why, every candidate, what mattered, and how much of the score was luck."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from trainwell.core.atomic import write_json
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import write_recipe
from trainwell.core.stats import Interval
from trainwell.study.compare import Verdict
from trainwell.study.tuning.sampling import Trial


@dataclass(frozen=True)
class Fresh:
    """The winner trained again, on splits and with seeds that had no part in the choice, beside the recipe it started from.

    Args:
        valid: the winner's scores on validation rows, one per fresh split and seed, `(n,)`.
        before: those of the recipe it started from, on the same splits and with the same seeds, `(n,)`.
        verdict: what the pairs say of the winner.
        optimism: by how much the search's best score flattered the winner: its score there, less the mean of `valid`, turned so
            that a positive number is luck.
        test: the winner's score on test rows, which had no part in anything; None where there are none.
        test_before: that of the recipe it started from.
        test_looks: how often this study has looked at the test rows.
    """

    valid: tuple[float, ...]
    before: tuple[float, ...]
    verdict: Verdict
    optimism: float
    test: Interval | None
    test_before: Interval | None
    test_looks: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {
            "valid": list(self.valid),
            "before": list(self.before),
            "verdict": self.verdict.to_dict(),
            "optimism": self.optimism,
            "test": self.test.to_dict() if self.test else None,
            "test_before": self.test_before.to_dict() if self.test_before else None,
            "test_looks": self.test_looks,
        }


@dataclass(frozen=True, eq=False)
class Tuned:
    """The result of a search.

    Args:
        best: the best recipe, without any `auto`: hand it to `fit`.
        score: its score on validation rows, the best of many and therefore flattered; see `fresh`.
        number: its number among the candidates.
        params: its values by recipe key.
        metric: what was scored.
        higher_is_better: direction of the metric.
        reason: why it was chosen, in a sentence.
        trials: every candidate, best first: number, score, state, seconds, and a column per searched key.
        importance: share of the scores' variance that each key explains, the largest first; empty with too few scores.
        space: what was searched, as text.
        finished: whether every candidate was scored, or the time was up before.
        fresh: the winner judged on fresh splits and on test rows; None where this was not asked for.
        folder: of the study; None for one kept in memory.
    """

    best: Recipe
    score: float
    number: int
    params: Mapping[str, Any]
    metric: str
    higher_is_better: bool
    reason: str
    trials: pl.DataFrame
    importance: Mapping[str, float]
    space: Mapping[str, str]
    finished: bool
    fresh: Fresh | None
    folder: Path | None

    @property
    def recipe(self) -> Recipe:
        """The best recipe; another word for `best`."""
        return self.best

    def to_dict(self) -> dict[str, Any]:
        """As JSON can say it; `trials` is a list of mappings."""
        return {
            "best": self.best.model_dump(),
            "score": self.score,
            "number": self.number,
            "params": dict(self.params),
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "reason": self.reason,
            "importance": dict(self.importance),
            "space": dict(self.space),
            "finished": self.finished,
            "fresh": self.fresh.to_dict() if self.fresh else None,
            "folder": str(self.folder) if self.folder else None,
            "trials": self.trials.to_dicts(),
        }

    def save(self, folder: Path) -> None:
        """Write `tuned.json`, `best.yaml` with the reasons, and `trials.parquet`."""
        write_json(folder / "tuned.json", _finite(self.to_dict()), ensure_ascii=False)
        why = f"best of {len(self.trials)} candidates, {self.metric} {self.score:.6g} on validation rows"
        shares = {key: f"; explains {share:.0%} of the differences" for key, share in self.importance.items()}
        reasons = {key.partition(".")[0]: why + shares.get(key, "") for key in self.params}
        write_recipe(self.best, folder / "best.yaml", reasons)

    def __str__(self) -> str:
        return self.reason


def _finite(value: Any) -> Any:
    """Infinity and NaN as null, which JSON can say."""
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def frame_of(trials: Sequence[Trial], keys: Sequence[str], *, maximize: bool) -> pl.DataFrame:
    """Candidates as a table, best first: those with the full budget, then the dropped ones, then the unscored."""
    order = {"done": 0, "dropped": 1, "open": 2}

    def rank(t: Trial) -> tuple[int, int, float, int]:
        score = t.score if t.score is not None else 0.0
        return order[t.state], -max(t.rungs, default=0), -score if maximize else score, t.number

    ranked = sorted(trials, key=rank)
    columns: dict[str, Any] = {
        "number": pl.Series([t.number for t in ranked], dtype=pl.Int64),
        "score": pl.Series([t.score for t in ranked], dtype=pl.Float64),
        "state": pl.Series([t.state for t in ranked], dtype=pl.String),
        "seconds": pl.Series([t.seconds for t in ranked], dtype=pl.Float64),
    }
    for key in keys:
        values = [t.params.get(key) for t in ranked]
        plain = all(v is None or isinstance(v, bool | int | float | str) for v in values)
        same = len({type(v) for v in values if v is not None}) <= 1
        columns[key] = values if plain and same else [None if v is None else json.dumps(v) for v in values]
    return pl.DataFrame(columns, strict=False)
