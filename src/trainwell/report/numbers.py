"""Numbers as one would write them by hand."""

from __future__ import annotations

import math


def short(value: float, *, sign: bool = False, digits: int = 4) -> str:
    """Four digits that matter (or `digits`), thousands separated, no exponent where one can do without.

    Example:
        >>> short(178134.2), short(0.49992), short(1e12), short(1312.0, sign=True), short(float("nan"))
        ('178,134', '0.4999', '1e+12', '+1,312', '–')
    """
    if not math.isfinite(value):
        return "–"
    plus = "+" if sign else ""
    if abs(value) >= 1e9:
        return f"{value:{plus}.{digits}g}"
    whole = abs(value) >= 1000 or float(value).is_integer()
    return f"{value:{plus},.0f}" if whole else f"{value:{plus}.{digits}g}"
