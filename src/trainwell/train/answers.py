"""What a network computes as the answers that people read: columns of a table, in the target's own unit and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from trainwell.data.preparation import Preparation
from trainwell.data.source import Source
from trainwell.score.decision import Decision
from trainwell.train.raw_rows import picture_columns


def own_unit(output: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Probabilities as they are; scaled values in the target's own unit."""
    return output if preparation.target.task == "classification" else preparation.decode_values(output)


def answers(
    values: np.ndarray,
    preparation: Preparation,
    source: Source,
    problems: Sequence[tuple[int, str, str]],
    *,
    decision: Decision | None = None,
) -> pl.DataFrame:
    """What `Run.predict` returns: paths of pictures, the answers, and what was wrong with each row.

    Args:
        values: probabilities `(N, n_out)`, or values in the target's own unit `(N, T)`.
        preparation: of the training.
        source: the raw rows.
        problems: what encoding them found.
        decision: how probabilities become labels; None takes the largest one, or labels from a half on.
    """
    found = answer(values, preparation, decision or Decision(ordered=preparation.target.ordered))
    found = found.with_columns(problem=problem_column(problems, len(found)))
    first = picture_columns(preparation) + ([preparation.gather.id] if preparation.gather is not None else [])
    paths = [source.frame[name] for name in first if name in source.frame.columns and source.frame[name].dtype != pl.Binary]
    return found.select(*paths, pl.all()) if len(found) else found


def answer(values: np.ndarray, preparation: Preparation, decision: Decision) -> pl.DataFrame:
    """Probabilities or values `(N, n)` as columns: prediction, and for classes the confidence and every class's probability.

    Of several labels the prediction names those that are said, with `; ` between them.
    """
    target = preparation.target
    if target.labels:
        said = decision.labels(values, several=True)
        named = ["; ".join(label for label, yes in zip(target.labels, row, strict=True) if yes) for row in said]
        found = {"prediction": pl.Series(named, dtype=pl.String)}
        return pl.DataFrame(found | {f"p_{label}": values[:, i] for i, label in enumerate(target.labels)})
    if target.classes is None:
        names = ["prediction"] if len(target.names) == 1 else [f"prediction_{name}" for name in target.names]
        return pl.DataFrame({name: values[:, i] for i, name in enumerate(names)})
    best = decision.labels(values) if len(values) else np.empty(0, np.int64)
    columns: dict[str, Any] = {"prediction": pl.Series([target.classes[i] for i in best], dtype=pl.String)}
    columns["confidence"] = values[np.arange(len(values)), best] if len(values) else np.empty(0)
    return pl.DataFrame(columns | {f"p_{label}": values[:, i] for i, label in enumerate(target.classes)})


def problem_column(problems: Sequence[tuple[int, str, str]], n: int) -> pl.Series:
    """One sentence per row that had problems, null elsewhere."""
    texts: dict[int, list[str]] = {}
    for row, column, sentence in problems:
        for place in range(n) if row < 0 else (row,):
            texts.setdefault(place, []).append(f"{column}: {sentence}" if column else sentence)
    return pl.Series("problem", ["; ".join(texts[i]) if i in texts else None for i in range(n)], dtype=pl.String)
