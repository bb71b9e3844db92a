"""The body of a request by its content type: JSON rows, a CSV table, one picture, or a form with a file."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from trainwell.core.errors import TrainwellError
from trainwell.data.readers.read import read
from trainwell.data.source import Source
from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.refusal import Refused
from trainwell.ship.serve.rows import listed, parsed
from trainwell.ship.serve.served import Served

#: Content types of tables.
TABLES = {"text/csv": ".csv", "text/tab-separated-values": ".tsv", "application/csv": ".csv"}
#: Content types that are read as JSON; the last is what curl says by itself.
JSON = ("", "application/json", "application/x-www-form-urlencoded")
_NAMED = {".csv": "text/csv", ".tsv": "text/tab-separated-values", ".json": "application/json"}
_FORM = "Send one file, as curl -F file=@rows.csv does."


def rows_of(body: bytes, kind: str, served: Served, limits: Limits) -> list[Any] | Source:
    """The rows of a request.

    Args:
        body: complete.
        kind: its content type without parameters, in lower case; "" counts as JSON.
        served: what the rows are for.
        limits: rows of one request.

    Raises:
        Refused: 400, 413, 415 or 422.
    """
    if not body:
        raise Refused(400, "the request has no body", remedy='Send {"rows": [{…}, …]}.')
    if kind in TABLES:
        return _table(body, TABLES[kind], limits)
    if kind.startswith("image/") or (kind == "application/octet-stream" and len(served.pictures) == 1):
        return [_only_picture(body, served)]
    if kind in JSON:
        return listed(parsed(body), limits.rows)
    raise Refused(415, f"the content type {kind[:60]!r} is not read", remedy="Send application/json, text/csv or a picture.")


def _only_picture(body: bytes, served: Served) -> dict[str, Any]:
    if len(served.pictures) != 1:
        n = len(served.pictures) or "no"
        raise Refused(415, f"this network looks at {n} pictures", remedy="Send rows as application/json.")
    return {served.pictures[0]: body}


def _table(body: bytes, suffix: str, limits: Limits) -> Source:
    """A table, through the reader that training uses; the file has a name of ours and is gone at once."""
    if body[:2] == b"\x1f\x8b":
        raise Refused(415, "compressed tables are not read", remedy="Send the CSV as it is.")
    if body.count(b"\n") > limits.rows + 1:
        raise Refused(413, f"the table has more than the {limits.rows:,} rows of one request", remedy="Send it in parts.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"rows{suffix}")
        path.write_bytes(body)
        try:
            source = read(path)
        except TrainwellError as error:
            raise Refused(422, error.what, field="the table", remedy=error.remedy) from None
    if not len(source):
        raise Refused(422, "the table has no rows", field="the table")
    return source


async def file_of(body: bytes, headers: Mapping[str, str]) -> tuple[bytes, str]:
    """The one file of a form, and its content type.

    Raises:
        Refused: 400 or 422, when there is no form or no file in it.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(Headers(headers), stream(), max_files=1, max_fields=8)
    try:
        form: FormData = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        said = getattr(error, "message", "") or "it has no boundary"
        raise Refused(
            400, f"the form cannot be read: {said}", remedy="Send one file, as curl -F file=@rows.csv does."
        ) from None
    files = [value for value in form.values() if isinstance(value, UploadFile)]
    if not files:
        raise Refused(422, "the form has no file", remedy=_FORM)
    suffix, told = Path(files[0].filename or "").suffix.lower(), (files[0].content_type or "").partition(";")[0].lower()
    content = await files[0].read()
    await form.close()
    return content, _NAMED.get(suffix, told)
