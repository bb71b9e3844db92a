"""Answers as JSON or CSV."""

from __future__ import annotations

import math
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
    found = _answers(values, served, top)
    answers: list[dict[str, Any]] = found if len(found) == asked.n else [{}] * asked.n
    if answers is not found:
        for place, answer in zip(asked.places, found, strict=True):
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


def _answers(values: np.ndarray, served: Served, top: int | None) -> list[dict[str, Any]]:
    target, decision, rows = served.preparation.target, served.decision, values.tolist()
    if target.labels:
        said = [
            [label for label, yes in zip(target.labels, row, strict=True) if yes]
            for row in decision.labels(values, several=True).tolist()
        ]
        chances = [dict(zip(target.labels, row, strict=True)) for row in rows]
        return [{"prediction": p, "probabilities": q} for p, q in zip(said, chances, strict=True)]
    if target.classes is None:
        one = values.shape[1] == 1
        return [{"prediction": row[0] if one else dict(zip(target.names, row, strict=True))} for row in rows]
    classes, best = target.classes, decision.labels(values).tolist()
    if top is None:
        shown = [dict(zip(classes, row, strict=True)) for row in rows]
    else:
        order = np.argsort(values, axis=1, kind="stable")[:, ::-1][:, :top].tolist()
        shown = [{classes[i]: row[i] for i in places} for places, row in zip(order, rows, strict=True)]
    return [
        {"prediction": classes[code], "confidence": row[code], "probabilities": chances}
        for code, row, chances in zip(best, rows, shown, strict=True)
    ]


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
    """JSON in UTF-8, without spaces; what is no number is null."""
    import msgspec

    return msgspec.json.encode(content, enc_hook=str)


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
