"""Answers as JSON or CSV."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from trainwell.ship.serve.rows import path_of
from trainwell.ship.serve.served import Asked, Served


def as_json(values: np.ndarray, asked: Asked, served: Served, *, top: int | None = None) -> bytes:
    """The answers to rows: one object per row of the request, in its order; a bad row has `error` in its place.

    Args:
        values: probabilities `(n, n_out)` or values in the target's own unit `(n, T)`, of the rows that could be answered.
        asked: what was asked.
        served: what answered.
        top: only so many of the most probable classes.
    """
    answers: list[dict[str, Any]] = [{}] * asked.n
    for place, answer in zip(asked.places, _answers(values, served, top), strict=True):
        answers[place] = answer
    for row, column, says in asked.problems:
        for number in range(len(asked.places)) if row < 0 else (row,):
            place = asked.places[number]
            answers[place].setdefault("problems", []).append({"field": path_of(place, column), "says": says})
    for place in np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
        answers[asked.places[place]] = {"error": {"field": path_of(asked.places[place]), "says": "the answer is not a number"}}
    for fault in asked.faults:
        answers[fault.row] = {"error": fault.to_dict()}
    return dumped({"answers": answers, "model": {"name": served.name, "version": served.version}})


def _answers(values: np.ndarray, served: Served, top: int | None) -> Iterable[dict[str, Any]]:
    target = served.preparation.target
    if target.labels:
        for said, row in zip(served.decision.labels(values, several=True).tolist(), values.tolist(), strict=True):
            named = [label for label, yes in zip(target.labels, said, strict=True) if yes]
            yield {"prediction": named, "probabilities": dict(zip(target.labels, row, strict=True))}
        return
    if target.classes is None:
        for row in values.tolist():
            yield {"prediction": row[0] if len(row) == 1 else dict(zip(target.names, row, strict=True))}
        return
    best = served.decision.labels(values).tolist()
    for code, row in zip(best, values.tolist(), strict=True):
        shown = range(len(row)) if top is None else np.argsort(row, kind="stable")[::-1][:top].tolist()
        probabilities = {target.classes[i]: row[i] for i in shown}
        yield {"prediction": target.classes[code], "confidence": row[code], "probabilities": probabilities}


def table_as_json(answers: pl.DataFrame, asked: Asked, served: Served) -> bytes:
    """Answers that are no longer one per row: a forecast, or one per series."""
    content = {"answers": [_finite(row) for row in answers.to_dicts()], "errors": [fault.to_dict() for fault in asked.faults]}
    return dumped(content | {"model": {"name": served.name, "version": served.version}})


def as_csv(frame: pl.DataFrame, asked: Asked) -> bytes:
    """Answers as `trainwell predict` writes them; rows that could not be answered are empty but for their problem."""
    if asked.faults and len(frame) == len(asked.places):
        n = pl.DataFrame({"row": list(range(asked.n))})
        told = pl.DataFrame({"row": [f.row for f in asked.faults], "fault": [f.says for f in asked.faults]})
        frame = n.join(frame.with_columns(row=pl.Series(asked.places, dtype=pl.Int64)), on="row", how="left")
        frame = (
            frame.join(told, on="row", how="left").with_columns(problem=pl.coalesce("fault", "problem")).drop("row", "fault")
        )
    return frame.write_csv().encode()


def dumped(content: Any) -> bytes:
    """JSON in UTF-8, without spaces."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str).encode(errors="replace")


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
