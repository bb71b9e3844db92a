"""Predictions in, evaluation out: scores with intervals, baselines, curves, slices, and the rows worth looking at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainwell.core.errors import DataError
from trainwell.evaluate.baselines import as_predictions, run_baselines
from trainwell.evaluate.curves import (
    MOST_CLASSES,
    calibration_bins,
    class_scores,
    confusion,
    most_frequent_mistakes,
    precision_recall_curves,
    residuals,
    roc_curves,
    value_bins,
)
from trainwell.evaluate.details import Writing
from trainwell.evaluate.evaluation import Baseline, Evaluation
from trainwell.evaluate.forecast import errors_by_step, future_of
from trainwell.evaluate.language import losses_by_place, worst_passages
from trainwell.evaluate.masks import add_pixels
from trainwell.evaluate.slices import find_slices, tells_class
from trainwell.evaluate.verdicts import gap_to, judge_fit
from trainwell.evaluate.worst import worst_examples
from trainwell.score.defaults import forecast_metrics, report_metrics
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.score.scores import score_intervals

if TYPE_CHECKING:
    from trainwell.data.data import Data


def evaluate_predictions(
    predictions: Predictions,
    data: Data,
    part: str = "test",
    *,
    train: Predictions | None = None,
    baselines: bool = True,
    cache: Path | None = None,
    threads: int = 1,
) -> Evaluation:
    """Judge predictions of one part of the data.

    Args:
        predictions: of the rows of `part`, in the order of `data.rows[part]`.
        data: the loaded data; baselines are fitted on its training rows, slices cut from its raw frame.
        part: "train", "valid" or "test".
        train: predictions of training rows (a sample will do) for the overfit verdict.
        baselines: whether to run the free baselines.
        cache: a folder in which the baselines' answers are kept for the next run on the same data.
        threads: CPU threads for the baselines.

    Raises:
        DataError: the part is empty, or the predictions are not those of its rows.
    """
    started = time.perf_counter()
    _check(predictions, data, part)
    ahead = predictions.ahead
    names = (
        report_metrics(predictions.task, predictions.n_out, ordered=_ordered(predictions))
        if ahead is None
        else forecast_metrics(limits=ahead.low is not None)
    )
    found = Evaluation(
        task=predictions.task,
        part=part,
        n=len(predictions),
        names=_names(predictions, data),
        primary=names[0],
        scores=score_intervals(predictions, names),
        higher_is_better={name: metrics[name].higher_is_better for name in names},
    )
    if predictions.task == "language":
        found.writing = Writing({"network": losses_by_place(predictions)})
    if ahead is not None:
        found.future = future_of(predictions, data, data.rows[part])
    if baselines:
        _add_baselines(found, predictions, data, cache=cache, threads=threads)
    if train is not None and len(train) and part != "train":
        _add_fit(found, predictions, train)
    _add_curves(found, predictions)
    _add_rows(found, predictions, data)
    found.seconds = time.perf_counter() - started
    return found


def _ordered(p: Predictions) -> bool:
    return p.decision is not None and p.decision.ordered


def _names(predictions: Predictions, data: Data) -> list[str]:
    """Classes, or the target columns."""
    if predictions.task == "multilabel":
        return list(predictions.names)
    if predictions.task in ("classification", "segmentation"):
        return list(data.classes or predictions.names)
    return [str(c["name"]) for c in data.card.columns if c.get("role") == "target"] or list(predictions.names)


def _check(predictions: Predictions, data: Data, part: str) -> None:
    if part not in data.rows or not len(data.rows[part]):
        having = ", ".join(name for name, rows in data.rows.items() if len(rows))
        raise DataError(f"there are no {part} rows to evaluate", remedy=f"Choose a part that has rows: {having}.")
    if len(predictions) != len(data.rows[part]):
        raise DataError(
            f"{len(predictions)} predictions do not fit the {len(data.rows[part])} {part} rows", where="evaluate_predictions"
        )
    if not np.isfinite(predictions.output).all():
        row = int(data.rows[part][np.flatnonzero(~np.isfinite(predictions.output).all(axis=1))[0]])
        raise DataError("a prediction is NaN or infinite", where=f"row {row}", remedy="Train again; the weights are damaged.")


def _add_baselines(found: Evaluation, predictions: Predictions, data: Data, *, cache: Path | None, threads: int) -> None:
    names = list(found.scores)
    fitted = run_baselines(data, found.part, threads=threads, cache=cache, turned=predictions.within is not None)
    if not fitted:
        found.notes.append("no baselines: there are no training rows to fit them on")
        return
    answers = {f.name: as_predictions(f, predictions) for f in fitted}
    if found.future is not None:
        found.future.by_step.update({name: errors_by_step(p) for name, p in answers.items()})
    if found.writing is not None:
        found.writing.by_place.update({name: losses_by_place(p) for name, p in answers.items()})
    entries = [Baseline(f.name, score_intervals(answers[f.name], names), f.seconds, f.note) for f in fitted]
    metric = metrics[found.primary]
    entries.sort(key=lambda b: b.scores[found.primary].value, reverse=metric.higher_is_better)
    found.baselines = entries
    found.gap = gap_to(predictions, answers[entries[0].name], entries[0], names, found.primary)


def _add_fit(found: Evaluation, predictions: Predictions, train: Predictions) -> None:
    best = found.baselines[0].scores[found.primary].value if found.baselines else None
    found.fit = judge_fit(train, predictions, found.primary, part=found.part, best_free=best)


def _add_curves(found: Evaluation, p: Predictions) -> None:
    if found.future is not None or found.writing is not None or p.task == "generation":
        return
    if p.task == "segmentation":
        add_pixels(found, p)
        return
    if p.task == "regression":
        found.residuals, found.calibration = residuals(p, found.names), value_bins(p)
        return
    if p.task == "multilabel":
        found.per_class, found.calibration = class_scores(p), calibration_bins(p)
        found.roc, found.precision_recall = roc_curves(p), precision_recall_curves(p)
        return
    if p.n_out <= MOST_CLASSES:
        found.confusion = [[int(n) for n in row] for row in confusion(p)]
    found.mistakes, found.per_class = most_frequent_mistakes(p), class_scores(p)
    found.roc, found.precision_recall = roc_curves(p), precision_recall_curves(p)
    found.calibration = calibration_bins(p)


def _add_rows(found: Evaluation, p: Predictions, data: Data) -> None:
    if p.task == "generation":  # no made picture belongs to a row
        return
    rows = data.rows[found.part]
    if data.preparation.language is not None:
        found.worst = worst_passages(p, rows, data.preparation.language)
        return
    frame = data.source.cells(rows)
    targets = {c["name"] for c in data.card.columns if c.get("role") == "target"}
    columns = [c for c in frame.columns if c not in targets]
    found.worst = worst_examples(p, rows, frame.select(columns))
    if p.task == "segmentation":  # its rows are pictures, which no column describes
        return
    hits = p.task in ("classification", "multilabel")
    found.slice_metric = "accuracy" if p.task == "classification" else "subset_accuracy" if hits else "mae"
    scores = p.hit if hits else p.loss
    columns = [c for c in columns if not (p.task == "classification" and tells_class(frame[c], p.target))]
    if columns:
        found.slices, found.slices_seen = find_slices(frame, scores, share=hits, higher_is_better=hits, columns=columns)
