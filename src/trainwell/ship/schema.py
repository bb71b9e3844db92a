"""What a trained network is asked and what it answers, as plain data: forms, checks and other programs are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainwell.data.forecast.state import Forecast
from trainwell.data.inputs import Fitted
from trainwell.data.preparation import Preparation

#: Labels of a category that are listed; the most frequent come first.
MOST_LABELS = 1_000


def schema_of(preparation: Preparation, card: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The columns that are read and the target that is answered.

    Args:
        preparation: of the training.
        card: the data card as plain data, from which ranges and typical values are taken; None leaves them out.

    Returns:
        `{"task", "target": {"names", "classes"}, "columns": [{"name", "kind", …}, …]}`. Numbers have `low`, `high` and
        `typical` (median) of the training rows, categories `labels` and `typical`, pictures their shape; a forecast has its
        columns by role.

    Example:
        >>> import trainwell as tw
        >>> schema = schema_of(tw.load("iris").preparation)
        >>> schema["target"]["classes"], schema["columns"][0]["kind"]
        (['setosa', 'versicolor', 'virginica'], 'number')
    """
    told = {column["name"]: column for column in (card or {}).get("columns", [])}
    target = preparation.target
    columns = [_column(column, told.get(column.name, {})) for column in preparation.columns]
    columns += [
        {"name": i.name, "kind": "tensor", "shape": list(i.shape), "dtype": i.dtype}
        for i in preparation.shape.inputs
        if i.kind == "tensor"
    ]
    if preparation.forecast is not None:
        columns = _forecast_columns(preparation.forecast)
    return {
        "task": target.task,
        "target": {"names": list(target.names), "classes": list(target.classes or target.labels) or None},
        "columns": columns,
        "forecast": None
        if preparation.forecast is None
        else {"lookback": preparation.forecast.lookback, "horizon": preparation.forecast.horizon},
    }


def _column(column: Fitted, told: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": column.name, "kind": column.kind, **_about(column, told)}


def _about(column: Fitted, told: Mapping[str, Any]) -> dict[str, Any]:
    state, quantiles = column.state, told.get("quantiles")
    if column.kind == "number":
        return {"low": quantiles["0"], "high": quantiles["1"], "typical": quantiles["0.5"]} if quantiles else {}
    if column.kind == "category":
        labels = state.labels[:MOST_LABELS]
        return {"labels": labels, "distinct": len(state.labels), "typical": labels[0] if labels else None}
    if column.kind == "boolean":
        return {"labels": [state.yes, state.no], "typical": max(told.get("top", {state.no: 0}).items(), key=lambda i: i[1])[0]}
    if column.kind == "datetime":
        typical = {"typical": told["middle"]} if "middle" in told else {}
        return {"format": column.form.get("format", "%Y-%m-%d"), **typical}
    if column.kind in ("picture", "series"):
        return {"shape": list(state.geometry.shape if column.kind == "picture" else state.shape)}
    return {"tokens": [level.how for level in state.cuts]} if column.kind == "text" else {}


def _forecast_columns(state: Forecast) -> list[dict[str, Any]]:
    roles: list[tuple[str, str, Sequence[str | None]]] = [
        ("time", "time", [state.time]),
        ("series", "category", [state.id]),
        ("forecast", "number", state.channels),
    ]
    roles += [("past", "number", state.past), ("known ahead", "number", state.known)]
    return [{"name": name, "kind": kind, "role": role} for role, kind, names in roles for name in names if name]
