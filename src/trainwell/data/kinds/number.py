"""Numbers: found in text too, filled, scaled, and always finite.

The default scale maps train quantiles to a normal distribution: outliers and skew, which linear scalings leave to the network,
are gone, and the map is monotone, so nothing is lost. Source: scikit-learn's `QuantileTransformer`; Holzmüller, Grinsztajn and
Steinwart, "Better by default", NeurIPS 2024.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from scipy.special import ndtri

from trainwell.core.errors import DataError, RecipeError
from trainwell.data.card import Check
from trainwell.data.kinds import number_text
from trainwell.data.kinds.distribution import SMALL_RANGE, Distribution
from trainwell.data.kinds.kind import Cleaned, Form, Guess, Raw, Rule
from trainwell.data.kinds.words import nothing

INPUT = "number"

#: Cells beyond this do not fit float32 and are held here.
LARGEST = 1e38
#: Encoded values are held within this, so that their squares stay finite in float32.
_BOUND = 1e18
_KNOTS = 1_000
_LOOKED_AT = 1_000
_MANY = 10_000  # from here on values are worth ordering
_PLACES = 65_535
_CLOSEST = 1e-290  # knots nearer to each other than this would make an infinite slope
_EXACT = 2**53  # whole numbers beyond it are not all float64
#: Share of readable cells from which a text column is a number column.
_ENOUGH = 0.9
_CODE_NAME = re.compile(r"(^|[_\W])(zip|zipcode|postal|postcode|plz|code|phone|isbn|ean|sku|fips|naics|icd)([_\W]|$)", re.I)


@dataclass(frozen=True)
class State:
    """What one number column learnt from the train rows.

    `quantile` goes through `knots` and `levels`; every other scale is `(x - centre) / spread`, `log` after `log1p`.
    """

    scale: str = "none"
    fill: float = 0.0
    indicator: bool = False
    outliers: str = "leave"
    low: float = -LARGEST
    high: float = LARGEST
    centre: float = 0.0
    spread: float = 1.0
    knots: np.ndarray = field(default_factory=lambda: np.zeros(1))
    levels: np.ndarray = field(default_factory=lambda: np.zeros(1))


def recognise(raw: Raw, *, forced: bool = False) -> Guess | None:
    """Any numeric column; text when nine cells in ten read as numbers and none has a leading zero."""
    series = raw.series
    if series.dtype.is_numeric() or series.dtype in (pl.Duration, pl.Time):
        return None if _names_codes(raw) and not forced else Guess(f"the column holds numbers ({series.dtype})")
    style = number_text.style_of(raw)
    if forced:
        return Guess("the recipe says so", style.form if style else {})
    if style is None or style.share < _ENOUGH or _leading_zeros(raw.words.texts, raw.counts):
        return None
    share = "every cell reads as one" if style.share == 1 else f"{style.share:.1%} of the cells read as such"
    return Guess(f"text that holds {style.why}; {share}", style.form)


def _names_codes(raw: Raw) -> bool:
    return raw.series.dtype.is_integer() and bool(_CODE_NAME.search(raw.name))


def _leading_zeros(texts: pl.Series, counts: np.ndarray) -> bool:
    seen = texts.filter(pl.Series(counts > 0))
    return len(seen) > 0 and int(seen.str.contains(r"^0\d+$").sum()) > 0.01 * len(seen)


def clean(raw: Raw, form: Form, rule: Rule) -> Cleaned:
    """Float64 with NaN for missing; infinite cells are missing, cells beyond 1e38 are held there; both are counted."""
    values, unreadable = _values(raw, form)
    infinite = huge = np.zeros(0, bool)
    if np.fmax.reduce(values, initial=0.0) > LARGEST or np.fmin.reduce(values, initial=0.0) < -LARGEST:
        infinite = np.isinf(values)
        values = np.where(infinite, np.nan, values)
        huge = np.abs(values) > LARGEST
        values = values.clip(-LARGEST, LARGEST)
    cleaned = Cleaned(values, np.isnan(values), np.flatnonzero(unreadable) if unreadable is not None else np.zeros(0, np.int64))
    if forced_nonsense(cleaned, rule):
        raise DataError(f"column {raw.name!r} holds no number", remedy=f"Leave out columns.{raw.name}.kind=number.")
    _note(cleaned, raw.name, "infinite", infinite, "{n:,} infinite {cells} treated as missing")
    _note(cleaned, raw.name, "huge", huge, "{n:,} {cells} beyond ±1e38 held at that bound, the end of single precision")
    return cleaned


def forced_nonsense(cleaned: Cleaned, rule: Rule) -> bool:
    """The recipe calls a column numbers that has cells, none of which is one."""
    return rule.kind == "number" and len(cleaned.unreadable) > 0 and bool(cleaned.missing.all())


def _note(cleaned: Cleaned, name: str, code: str, where: np.ndarray, text: str) -> None:
    if n := int(where.sum()):
        rows = tuple(f"row {row}" for row in np.flatnonzero(where)[:5])
        said = text.format(n=n, cells="cell was" if n == 1 else "cells were")
        cleaned.checks.append(Check(code, "WARN", f"Column {name!r}: {said}.", name, n, rows))


def _values(raw: Raw, form: Form) -> tuple[np.ndarray, np.ndarray | None]:
    series = raw.series
    if series.dtype in (pl.Duration, pl.Time):
        unit = {"ns": 1e9, "us": 1e6, "ms": 1e3}[getattr(series.dtype, "time_unit", "ns")]
        return _floats(series.to_physical()) / unit, None
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        return _floats(series), None
    words = raw.words
    per_text = number_text.parse(words.texts, form)
    lost = np.isnan(per_text) & ~nothing(words.texts)
    return words.spread(per_text, np.nan), words.spread(lost, False)


def _floats(series: pl.Series) -> np.ndarray:
    if series.dtype.is_integer() or series.dtype.is_float():
        return np.asarray(series.to_numpy(), np.float64)  # null is NaN
    return series.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _offsets(cleaned: Cleaned) -> np.ndarray:
    """Distance of each whole number from the least one, int32; 0 for missing."""
    if "offsets" not in cleaned.scratch:
        low = cleaned.scratch["whole"][0]
        values = np.where(cleaned.missing, low, cleaned.values) if cleaned.missing.any() else cleaned.values
        cleaned.scratch["offsets"] = (values - low).astype(np.int32)
    return np.asarray(cleaned.scratch["offsets"])


def whole_range(cleaned: Cleaned) -> tuple[int, int] | None:
    """What `_whole` says, found once."""
    if "whole" not in cleaned.scratch:
        cleaned.scratch["whole"] = _whole(cleaned.values, cleaned.missing)
    known: tuple[int, int] | None = cleaned.scratch["whole"]
    return known


def _whole(values: np.ndarray, missing: np.ndarray) -> tuple[int, int] | None:
    """Least and greatest value of a column of whole numbers in a small range, which can be counted and looked up."""
    some = values[:_LOOKED_AT]
    some = some[~np.isnan(some)]
    if (some != np.rint(some)).any():
        return None
    present = values[~missing] if missing.any() else values
    if not len(present):
        return None
    low, high = float(present.min()), float(present.max())
    exact = low >= -_EXACT and high <= _EXACT and high - low < SMALL_RANGE
    return (int(low), int(high)) if exact and (present == np.rint(present)).all() else None


def distribution(cleaned: Cleaned, rows: np.ndarray) -> Distribution:
    """The train values, sorted and counted once for `fit` and `describe`."""
    known = cleaned.scratch.get("distribution")
    if known is None or known[0] is not rows:
        known = (rows, _distribution(cleaned, rows))
        cleaned.scratch["distribution"] = known
    return known[1]


def _distribution(cleaned: Cleaned, rows: np.ndarray) -> Distribution:
    whole = whole_range(cleaned)
    if whole is None or whole[1] - whole[0] >= 2 * len(rows):
        return Distribution.of(cleaned.values[rows])
    rows = rows[~cleaned.missing[rows]] if cleaned.missing.any() else rows
    return Distribution.counted(np.bincount(_offsets(cleaned)[rows]), whole[0])


def fit(cleaned: Cleaned, rows: np.ndarray, rule: Rule) -> State:
    """Fill value, fence and scale from the train rows `rows`."""
    found = distribution(cleaned, rows)
    gaps = len(rows) - found.total
    low, high = (-LARGEST, LARGEST)
    if rule.outliers in ("clip", "replace") and found.total:
        low, high = found.fence("mad" if rule.outlier_rule == "forest" else rule.outlier_rule)
        found = found.clipped(low, high) if rule.outliers == "clip" else found.inside(low, high)
    fill = _fill(found, rule)
    kept = {"fill": fill, "indicator": bool(rule.indicator and gaps), "outliers": rule.outliers, "low": low, "high": high}
    if gaps and rule.missing == "constant":
        found = Distribution.of(np.append(np.repeat(found.values, found.counts), np.full(gaps, fill)))
    if rule.scale == "quantile":
        return State(scale="quantile", **_quantiles(found), **kept)  # type: ignore[arg-type]
    centre, spread = _centre_spread(found, rule.scale)
    return State(scale=rule.scale, centre=centre, spread=spread, **kept)  # type: ignore[arg-type]


def _fill(found: Distribution, rule: Rule) -> float:
    if rule.missing == "constant":
        try:
            return float(rule.fill or 0.0)
        except ValueError:
            raise RecipeError(f"a number column cannot be filled with {rule.fill!r}", remedy="Give a number.") from None
    return {"mean": found.mean, "mode": found.mode}.get(rule.missing, found.median)


def _quantiles(found: Distribution) -> dict[str, np.ndarray]:
    if not found.total:
        return {}
    places = found.knots(_KNOTS)
    apart = np.diff(found.values[places], prepend=-np.inf) > _CLOSEST
    places = places[apart]
    return {"knots": found.values[places], "levels": ndtri(found.middle_ranks[places])}


def _centre_spread(found: Distribution, scale: str) -> tuple[float, float]:
    if scale == "log":
        found = Distribution(_log(found.values), found.counts)
    low, high = found.quantile(0.0), found.quantile(1.0)
    centre, spread = {
        "standard": (found.mean, found.deviation),
        "log": (found.mean, found.deviation),
        "minmax": (low, high - low),
        "signed": ((low + high) / 2, (high - low) / 2),
        "robust": (found.median, found.quantile(0.75) - found.quantile(0.25)),
        "none": (0.0, 1.0),
    }[scale]
    return centre, spread if spread > max(1e-12 * abs(centre), 1e-250) else 1.0


def _log(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def features(state: State, name: str) -> tuple[str, ...]:
    """The column, and `name.missing` where train rows had gaps."""
    return (name, f"{name}.missing") if state.indicator else (name,)


def encode(state: State, cleaned: Cleaned) -> np.ndarray:
    """(N, 1) or, with the indicator, (N, 2) float32."""
    values, whole = cleaned.values, whole_range(cleaned)
    if whole is not None and whole[1] - whole[0] < 2 * len(values):  # each number of the range once is less than each row
        scaled = _looked_up(state, cleaned, whole)
    else:
        scaled = _scaled(state, np.where(cleaned.missing, state.fill, values) if cleaned.missing.any() else values)
    if not state.indicator:
        return scaled[:, None]
    return np.stack([scaled, cleaned.missing.astype(np.float32)], axis=1)


def _looked_up(state: State, cleaned: Cleaned, whole: tuple[int, int]) -> np.ndarray:
    scaled = _scaled(state, np.arange(whole[0], whole[1] + 1, dtype=np.float64)).take(_offsets(cleaned))
    if cleaned.missing.any():
        scaled[cleaned.missing] = _scaled(state, np.array([state.fill]))
    return scaled


def _scaled(state: State, values: np.ndarray) -> np.ndarray:
    if state.outliers == "clip":
        values = values.clip(state.low, state.high)
    elif state.outliers == "replace":
        values = np.where((values < state.low) | (values > state.high), state.fill, values)
    if state.scale == "quantile":
        return _through(values, state.knots, state.levels)
    values = _log(values) if state.scale == "log" else values
    return np.asarray(((values - state.centre) / state.spread).clip(-_BOUND, _BOUND), np.float32)


def _through(values: np.ndarray, knots: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """`numpy.interp` as float32; many values are taken in about ascending order, in which the next knot is the last one's."""
    if len(values) < _MANY or not knots[0] < knots[-1]:
        return np.asarray(np.interp(values, knots, levels), np.float32)
    place = (values.clip(knots[0], knots[-1]) - knots[0]) * (_PLACES / (knots[-1] - knots[0]))
    order = np.argsort(place.astype(np.uint16), kind="stable")  # by radix
    scaled = np.empty(len(values), np.float32)
    scaled[order] = np.interp(values[order], knots, levels)
    return scaled


def encode_cell(state: State) -> Callable[[Any], list[float] | None]:
    """The arithmetic of `encode` on one float, in the same order, so that the bits agree."""
    gap = [float(_scaled(state, np.array([state.fill]))[0])] + ([1.0] if state.indicator else [])
    tail = [0.0] if state.indicator else []
    scale = _cell_scale(state)

    def cell(value: Any) -> list[float] | None:
        if value is None:
            return gap
        if type(value) is not float and type(value) is not int:
            return None
        if value != value or value in (math.inf, -math.inf):
            return gap
        held = float(min(max(value, -LARGEST), LARGEST))
        return [scale(held), *tail]

    return cell


def _cell_scale(state: State) -> Callable[[float], float]:
    if state.outliers in ("clip", "replace") or state.scale == "log":
        return lambda value: float(_scaled(state, np.array([value]))[0])
    if state.scale != "quantile":
        centre, spread = state.centre, state.spread
        return lambda value: min(max((value - centre) / spread, -_BOUND), _BOUND)
    knots: list[float] = state.knots.tolist()
    levels: list[float] = state.levels.tolist()
    last = len(knots) - 1

    def through(value: float) -> float:  # as numpy.interp
        place = bisect_right(knots, value) - 1
        if place < 0:
            return levels[0]
        if place == last or knots[place] == value:
            return levels[place]
        slope = (levels[place + 1] - levels[place]) / (knots[place + 1] - knots[place])
        return slope * (value - knots[place]) + levels[place]

    return through


def decode(state: State, encoded: np.ndarray) -> pl.Series:
    """(N, F) back to numbers in the column's own unit; filled cells come back empty where an indicator tells."""
    scaled = encoded[:, 0].astype(np.float64)
    if state.scale == "quantile":
        values = np.interp(scaled, state.levels, state.knots)
    else:
        values = scaled * state.spread + state.centre
        values = np.sign(values) * np.expm1(np.abs(values)) if state.scale == "log" else values
    series = pl.Series(values)
    return series.set(pl.Series(encoded[:, 1] == 1), None) if state.indicator else series


def unusual(state: State, cleaned: Cleaned) -> Iterator[tuple[int, str]]:
    """Nothing: any finite number can be scaled."""
    return iter(())


def describe(cleaned: Cleaned, rows: np.ndarray, state: State) -> dict[str, Any]:
    """Quantiles, moments, histogram and outlier fence of the train rows."""
    found = distribution(cleaned, rows)
    return summary(found) | {"fill": state.fill, "scale": state.scale}


def summary(found: Distribution) -> dict[str, Any]:
    """Count, moments, quantiles, histogram and fence, as JSON."""
    low, high = found.fence("mad")
    shares = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
    return {
        "distinct": len(found.values),
        "mean": found.mean,
        "deviation": found.deviation,
        "quantiles": {f"{share:g}": found.quantile(share) for share in shares},
        "histogram": found.histogram(),
        "outliers": found.outside(low, high) if found.total else 0,
        "fence": [low, high] if np.isfinite(low) else None,
    }
