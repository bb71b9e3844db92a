"""Whole series: arrays of channels over time, or lists of numbers in a column, become `(N, C, L)` float32.

Holes are filled along the line between what lies beside them; what lies behind the end of a shorter series is zero. Where
training series have holes or different lengths, one more channel says what was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.kinds.kind import Cleaned, Form, Guess, Raw, Rule

INPUT = "series"


@dataclass(frozen=True)
class State:
    """Channels and length of the training series, their scale, and whether a channel says what was measured."""

    channels: int
    length: int
    measured: bool
    centre: np.ndarray
    spread: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """`(C, L)` of what a network sees."""
        return self.channels + self.measured, self.length


def recognise(raw: Raw, *, forced: bool = False) -> Guess | None:
    """A claim on arrays `(N, C, L)` of numbers, and on columns whose cells are lists of numbers."""
    if isinstance(raw.values, np.ndarray):
        return Guess("series of numbers over time") if raw.values.ndim == 3 and raw.values.dtype.kind == "f" else None
    dtype = raw.values.dtype
    inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else None
    return Guess("lists of numbers") if inner is not None and inner.is_numeric() else None


def clean(raw: Raw, form: Form, rule: Rule) -> Cleaned:
    """`(N, C, L)` float64, NaN where nothing was measured and behind the end; series without a number are missing."""
    values = _measured(raw.values if isinstance(raw.values, np.ndarray) else _of_lists(raw.values))
    missing = np.asarray(np.isnan(values).all(axis=(1, 2)))
    lengths = lengths_of(values)
    checks = _said(raw.name, values, missing, lengths)
    return Cleaned(values, missing, checks=checks, scratch={"lengths": lengths})


def _measured(values: np.ndarray) -> np.ndarray:
    """Float64 with the digits of float32, as arrays are kept, so that a row alone gives the same bits; NaN for infinity."""
    with np.errstate(over="ignore"):
        values = np.asarray(values, np.float32).astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _of_lists(series: pl.Series) -> np.ndarray:
    lists = [cell if cell is not None else [] for cell in series.to_list()]
    out = np.full((len(lists), 1, max((len(cell) for cell in lists), default=0) or 1), np.nan)
    for row, cell in enumerate(lists):
        out[row, 0, : len(cell)] = [np.nan if value is None else value for value in cell]
    return out


def lengths_of(values: np.ndarray) -> np.ndarray:
    """Steps of each series up to its last measured one, (N,) int64."""
    there = ~np.isnan(values).all(axis=1)  # (N, L)
    return np.where(there.any(axis=1), values.shape[2] - there[:, ::-1].argmax(axis=1), 0)


def _said(name: str, values: np.ndarray, missing: np.ndarray, lengths: np.ndarray) -> list[Check]:
    checks = []
    if n := int(missing.sum()):
        rows = tuple(f"row {row}" for row in np.flatnonzero(missing)[:5])
        checks.append(Check("empty_series", "WARN", f"{n:,} series hold no number; they count as flat.", name, n, rows))
    kept = lengths[~missing]
    if len(kept) and kept.min() < kept.max():
        text = f"The series have {kept.min():,} to {kept.max():,} steps; shorter ones end in zeros, and a channel says where."
        checks.append(Check("lengths", "WARN", text, name, len(kept)))
    holes = np.isnan(values).any(axis=1) & (np.arange(values.shape[2]) < lengths[:, None])
    if n := int(holes.any(axis=1).sum()):
        share = holes.sum() / max(1, lengths.sum())
        text = f"{n:,} series have holes ({share:.1%} of all steps); each was filled along the line across it."
        checks.append(Check("holes", "WARN", text, name, n))
    return checks


def fit(cleaned: Cleaned, rows: np.ndarray, rule: Rule) -> State:
    """Scale of each channel over the training series, and their longest length."""
    train = cleaned.values[rows]
    lengths = cleaned.scratch["lengths"][rows]
    length = int(lengths.max()) if len(lengths) and lengths.max() else train.shape[2]
    there = ~np.isnan(train)
    n = np.maximum(there.sum(axis=(0, 2)), 1)
    centre = np.where(there, train, 0).sum(axis=(0, 2)) / n
    spread = np.sqrt((np.where(there, train - centre[:, None], 0) ** 2).sum(axis=(0, 2)) / n)
    spread = np.where(spread > np.maximum(1e-9 * np.abs(centre), 1e-250), spread, 1.0)
    if rule.scale == "none":
        centre, spread = np.zeros_like(centre), np.ones_like(spread)
    return State(train.shape[1], length, bool((~there[:, :, :length]).any()), centre, spread)


def features(state: State, name: str) -> tuple[str, ...]:
    """The column itself."""
    return (name,)


def encode(state: State, cleaned: Cleaned) -> np.ndarray:
    """`(N, C, L)` float32, with one channel more where the training series have holes."""
    values = cleaned.values
    if values.shape[1] != state.channels:
        raise DataError(
            f"the series have {values.shape[1]} channels, those of the training {state.channels}",
            remedy="Give the same channels in the same order.",
        )
    cut = np.full((len(values), state.channels, state.length), np.nan)
    kept = min(state.length, values.shape[2])
    cut[:, :, :kept] = values[:, :, :kept]
    there = ~np.isnan(cut)
    scaled = (cut - state.centre[:, None]) / state.spread[:, None]
    for row in np.flatnonzero(~there.all(axis=(1, 2))):
        _fill(scaled[row], there[row])
    if state.measured:
        scaled = np.concatenate([scaled, there.mean(axis=1, keepdims=True)], axis=1)
    return scaled.astype(np.float32)


def _fill(series: np.ndarray, there: np.ndarray) -> None:
    """Holes of one series (C, L), in place: the line across each, the nearest value at the ends, zero behind the last step."""
    steps = np.arange(series.shape[1])
    end = int(steps[there.any(axis=0)].max(initial=-1)) + 1
    for channel, known in zip(series, there, strict=True):
        channel[:end] = np.interp(steps[:end], steps[known], channel[known]) if known.any() else 0.0
    series[:, end:] = 0.0


def encode_cell(state: State) -> Callable[[Any], Any] | None:
    """One series as `(C, L)` numbers, or a list for one channel; None for anything else."""

    def cell(value: Any) -> np.ndarray | None:
        try:
            array = np.atleast_2d(np.array(value, np.float64))
        except (TypeError, ValueError):
            return None
        if array.ndim != 2 or array.shape[0] != state.channels:
            return None
        return np.asarray(encode(state, Cleaned(_measured(array)[None], np.zeros(1, bool)))[0])

    return cell


def decode(state: State, encoded: np.ndarray) -> np.ndarray:
    """`(N, C, L)` in the channels' own units, holes and padding filled."""
    return encoded[:, : state.channels] * state.spread[:, None] + state.centre[:, None]


def unusual(state: State, cleaned: Cleaned) -> Iterator[tuple[int, str]]:
    """Series that are longer than those of the training, and those without a number."""
    for row in np.flatnonzero(cleaned.scratch["lengths"] > state.length):
        yield int(row), f"the series is longer than {state.length:,} steps; the rest of it was not looked at"
    for row in np.flatnonzero(cleaned.missing):
        yield int(row), "the series holds no number; it counts as flat"


def describe(cleaned: Cleaned, rows: np.ndarray, state: State) -> dict[str, Any]:
    """Channels and steps, mean and deviation of each channel, and lengths of the training series."""
    lengths = cleaned.scratch["lengths"][rows]
    train = cleaned.values[rows]
    measured = train[~np.isnan(train)]
    varies = 2 if len(measured) and measured.min() < measured.max() else int(len(measured) > 0)
    scale = {"mean": state.centre.round(6).tolist(), "deviation": state.spread.round(6).tolist()}
    spans = [int(lengths.min()), float(np.median(lengths)), int(lengths.max())] if len(lengths) else []
    return {"shape": [state.channels, state.length], "lengths": spans, "distinct": varies, **scale}
