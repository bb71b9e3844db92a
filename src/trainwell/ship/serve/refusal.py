"""Why a request, or one row of it, is not answered: the field, what is wrong with it, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """A request that cannot be answered.

    Args:
        status: of the response, 4xx or 503.
        what: one sentence without a stop.
        field: the path of what is wrong in the request, as `rows[3].age`.
        remedy: what the client can do, as a sentence.
        headers: of the response, beside the usual ones.
    """

    def __init__(
        self, status: int, what: str, *, field: str = "", remedy: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.what, self.field, self.remedy, self.headers = status, what, field, remedy, dict(headers or {})
        super().__init__(what)

    def to_dict(self) -> dict[str, Any]:
        """The body of the response."""
        said = {"field": self.field, "says": self.what, "remedy": self.remedy}
        return {"error": {name: text for name, text in said.items() if text}}


def busy(what: str) -> Refused:
    """The answer to one request too many: come back in a second."""
    return Refused(503, what, remedy="Try again in a second.", headers={"retry-after": "1"})
