"""A table of times as a regular grid: one row per series and step, in order, with nothing where nothing was measured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from trainwell.core.errors import DataError, did_you_mean
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Series
from trainwell.data.card import Check
from trainwell.data.forecast.clock import DAY, SECOND, Clock, clock_of
from trainwell.data.forecast.told_apart import told_apart_by
from trainwell.data.kinds import boolean, datetime, number
from trainwell.data.kinds.kind import Raw, Rule
from trainwell.data.kinds.known import is_scalar, kind_of
from trainwell.data.kinds.words import as_cells
from trainwell.data.source import Source

#: Steps without a row per row, from which on stray times are suspected rather than gaps.
MOST_EMPTY = 30
#: Name of the time where rows are only counted.
ROW = "step"


@dataclass(frozen=True)
class Names:
    """Which column plays which part.

    Args:
        time: the column of times; "" where the order of the rows is the time.
        id: the column that tells series apart, or None.
        channels: what is forecast.
        past: number columns that are known up to now.
        known: number columns that are known ahead.
    """

    time: str
    id: str | None
    channels: tuple[str, ...]
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """All number columns, in the order in which they are kept."""
        return (*self.channels, *self.past, *self.known)


@dataclass
class Grid:
    """Regular rows.

    Args:
        names: the columns.
        clock: the steps.
        times: microseconds since 1970 of each row, (R,) int64; of plain numbers, the number times a million.
        series: number of each row's series, (R,) ascending.
        ids: their names.
        values: (R, D) float64 in their own unit, NaN where nothing was measured.
        parts: the part that the source gave each row, or None.
        numbered: whether the times are plain numbers.
        checks: what was odd.
    """

    names: Names
    clock: Clock
    times: np.ndarray
    series: np.ndarray
    ids: tuple[str, ...]
    values: np.ndarray
    parts: np.ndarray | None = None
    numbered: bool = False
    checks: list[Check] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def step(self) -> str:
        """The time from one row to the next, as one writes it."""
        return step_name(self.clock, self.numbered)

    def frame(self) -> pl.DataFrame:
        """The rows as a table: series, time, values."""
        columns = [] if self.names.id is None else [pl.Series(self.names.id, [self.ids[i] for i in self.series])]
        columns.append(pl.Series(self.names.time or ROW, self.shown(self.times)))
        empty = np.isnan(self.values)
        for place, name in enumerate(self.names.values):
            columns.append(pl.Series(name, self.values[:, place]).set(pl.Series(empty[:, place]), None))
        return pl.DataFrame(columns)

    def shown(self, times: np.ndarray) -> np.ndarray:
        """Times as the table has them: moments, or plain numbers."""
        if not self.numbered:
            return times.astype("datetime64[us]")
        whole = (times % SECOND == 0).all()
        return times // SECOND if whole else times / SECOND


def step_name(clock: Clock, numbered: bool) -> str:
    """A step as one writes it: `15m`, or a plain number.

    Example:
        >>> step_name(Clock.of("90m"), False), step_name(Clock.of("5"), True)
        ('90m', '5')
    """
    return f"{clock.step / SECOND:g}" if numbered else str(clock)


def names_in(source: Source, recipe: Recipe) -> tuple[Names, list[Check]]:
    """The parts that the columns play, from what the recipe says and what they hold.

    Raises:
        DataError: a named column is not there, or no number column is left to forecast.
    """
    rule, frame = recipe.series, source.frame
    for name in (
        rule.time,
        rule.id,
        *rule.known,
        *([recipe.target] if isinstance(recipe.target, str) else recipe.target or []),
    ):
        if name is not None and name not in frame.columns:
            raise DataError(f"there is no column {name!r}", where=source.origin, remedy=did_you_mean(name, frame.columns))
    time = rule.time if rule.time is not None else _time_column(source)
    apart = {time, rule.id, recipe.split.by if recipe.split.how == "column" else None}
    ignored = {name for name, column in recipe.columns.items() if column.kind == "ignore"}
    left = [c for c in frame.columns if c not in apart and c not in ignored]
    numbers = [c for c in left if _is_number(source, c)]
    wanted = recipe.target if recipe.target is not None else [c for c in numbers if c not in rule.known]
    channels = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    if not channels or not all(c in numbers for c in channels):
        odd = next((c for c in channels if c not in numbers), None)
        what = (
            f"the column {odd!r} holds no numbers that could be forecast" if odd else "no column of numbers is left to forecast"
        )
        raise DataError(what, where=source.origin, remedy="Give target=…, a column of numbers.")
    past = tuple(c for c in numbers if c not in channels and c not in rule.known)
    out = [c for c in left if c not in numbers]
    checks = []
    own = told_apart_by(source.table, time, out) if rule.id is None else rule.id
    if own in out:
        out.remove(own)
        text = f"Series are told apart by {own!r}: rows share times, and each time stands once for each of its values."
        checks.append(Check("id", "WARN", text, own))
    if out:
        text = (
            f"Left out {', '.join(out[:5])}: forecasts use columns of numbers; with several series, name theirs in series.id."
        )
        checks.append(Check("text", "WARN", text, count=len(out)))
    return Names(time, own, channels, past, tuple(c for c in rule.known if c in numbers)), checks


def _time_column(source: Source) -> str:
    """The only column of dates; else a column `step` that counts, as a grid of ours has; "" where there is neither."""
    found = [c for c in source.frame.columns if _kind(source, c) == "datetime"]
    if len(found) > 1:
        raise DataError(
            f"there are several columns of dates ({', '.join(found[:5])})", where=source.origin, remedy="Give series.time=…"
        )
    return found[0] if found else _counted_steps(source)


def _counted_steps(source: Source) -> str:
    if ROW not in source.frame.columns:
        return ""
    steps = source.frame[ROW]
    if not (steps.dtype.is_numeric() and steps.null_count() == 0 and (steps.diff().drop_nulls() > 0).all()):
        remedy = f"Give series.time=…, or give {ROW!r} another name: steps that are numbered here are called so."
        raise DataError(f"no column holds dates, and {ROW!r} does not count upwards", where=source.origin, remedy=remedy)
    return ROW


def _raw(source: Source, name: str) -> Raw:
    return Raw(name, as_cells(source.frame[name]), np.arange(len(source)))


def _kind(source: Source, name: str) -> str:
    raw = _raw(source, name)
    return kind_of(raw)[0] if is_scalar(raw) else "ignore"


def _is_number(source: Source, name: str) -> bool:
    return _kind(source, name) in ("number", "boolean") or (
        source.frame[name].dtype.is_numeric() or source.frame[name].null_count() == len(source)
    )


def regular(source: Source, names: Names, rule: Series, *, clock: Clock | None = None) -> Grid:
    """The source's rows on a regular grid.

    Rows of one step are averaged; steps without a row, or without a time, stay empty.

    Args:
        source: the raw rows.
        names: which column is what.
        rule: the step.
        clock: a clock that is known already, as it is at prediction.

    Raises:
        DataError: no row has a time, or the times are so far apart that nearly every step is empty.
    """
    checks = list[Check]()
    times, numbered = _times(source, names.time, checks)
    ids, series = _series(source, names.id, checks)
    timed = times != np.iinfo(np.int64).min
    if not timed.any():
        raise DataError(f"no row has a time in {names.time!r}", where=source.origin, remedy="Give series.time=…")
    if n := int((~timed).sum()):
        checks.append(Check("times", "WARN", f"{n:,} rows have no time and were left out.", names.time, n))
    values = np.stack([_numbers(source, name, checks) for name in names.values], axis=1)
    order = np.lexsort((times, series))
    order = order[timed[order]]
    if (order != np.flatnonzero(timed)).any():
        checks.append(Check("order", "WARN", "The rows were not in order of series and time; they were sorted.", names.time))
    parts = None if source.parts is None else source.parts[order]
    loose = Grid(names, Clock(), times[order], series[order], ids, values[order], parts, numbered, checks)
    return _on_grid(loose, *_clock(loose, rule, clock))


def _times(source: Source, name: str, checks: list[Check]) -> tuple[np.ndarray, bool]:
    """Microseconds (plain numbers: millionths), the smallest int64 where there is no time; and whether they are numbers."""
    if not name:
        checks.append(Check("times", "WARN", "No column holds times; the rows were taken to be in order, one step apart."))
        return np.arange(len(source)) * SECOND, True
    raw = _raw(source, name)
    kind, guess = kind_of(raw)
    nothing = np.iinfo(np.int64).min
    if kind == "datetime":
        checks += list(guess.checks)
        moments = datetime.clean(raw, guess.form, Rule()).values
        if _has_zone(raw, str(guess.form.get("format", ""))):
            checks.append(Check("zone", "WARN", "The times name their zone; they were all turned into UTC.", name))
        return np.where(np.isnat(moments), nothing, moments.astype(np.int64)), False
    if kind != "number":
        raise DataError(
            f"the column {name!r} holds neither dates nor numbers", where=source.origin, remedy="Give series.time=…"
        )
    values = number.clean(raw, guess.form, Rule()).values
    kept = np.isfinite(values) & (np.abs(values) < 1e12)
    return np.where(kept, np.round(np.where(kept, values, 0) * SECOND).astype(np.int64), nothing), True


def _has_zone(raw: Raw, form: str) -> bool:
    return bool(vars(raw.series.dtype).get("time_zone")) if isinstance(raw.series.dtype, pl.Datetime) else "%#z" in form


def _series(source: Source, name: str | None, checks: list[Check]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the series in order, and each row's number."""
    if name is None:
        return ("",), np.zeros(len(source), np.int64)
    words = _raw(source, name).words
    texts = words.texts.to_list()
    order = sorted(range(len(texts)), key=lambda place: texts[place])
    place = np.empty(len(texts) + 1, np.int64)
    place[order], place[-1] = np.arange(len(texts)), len(texts)
    if (words.codes < 0).any():
        n = int((words.codes < 0).sum())
        checks.append(Check("id", "WARN", f"{n:,} rows have no {name}; they were taken to be one series.", name, n))
        texts.append("")
        order.append(len(texts) - 1)
    return tuple(texts[i] for i in order), place.take(words.codes)


def _numbers(source: Source, name: str, checks: list[Check]) -> np.ndarray:
    """A column of numbers or of yes and no, NaN where a cell holds neither."""
    raw = _raw(source, name)
    kind, guess = kind_of(raw) if is_scalar(raw) else ("ignore", None)
    if kind == "boolean" and guess is not None:
        values = boolean.clean(raw, guess.form, Rule()).values.astype(np.float64)
        return np.where(values == 0, np.nan, (values + 1) / 2)
    known = number.recognise(raw, forced=True)
    cleaned = number.clean(raw, known.form if known else {}, Rule())
    if n := len(cleaned.unreadable):
        text = f"{n:,} cells of {name!r} are not numbers and count as missing."
        checks.append(Check("unreadable", "WARN", text, name, n))
    return np.where(np.isfinite(cleaned.values), cleaned.values, np.nan)


def _clock(loose: Grid, rule: Series, known: Clock | None) -> tuple[Clock, bool]:
    """The steps, and whether stamps belong to the step they are nearest to rather than to the one they lie in."""
    if known is not None:
        return known, not known.months
    own, share = clock_of(loose.times, loose.series)
    asked = own if rule.every == "auto" else Clock.of(rule.every)
    coarser = asked.step > own.step or asked.months > own.months
    if coarser and asked.step:  # from midnight, and from Monday
        asked = replace(asked, phase=4 * DAY if asked.step % (7 * DAY) == 0 else 0)
    elif rule.every != "auto":
        asked = asked.in_phase(loose.times)
    if share < 0.95 and len(loose) > 2:
        step = step_name(own, loose.numbered)
        text = f"Only {share:.0%} of the times are one step of {step} apart; the rows were put on a regular grid."
        loose.checks.append(Check("irregular", "WARN", text))
    elif coarser:
        loose.checks.append(
            Check(
                "resampled",
                "PASS",
                f"Rows {step_name(own, loose.numbered)} apart were averaged to steps of {step_name(asked, loose.numbered)}.",
            )
        )
    return asked, bool(asked.step) and not coarser


def _on_grid(loose: Grid, clock: Clock, nearest: bool) -> Grid:
    """One row for each step of each series, from its first time to its last."""
    steps = clock.steps(loose.times, nearest=nearest)
    begin = np.flatnonzero(np.r_[True, loose.series[1:] != loose.series[:-1]])
    count = np.diff(np.r_[begin, len(steps)])
    first = steps[begin]
    length = steps[begin + count - 1] - first + 1
    total = int(length.sum())
    if total > MOST_EMPTY * len(steps) + 1000:
        raise DataError(
            f"{len(steps):,} rows lie on {total:,} steps of {step_name(clock, loose.numbered)}: nearly every step is empty",
            remedy="Give series.every=…, name the series in series.id, or remove stray times.",
        )
    start = np.cumsum(length) - length
    place = steps + np.repeat(start - first, count)
    every = np.arange(total) + np.repeat(first - start, length)
    return replace(
        loose,
        clock=clock,
        times=clock.moments(every),
        series=np.repeat(loose.series[begin], length),
        values=_means(loose.values, place, total),
        parts=None if loose.parts is None else _carried(loose.parts, place, total),
        checks=loose.checks + _holes(place, steps, total, loose.names.time),
    )


def _holes(place: np.ndarray, steps: np.ndarray, total: int, time: str) -> list[Check]:
    """What is said about several rows of one step, and about steps without any."""
    checks, n = [], len(np.unique(place))
    if len(steps) > n:
        text = f"{len(steps) - n:,} rows share series and step with another one; they were averaged."
        checks.append(Check("duplicate_times", "WARN", text, time, len(steps) - n))
    if total > n:
        text = f"{total - n:,} of {total:,} steps have no row; each holds the last value before it, and is never a target."
        checks.append(Check("gaps", "WARN", text, time, total - n))
    return checks


def _means(values: np.ndarray, place: np.ndarray, total: int) -> np.ndarray:
    """Means of the measured values of each step, (total, D), NaN where there are none."""
    if len(place) == total and (place == np.arange(total)).all():
        return values
    out = np.empty((total, values.shape[1]))
    for column, cells in enumerate(values.T):
        there = ~np.isnan(cells)
        n = np.bincount(place[there], minlength=total)
        out[:, column] = np.divide(
            np.bincount(place[there], cells[there], minlength=total), n, out=np.full(total, np.nan), where=n > 0
        )
    return out


def _carried(parts: np.ndarray, place: np.ndarray, total: int) -> np.ndarray:
    """The part of each step: that of its rows, or of the step before."""
    at = np.full(total, -1, np.int64)
    at[place] = np.arange(len(place))
    return np.asarray(parts[np.maximum.accumulate(at)])


def steps_since_first(times: pl.Series, clock: Clock, rows: np.ndarray) -> np.ndarray:
    """How many steps of the clock lie between the first time of a grid's column and that of each row, int64."""
    plain = times.dtype.is_numeric()
    micros = (
        np.round(times.to_numpy() * SECOND).astype(np.int64)
        if plain
        else times.cast(pl.Datetime("us")).to_physical().to_numpy()
    )
    steps = clock.steps(micros, nearest=bool(clock.step))
    return np.asarray(steps[rows] - steps.min())


def carried_forward(values: np.ndarray, series: np.ndarray) -> np.ndarray:
    """Empty cells filled with the last value before them in their series, or 0 before the first; (R, D).

    Example:
        >>> carried_forward(np.array([[np.nan], [1.0], [np.nan], [np.nan]]), np.array([0, 0, 0, 1])).ravel().tolist()
        [0.0, 1.0, 1.0, 0.0]
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    begin = np.maximum.accumulate(np.where(np.r_[True, series[1:] != series[:-1]], np.arange(len(series)), 0))
    at = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))[:, None]), axis=0)
    filled = np.take_along_axis(values, np.maximum(at, 0), axis=0)
    return np.where(at >= begin[:, None], filled, 0.0)
