"""A suggested value of a recipe key, and why."""

from __future__ import annotations

from typing import Any, NamedTuple


class Choice(NamedTuple):
    """One suggested value and why."""

    value: Any
    why: str


Choices = dict[str, Choice]
