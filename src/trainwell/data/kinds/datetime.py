"""Moments in time: a trend, and the turning wheels of year, week and day, as far as they turn in the train rows.

A wheel is a sine and a cosine, so that December stands beside January. An empty cell is the origin of all of them: no moment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from trainwell.data.card import Check
from trainwell.data.kinds.kind import Cleaned, Form, Guess, Raw, Rule
from trainwell.data.kinds.words import nothing

INPUT = "number"

_DAY = 86_400_000_000  # microseconds
_EPOCH = dt.datetime(1970, 1, 1)
_LOOKED_AT = 2_000
_ENOUGH = 0.9
#: Formats that one column may mix, and the share of its cells below which one is a slip of the pen.
_WAYS, _FEW = 5, 0.01

_DATES = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%y",
    "%m/%d/%y",
    "%d/%m/%y",
)
_SHORT = ("%d.%m.%y", "%m/%d/%y", "%d/%m/%y")
_NAMED = ("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%a %b %d %H:%M:%S %Y")
_TIMES = (
    "",
    " %H:%M:%S%.f",
    "T%H:%M:%S%.f",
    " %H:%M",
    "T%H:%M",
    " %I:%M:%S %p",
    " %I:%M %p",
    "T%H:%M:%S%.f%#z",
    " %H:%M:%S%.f%#z",
)
_ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f")
_NAMES = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]*"
_LOOKS_LIKE = rf"(?i)^(?:\d{{1,4}}|{_NAMES})[-/. ,]+(?:\d{{1,2}}|{_NAMES})[-/. ,]+\d"

#: The wheels: name, number of teeth, and the tooth of each moment in microseconds since 1970.
_WHEELS: dict[str, int] = {"month": 12, "weekday": 7, "hour": 1440}


@dataclass(frozen=True)
class State:
    """Centre and spread of the trend in days since 1970, and the wheels that turn."""

    centre: float = 0.0
    spread: float = 1.0
    wheels: list[str] = field(default_factory=list)
    indicator: bool = False
    fill: float | None = None


def recognise(raw: Raw, *, forced: bool = False) -> Guess | None:
    """Date and datetime columns; text when nine cells in ten read in one date format."""
    series = raw.series
    if series.dtype in (pl.Date, pl.Datetime):
        return Guess(f"the column holds dates ({series.dtype})")
    if series.dtype.is_integer():
        return Guess("whole numbers of the form YYYYMMDD", {"format": "%Y%m%d"}) if forced or _eight_digits(raw) else None
    if series.dtype != pl.String and not forced:
        return None
    return _guess_format(raw, forced)


def _eight_digits(raw: Raw) -> bool:
    if "date" not in raw.name.lower():
        return False
    seen = raw.series.gather(raw.rows).drop_nulls()
    days = seen.cast(pl.String).str.to_date("%Y%m%d", strict=False)
    return len(seen) > 0 and bool(days.is_between(dt.date(1800, 1, 1), dt.date(2200, 1, 1)).fill_null(False).all())


def _guess_format(raw: Raw, forced: bool) -> Guess | None:
    seen = raw.telling[:: max(1, len(raw.telling) // _LOOKED_AT)]
    texts, weights = raw.words.texts.gather(seen), raw.counts[seen]
    if not len(texts):
        return None
    looks = texts.str.contains(_LOOKS_LIKE) & (texts.str.len_chars() <= 40)
    if not forced and looks.mean() < _ENOUGH:  # type: ignore[operator]
        return None
    shares = _shares(texts, weights)
    best = max(shares, key=lambda form: shares[form])
    ways, checks = {best: shares[best]}, list(_ambiguity(raw.name, best, shares))
    if shares[best] < 1:
        ways, checks = _several(raw.name, texts, weights)
    if sum(ways.values()) < (_ENOUGH if not forced else 1e-9):
        return None
    best, *others = ways
    why = f"text that reads as dates of the form {best}; {ways[best]:.1%} of the cells do"
    return Guess(why, {"format": best} | ({"others": others} if others else {}), tuple(checks))


def _shares(texts: pl.Series, weights: np.ndarray, least: float = 0.5) -> dict[str, float]:
    """Share of cells that reads in each likely format; the search ends with the first that reads them all, and its twin."""
    few, few_weights = texts.head(20), weights[:20]
    shares = {"": 0.0}
    for form in (date + time for date in (*_DATES, *_SHORT, *_NAMED) for time in _TIMES):
        if _share(few, few_weights, form) >= max(least, max(shares.values()) / 2):
            shares[form] = _share(texts, weights, form)
            if shares[form] == 1:
                return shares | {_twin(form): _share(texts, weights, _twin(form))}
    return shares


def _several(name: str, texts: pl.Series, weights: np.ndarray) -> tuple[dict[str, float], list[Check]]:
    """Formats of a column that several hands wrote, each for the cells that those before it leave, with their shares of all."""
    ways, checks, left, all_cells = dict[str, float](), list[Check](), np.arange(len(texts)), float(weights.sum())
    while len(ways) < _WAYS and len(left):
        shares = _shares(texts.gather(left), weights[left], least=0.1)
        twins = {_twin(way) for way in ways} - set(ways)  # the same signs with day and month exchanged are mistakes
        order = next(iter(ways), "")
        best = max(shares, key=lambda form: (form not in twins, shares[form], _day_first(form) == _day_first(order)))
        share = shares[best] * float(weights[left].sum()) / all_cells
        if share < (_FEW if ways else 1e-9) or best in twins:
            break
        ways[best] = share
        checks += _ambiguity(name, best, shares)
        left = left[_parse(texts.gather(left), best).is_null().to_numpy()]
    if len(ways) > 1:
        told = ", ".join(f"{way} {share:.0%}" for way, share in ways.items())
        text = f"The dates of {name!r} are written in {len(ways)} ways ({told}), all of which were read."
        checks.append(Check("dates", "WARN", text, name))
    return ways or {"": 0.0}, checks


def _day_first(form: str) -> bool:
    return form.find("%d") < form.find("%m")


def _twin(form: str) -> str:
    """The format with day and month in each other's place."""
    return form.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")


def _share(texts: pl.Series, weights: np.ndarray, form: str) -> float:
    return float(weights @ _parse(texts, form).is_not_null().to_numpy() / weights.sum())


def _ambiguity(name: str, best: str, shares: Form) -> tuple[Check, ...]:
    """A warning where day-first and month-first read the cells equally well."""
    swapped = _twin(best)
    if swapped == best or best.startswith("%Y") or shares.get(swapped) != shares[best]:
        return ()
    text = (
        f"Column {name!r}: the dates read as {best} and as {swapped}; the former was taken. Write YYYY-MM-DD if that is wrong."
    )
    return (Check("dates", "WARN", text, name),)


def _parse(texts: pl.Series, form: str) -> pl.Series:
    moments = texts.str.to_datetime(form, strict=False, time_unit="us")
    if isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_zone:
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    year = r"\d{4}" if "%Y" in form else r"[-./]\d{2}(?:\D|$)"
    return moments.set(~texts.str.contains(year).fill_null(False), None)  # polars takes 21 for a year of four digits


def clean(raw: Raw, form: Form, rule: Rule) -> Cleaned:
    """datetime64[us], UTC where the cells name a zone; NaT where nothing can be read."""
    series = raw.series
    if series.dtype in (pl.Date, pl.Datetime):
        values = _utc(series).to_numpy()
        return Cleaned(values, np.isnat(values))
    per_text = _moments(raw.words.texts, form.get("format", _ISO[0]), form.get("others", ()))
    lost = np.isnat(per_text) & ~nothing(raw.words.texts)
    values = raw.words.spread(per_text, np.datetime64("NaT", "us"))
    return Cleaned(values, np.isnat(values), np.flatnonzero(raw.words.spread(lost, False)))


def _moments(texts: pl.Series, form: str, others: Sequence[str]) -> np.ndarray:
    """Texts in the column's formats; ISO dates are understood beside any."""
    moments = _parse(texts, form)
    for other in (*others, *_ISO):
        if moments.null_count() and other != form:
            moments = moments.fill_null(_parse(texts, other)) if moments.null_count() < len(texts) else _parse(texts, other)
    return moments.cast(pl.Datetime("us")).to_numpy()


def _utc(series: pl.Series) -> pl.Series:
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return series.cast(pl.Datetime("us"))


def fit(cleaned: Cleaned, rows: np.ndarray, rule: Rule) -> State:
    """Mean and deviation of the trend, and the wheels with at least three teeth in use."""
    train = cleaned.values[rows]
    gaps = np.isnat(train)
    micros = train[~gaps].astype(np.int64)
    if not len(micros):
        return State()
    days = micros / _DAY
    wheels = [name for name in _WHEELS if len(np.unique(_teeth(name, micros))) >= 3]
    fill = {"mean": days.mean(), "median": np.median(days), "mode": _mode(days)}.get(rule.missing)
    return State(
        centre=float(days.mean()),
        spread=float(days.std()) or 1.0,
        wheels=wheels,
        indicator=bool(rule.indicator and gaps.any()),
        fill=None if fill is None or rule.missing == "auto" else float(fill),
    )


def _mode(days: np.ndarray) -> float:
    values, counts = np.unique(days, return_counts=True)
    return float(values[counts.argmax()])


def _teeth(wheel: str, micros: np.ndarray) -> np.ndarray:
    """Which tooth of a wheel each moment stands on: month 0-11, weekday 0-6 (Monday first), minute of the day."""
    if wheel == "month":
        return np.asarray(micros.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12)
    if wheel == "weekday":
        return np.asarray((micros // _DAY + 3) % 7)
    return np.asarray(micros // 60_000_000 % 1440)


def _circle(teeth: int) -> np.ndarray:
    """(teeth, 2) sines and cosines."""
    angle = 2 * np.pi * np.arange(teeth) / teeth
    return np.stack([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)


def features(state: State, name: str) -> tuple[str, ...]:
    """`name`, `name.month.sin`, `name.month.cos`, …"""
    wheels = [f"{name}.{wheel}.{part}" for wheel in state.wheels for part in ("sin", "cos")]
    return (name, *wheels, *([f"{name}.missing"] if state.indicator else []))


def encode(state: State, cleaned: Cleaned) -> np.ndarray:
    """(N, F) float32."""
    values, missing = cleaned.values, cleaned.missing
    micros = np.where(missing, 0 if state.fill is None else round(state.fill * _DAY), values.astype(np.int64))
    trend = ((micros / _DAY - state.centre) / state.spread).clip(-1e18, 1e18).astype(np.float32)
    columns = [trend[:, None], *(_circle(_WHEELS[wheel]).take(_teeth(wheel, micros), axis=0) for wheel in state.wheels)]
    encoded = np.concatenate(columns, axis=1)
    if state.fill is None:
        encoded[missing] = 0
    return np.concatenate([encoded, missing[:, None].astype(np.float32)], axis=1) if state.indicator else encoded


def encode_cell(state: State) -> Callable[[Any], list[float] | None]:
    """Dates and datetimes without a zone; text takes the long way."""
    circles = {wheel: _circle(_WHEELS[wheel]).tolist() for wheel in state.wheels}
    tail = [0.0] if state.indicator else []

    def cell(value: Any) -> list[float] | None:
        if type(value) is dt.date:
            value = dt.datetime(value.year, value.month, value.day)
        if type(value) is not dt.datetime or value.tzinfo is not None:
            return None
        since = value - _EPOCH
        micros = since.days * _DAY + since.seconds * 1_000_000 + since.microseconds
        teeth = {"month": value.month - 1, "weekday": value.weekday(), "hour": value.hour * 60 + value.minute}
        turned = [part for wheel in state.wheels for part in circles[wheel][teeth[wheel]]]
        return [(micros / _DAY - state.centre) / state.spread, *turned, *tail]

    return cell


def decode(state: State, encoded: np.ndarray) -> pl.Series:
    """(N, F) back to moments by the trend, which holds about seven digits of the spread."""
    days = encoded[:, 0].astype(np.float64) * state.spread + state.centre
    series = pl.Series((days * _DAY).round().astype("datetime64[us]"))
    return series.set(pl.Series(encoded[:, -1] == 1), None) if state.indicator else series


def unusual(state: State, cleaned: Cleaned) -> Iterator[tuple[int, str]]:
    """Nothing: any moment has its place."""
    return iter(())


def describe(cleaned: Cleaned, rows: np.ndarray, state: State) -> dict[str, Any]:
    """First, middle and last moment of the train rows, and the wheels that turn."""
    train = cleaned.values[rows]
    train = np.sort(train[~np.isnat(train)])
    if not len(train):
        return {"distinct": 0}
    first, middle, last = (str(train[place]) for place in (0, len(train) // 2, -1))
    return {"distinct": len(np.unique(train)), "first": first, "middle": middle, "last": last, "wheels": state.wheels}
