"""Who looks on at a training that was given no observers: nobody, unless the place one works in says so, as a notebook does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Makers = list[Callable[[], Callable[[dict[str, Any]], bool | None]]]

_makers: Makers = []


def observe_by_default(maker: Callable[[], Callable[[dict[str, Any]], bool | None]]) -> None:
    """From now on, every training without observers gets the one that `maker` makes.

    Example:
        >>> observe_by_default(lambda: print)
        >>> default_observers()
        [<built-in function print>]
        >>> clear_default_observers()
    """
    _makers[:] = [maker]


def clear_default_observers() -> None:
    """As it was before `observe_by_default`."""
    _makers.clear()


def default_observers() -> list[Callable[[dict[str, Any]], bool | None]]:
    """New observers for one training that was given none."""
    return [maker() for maker in _makers]
