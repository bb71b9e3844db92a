"""Counts in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where needed.

    Example:
        >>> counted(1, "blank line"), counted(1200, "row")
        ('1 blank line', '1,200 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
