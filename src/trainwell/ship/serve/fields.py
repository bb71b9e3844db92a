"""The fields of a row, as the server checks them, counts what is unusual in them, and describes them to people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainwell.data.preparation import Preparation
from trainwell.ship.schema import schema_of

_SCALAR = ["number", "string", "boolean", "null"]


@dataclass(frozen=True)
class Field:
    """One column of a row.

    Args:
        name: as in the training table.
        kind: number, boolean, category, datetime, time, text, picture, series, or tensor.
        labels: every label of a category, the most frequent first; of a boolean the words for yes and for no.
        low: the least number of the training, or None.
        high: the greatest.
        typical: the median, or the most frequent label; None where nobody knows.
        shape: of a picture `(C, H, W)`, a series `(channels, length)` or a tensor.
        role: of a column of a forecast.
    """

    name: str
    kind: str
    labels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    typical: Any = None
    shape: tuple[int, ...] = ()
    role: str = ""

    def to_json_schema(self) -> dict[str, Any]:
        """One property of a row, as OpenAPI describes it."""
        match self.kind:
            case "number":
                known = "" if self.low is None else f"; the training had {self.low:g} to {self.high:g}"
                return {"type": _SCALAR, "description": f"A number{known}."}
            case "category" | "boolean":
                said = f"One of {len(self.labels):,} labels; others count as unseen."
                return {"type": _SCALAR, "examples": list(self.labels[:20]), "description": said}
            case "picture":
                said = "The content of a picture file in base64. Paths and addresses are not opened."
                return {"type": "string", "contentEncoding": "base64", "description": said}
            case "series" | "tensor":
                return {"type": "array", "description": f"Numbers of shape {list(self.shape)}."}
        return {"type": ["string", "null"], "description": f"A {self.kind}."}


def fields_of(preparation: Preparation, card: Mapping[str, Any] | None = None) -> tuple[Field, ...]:
    """The fields of a row, in the order of the training table; of a forecast those of its history.

    Args:
        preparation: fitted.
        card: the data card as plain data, which knows ranges.

    Example:
        >>> import trainwell as tw
        >>> data = tw.load("iris")
        >>> field = fields_of(data.preparation, data.card.to_dict())[0]
        >>> field.kind, field.low < field.typical < field.high
        ('number', True)
    """
    states = {column.name: column.state for column in preparation.columns}
    return tuple(_field(told, states.get(told["name"])) for told in schema_of(preparation, card)["columns"])


def _field(told: Mapping[str, Any], state: Any) -> Field:
    kind, labels, shape = told["kind"], tuple(told.get("labels", ())), tuple(told.get("shape", ()))
    low, high = told.get("low"), told.get("high")
    if state is not None and kind == "category":
        labels = tuple(state.labels)
    if state is not None and kind == "series":
        shape = (state.channels, state.length)
    if state is not None and kind == "number" and low is None and state.scale == "quantile":
        low, high = float(state.knots[0]), float(state.knots[-1])
    return Field(told["name"], kind, labels, low, high, told.get("typical"), shape, told.get("role", ""))


def row_schema(fields: tuple[Field, ...]) -> dict[str, Any]:
    """A row as OpenAPI describes it; every field may be left out, and counts as empty then."""
    properties = {field.name: field.to_json_schema() for field in fields}
    example = {field.name: field.typical for field in fields if field.typical is not None}
    return {"type": "object", "properties": properties, "additionalProperties": True, "example": example}
