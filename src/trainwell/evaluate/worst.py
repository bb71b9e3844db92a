"""The rows on which the network was most wrong: wrong labels, odd inputs and real weaknesses all show up here first."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from trainwell.evaluate.evaluation import Example
from trainwell.score.metrics.pixels import pixel_counts
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
    order = worst_first(p)[:most]
    if p.task in ("classification", "multilabel"):
        order = order[p.hit[order] == 0]
    return [_example(p, int(i), int(rows[i]), frame) for i in order]


def worst_first(p: Predictions) -> Array:
    """Places of the predictions by their loss, the largest first; of windows that overlap, the worst alone."""
    order = np.argsort(-p.loss, kind="stable")
    if p.groups is None:
        return order
    _, first = np.unique(p.groups[order], return_index=True)
    return order[np.sort(first)]


def _example(p: Predictions, i: int, row: int, frame: pl.DataFrame) -> Example:
    shown = [c for c in frame.columns if frame[c].dtype != pl.Binary]  # whole files are no text
    cells = {c: _text(frame[c][i]) for c in shown[:MOST_CELLS]}
    if p.task == "classification":
        said, sure = p.names[p.label[i]], float(p.output[i, p.label[i]])
        return Example(row, p.names[p.target[i]], said, float(p.loss[i]), sure, cells)
    if p.task == "multilabel":
        true, told = (", ".join(n for n, yes in zip(p.names, flags, strict=True) if yes) for flags in (p.target[i], p.label[i]))
        return Example(row, true or "none", told or "none", float(p.loss[i]), math.nan, cells)
    if p.task == "segmentation":
        truth, said = (_shares(pixel_counts(p)[i].sum(axis=axis), p.names) for axis in (1, 0))
        return Example(row, truth, said, float(p.loss[i]), math.nan, cells)
    if p.ahead is not None:
        truth, said = (f"{values[i].mean():.4g} on average, scaled" for values in (p.target, p.output))
        return Example(row, truth, said, float(p.loss[i]), math.nan, cells)
    truth, said = (", ".join(f"{v:,.6g}" for v in values[i]) for values in (p.target, p.output))
    return Example(row, truth, said, float(p.loss[i]), math.nan, cells)


def _shares(pixels: Array, names: tuple[str, ...]) -> str:
    """`sky 60%, road 40%`: the classes of a picture, the largest first."""
    order = [k for k in np.argsort(-pixels, kind="stable")[:3] if pixels[k] > 0]
    return ", ".join(f"{names[k]} {pixels[k] / pixels.sum():.0%}" for k in order)


def _text(value: object) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
