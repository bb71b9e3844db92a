"""Who looks on at a training that was given no observers: nobody, unless the place one works in says so, as a notebook does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Makers = list[Callable[[], Callable[[dict[str, Any]], bool | None]]]

_makers: Makers = []


def look_on(maker: Callable[[], Callable[[dict[str, Any]], bool | None]]) -> None:
    """From now on, every training without observers gets the one that `maker` makes.

    Example:
        >>> look_on(lambda: print)
        >>> usual_onlookers()
        [<built-in function print>]
        >>> nobody_looks_on()
    """
    _makers[:] = [maker]


def nobody_looks_on() -> None:
    """As it was before `look_on`."""
    _makers.clear()


def usual_onlookers() -> list[Callable[[dict[str, Any]], bool | None]]:
    """New observers for one training that was given none."""
    return [maker() for maker in _makers]
