"""Rows as a client sends them: JSON checked field by field, so that a bad row is an error of that row alone.

What a network can answer it answers, as `Run.predict` does: unseen labels, empty cells and text in a number are said beside the
answer. An error is what has no meaning at all: a list where a number belongs, a picture that cannot be decoded. Texts are never
taken for paths or addresses; pictures come as base64.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainwell.data.preparation import Preparation
from trainwell.ship.serve.fields import Field
from trainwell.ship.serve.refusal import Refused

#: Whole numbers beyond it are not int64, in which tables keep them.
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row."""

    row: int
    field: str
    says: str

    def to_dict(self) -> dict[str, Any]:
        return {"field": path_of(self.row, self.field), "says": self.says}


def path_of(row: int, column: str = "") -> str:
    """Where something stands in a request.

    Example:
        >>> path_of(3, "age"), path_of(0, "sepal length (cm)")
        ('rows[3].age', 'rows[0]["sepal length (cm)"]')
    """
    head = f"rows[{row}]"
    if not column:
        return head
    return f"{head}.{column}" if column.isidentifier() else f"{head}[{json.dumps(column, ensure_ascii=False)}]"


def parsed(body: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        Refused: 400, with the line where it ends to be JSON.
    """
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        what = f"this is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError:
        what = "the body is not text in UTF-8"
    except RecursionError:
        what = "the JSON is nested too deeply"
    except ValueError as error:  # whole numbers of thousands of digits
        what = f"this is not JSON that can be used: {error}"
    raise Refused(400, what, remedy='Send {"rows": [{…}, …]} with the content type application/json.')


def listed(content: Any, most: int) -> list[Any]:
    """The rows of a request: a list, `{"rows": […]}` or `{"row": {…}}`.

    Raises:
        Refused: 422 for any other form, 413 for more than `most` rows.
    """
    rows = content
    if isinstance(content, dict):
        known = [name for name in ("rows", "row") if name in content]
        if len(known) != 1:
            raise Refused(422, "the body has neither rows nor row", remedy='Send {"rows": [{…}, …]}.')
        rows = content[known[0]] if known[0] == "rows" else [content["row"]]
    if not isinstance(rows, list):
        raise Refused(422, f"expected a list of rows, found {_name(rows)}", field="rows")
    if not rows:
        raise Refused(422, "there are no rows", field="rows", remedy="Send at least one.")
    if len(rows) > most:
        raise Refused(413, f"{len(rows):,} rows are more than the {most:,} of one request", remedy="Send them in parts.")
    return rows


class Checker:
    """Knows the fields of a network, and says what is wrong with a row."""

    def __init__(self, fields: Sequence[Field], preparation: Preparation) -> None:
        self._cells = {field.name: _check(field) for field in fields}
        self._any_field = preparation.gather is not None  # numbered columns have names that nobody lists

    def check(self, rows: Sequence[Any]) -> tuple[list[dict[str, Any]], list[int], list[Fault]]:
        """The rows that can be answered, their places among all, and what is wrong with the others."""
        good, places, faults = list[dict[str, Any]](), list[int](), list[Fault]()
        for place, row in enumerate(rows):
            found = self._row(row, place)
            if isinstance(found, Fault):
                faults.append(found)
            else:
                good.append(found)
                places.append(place)
        return good, places, faults

    def _row(self, row: Any, place: int) -> dict[str, Any] | Fault:
        if not isinstance(row, dict):
            return Fault(place, "", f"expected an object with the fields of a row, found {_name(row)}")
        if not self._any_field and not self._cells.keys() & row.keys():
            some = ", ".join(list(self._cells)[:5])
            return Fault(place, "", f"the row has none of the fields of this network, which are {some}")
        found: dict[str, Any] = {}
        for name, value in row.items():
            check = self._cells.get(name)
            if check is None and not _is_unicode(name):
                continue
            try:
                found[name] = (check or _other)(value)
            except _BadCell as error:
                return Fault(place, name, str(error))
        return found


class _BadCell(Exception):
    """What is wrong with a cell."""


def _check(field: Field) -> Callable[[Any], Any]:
    if field.kind == "picture":
        return _picture
    if field.kind == "series":
        return lambda value: _series(value, field)
    if field.kind == "tensor":
        return lambda value: _tensor(value, field)
    return _scalar if field.kind != "text" else _text


def _scalar(value: Any) -> Any:
    if type(value) is float or value is None or type(value) is bool:
        return value
    if type(value) is int:
        return value if -_LARGEST <= value <= _LARGEST else _as_float(value)
    return _text(value)


def _other(value: Any) -> Any:
    """A cell of a column that the network does not look at; its name may still tell of a misspelling."""
    try:
        return None if isinstance(value, (list, dict)) else _scalar(value)
    except _BadCell:
        return None


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: Any) -> Any:
    if isinstance(value, str):
        if not _is_unicode(value):
            raise _BadCell("the text holds half a surrogate pair, which is no character")
    elif isinstance(value, (list, dict)):
        raise _BadCell(f"expected one value, found {_name(value)}")
    return value


def _picture(value: Any) -> bytes:
    if isinstance(value, bytes):
        blob = value
    elif isinstance(value, str):
        text = value.partition(",")[2] if value.startswith("data:") else value
        try:
            blob = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise _BadCell("expected a picture file in base64; paths and addresses are not opened") from None
    else:
        raise _BadCell(f"expected a picture file in base64, found {_name(value)}")
    return blob


def _series(value: Any, field: Field) -> Any:
    rows = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    if len(rows) != field.shape[0] or not all(_numbers(row) for row in rows):
        raise _BadCell(f"expected {field.shape[0]} list(s) of numbers, one per channel")
    if len({len(row) for row in rows}) > 1 or not rows[0]:
        raise _BadCell("the channels of a series have the same length, at least one step")
    return value


def _numbers(row: Any) -> bool:
    return isinstance(row, list) and all(v is None or type(v) in (int, float) for v in row)


def _tensor(value: Any, field: Field) -> Any:
    import numpy as np

    try:
        array = np.asarray(value, np.float32)
    except (TypeError, ValueError, OverflowError):
        raise _BadCell(f"expected numbers of shape {list(field.shape)}") from None
    if array.shape != field.shape:
        raise _BadCell(f"expected numbers of shape {list(field.shape)}, found {list(array.shape)}")
    return array


def _name(value: Any) -> str:
    names: Mapping[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
