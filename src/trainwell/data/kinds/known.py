"""The column kinds by name, in the order in which they are asked."""

from __future__ import annotations

from trainwell.core.errors import DataError
from trainwell.data.kinds import boolean, category, datetime, number
from trainwell.data.kinds.kind import Guess, Kind, Raw

KINDS: dict[str, Kind] = {"boolean": boolean, "datetime": datetime, "number": number, "category": category}


def kind_of(raw: Raw, asked: str = "auto") -> tuple[str, Guess]:
    """The kind of a column and the reason, from its train rows.

    Args:
        raw: the column.
        asked: what the recipe or the source says it is; "auto" to find out.
    """
    if asked != "auto":
        guess = KINDS[asked].recognise(raw, forced=True)
        if guess is None:
            raise DataError(f"column {raw.name!r} cannot be read as {asked}", remedy="Choose another kind for it.")
        return asked, guess
    for name, kind in KINDS.items():
        guess = kind.recognise(raw)
        if guess is not None:
            return name, guess
    raise DataError(f"column {raw.name!r} fits no kind", remedy=f"Say columns.{raw.name}=ignore.")
