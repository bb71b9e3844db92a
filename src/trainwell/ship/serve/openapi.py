"""What is served, described: to the page, and to programs as OpenAPI."""

from __future__ import annotations

from typing import Any

from trainwell.ship.schema import schema_of
from trainwell.ship.serve.fields import row_schema
from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.served import Served

_TOP = {"name": "top", "in": "query", "schema": {"type": "integer", "minimum": 1}, "description": "Only the likeliest classes."}


def page_schema(served: Served, limits: Limits) -> dict[str, Any]:
    """What the page is made from: the schema of the network, its name, and what a request may bring."""
    gather = served.preparation.gather
    table_only = served.preparation.forecast is not None or gather is not None
    bounds = {"body": limits.body, "rows": limits.rows}
    told = schema_of(served.preparation, served.card)
    told["target"]["range"] = _target_range(served)
    examples = len(served.examples or ())
    about = {"name": served.name, "version": served.version, "examples": examples}
    return about | {"table_only": table_only, "limits": bounds} | told


def _target_range(served: Served) -> dict[str, float] | None:
    """Least and greatest value of the only number that is predicted, in the training."""
    columns = (served.card or {}).get("columns", [])
    ranges = [c["quantiles"] for c in columns if c.get("role") == "target" and "quantiles" in c]
    return {"low": ranges[0]["0"], "high": ranges[0]["1"]} if len(ranges) == 1 else None


def predict_operation(served: Served) -> dict[str, Any]:
    """The operation `POST /predict` in OpenAPI: what may be sent, and what comes back."""
    row = row_schema(served.fields)
    rows = {
        "type": "object",
        "required": ["rows"],
        "properties": {"rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}, "minItems": 1}},
        "example": {"rows": [row["example"]]},
    }
    content: dict[str, Any] = {"application/json": {"schema": rows}}
    if not served.pictures:
        content["text/csv"] = {"schema": {"type": "string"}}
    if len(served.pictures) == 1:
        content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/jpeg")}
    form = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    content["multipart/form-data"] = {"schema": form}
    answers = {"application/json": {"schema": {"$ref": "#/components/schemas/Answers"}}, "text/csv": {}}
    refusals = {
        "400": "This is no request.",
        "401": "A token is needed.",
        "413": "Too large.",
        "415": "This content type is not read.",
        "422": "No row can be answered.",
        "503": "Busy; Retry-After says when to come back.",
    }
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses: dict[str, Any] = {"200": {"description": "One answer per row, in their order.", "content": answers}}
    responses |= {code: {"description": text, "content": error} for code, text in refusals.items()}
    about = {"summary": "Answer rows", "operationId": "predict", "tags": ["network"], "parameters": [_TOP]}
    return about | {"requestBody": {"required": True, "content": content}, "responses": responses}


def schemas(served: Served) -> dict[str, Any]:
    """The components that `predict_operation` names."""
    text = {"type": "string"}
    told = {"field": text, "says": text}
    place = {"type": "object", "properties": told}
    classes = served.preparation.target.classes
    answer: dict[str, Any] = {"prediction": {"type": "string", "enum": list(classes)} if classes else {"type": "number"}}
    if classes:
        answer |= {"confidence": {"type": "number"}, "probabilities": {"type": "object"}}
    answer |= {"problems": {"type": "array", "items": place}, "error": place}
    model = {"type": "object", "properties": {"name": text, "version": text}}
    answers = {"type": "array", "items": {"type": "object", "properties": answer}}
    return {
        "Row": row_schema(served.fields),
        "Answers": {"type": "object", "properties": {"answers": answers, "model": model}},
        "Error": {"type": "object", "properties": {"error": {"type": "object", "properties": told | {"remedy": text}}}},
    }
