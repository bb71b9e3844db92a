"""The rows on which the network was most wrong: wrong labels, odd inputs and real weaknesses all show up here first."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from trainwell.data.language.state import Language
from trainwell.evaluate.evaluation import Example
from trainwell.score.predictions import Array, Predictions

#: Rows shown.
MOST_ROWS = 24
#: Raw cells shown per row.
MOST_CELLS = 8
#: Characters shown per cell.
LONGEST_CELL = 60


def worst_examples(p: Predictions, rows: Array, frame: pl.DataFrame, most: int = MOST_ROWS) -> list[Example]:
    """The rows with the largest loss, the worst first.

    Args:
        p: predictions.
        rows: their row numbers in the source, `(N,)`.
        frame: their raw cells, in the same order; may have no columns.
        most: rows returned.
    """
    order = np.argsort(-p.loss, kind="stable")
    if p.groups is not None:  # of windows that overlap, the worst alone
        _, first = np.unique(p.groups[order], return_index=True)
        order = order[np.sort(first)]
    order = order[:most]
    if p.task in ("classification", "multilabel"):
        order = order[p.hit[order] == 0]
    return [_example(p, int(i), int(rows[i]), frame) for i in order]


def worst_passages(p: Predictions, rows: Array, state: Language, most: int = MOST_ROWS // 2) -> list[Example]:
    """The windows of running text that surprise the network most, one of each stretch of text, and their hardest tokens."""
    order = np.argsort(-p.loss, kind="stable")
    if p.groups is not None:
        _, first = np.unique(p.groups[order], return_index=True)
        order = order[np.sort(first)]
    return [_passage(p, int(i), int(rows[i]), state) for i in order[:most]]


def _passage(p: Predictions, i: int, row: int, state: Language) -> Example:
    hardest = int(p.output[i].argmax())
    token, before = state.text(p.target[i][hardest : hardest + 1]), state.text(p.target[i][max(0, hardest - 20) : hardest])
    cells = {"text": state.text(p.target[i])}
    chance = f"{np.exp(-float(p.output[i][hardest])):.2g} likely"
    return Example(row, f"{token!r} after {before!r}", chance, float(p.loss[i]), math.nan, cells)


def losses_by_place(p: Predictions) -> list[float]:
    """The mean loss of the first, second, … token of a window."""
    return [round(float(loss), 5) for loss in p.output.mean(axis=0)]


def _example(p: Predictions, i: int, row: int, frame: pl.DataFrame) -> Example:
    cells = {c: _text(frame[c][i]) for c in frame.columns[:MOST_CELLS]}
    if p.task == "classification":
        said, sure = p.names[p.label[i]], float(p.output[i, p.label[i]])
        return Example(row, p.names[p.target[i]], said, float(p.loss[i]), sure, cells)
    if p.task == "multilabel":
        true, told = (", ".join(n for n, yes in zip(p.names, flags, strict=True) if yes) for flags in (p.target[i], p.label[i]))
        return Example(row, true or "none", told or "none", float(p.loss[i]), math.nan, cells)
    if p.ahead is not None:
        truth, said = (f"{values[i].mean():.4g} on average, scaled" for values in (p.target, p.output))
        return Example(row, truth, said, float(p.loss[i]), math.nan, cells)
    truth, said = (", ".join(f"{v:,.6g}" for v in values[i]) for values in (p.target, p.output))
    return Example(row, truth, said, float(p.loss[i]), math.nan, cells)


def _text(value: object) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
