"""A table of times and a recipe that asks for a forecast become data: grid, split by time, scales, windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import numpy as np

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts
from trainwell.data.card import Card, Check
from trainwell.data.data import Data
from trainwell.data.forecast.calendar_features import calendar, wheels_that_turn
from trainwell.data.forecast.clock import SECOND
from trainwell.data.forecast.describe import check_leaks, describe
from trainwell.data.forecast.grid import Grid, names_in, regular
from trainwell.data.forecast.season import season_of
from trainwell.data.forecast.state import Forecast, scale_of
from trainwell.data.forecast.windows import counts_ahead
from trainwell.data.preparation import Preparation
from trainwell.data.source import Source
from trainwell.data.splits import PARTS, TRAIN, Table, assign, at_moments, drawn, given_parts
from trainwell.data.target import Target

Rebuild = Callable[[Source, Recipe], Data]
#: Share of a window that must have been measured.
MEASURED = 0.5


def build_forecast(source: Source, recipe: Recipe, rebuild: Rebuild) -> Data:
    """Data whose examples are moments: what was known before, and what came after.

    Args:
        source: the raw rows, or the grid of data that were built before.
        recipe: `series`, `target`, `split` and `prepare` decide.
        rebuild: makes data of a source under another recipe.

    Raises:
        DataError: no time, no number, or too few steps for one training window.
        RecipeError: a split that forecasts cannot have.
    """
    names, checks = names_in(source, recipe)
    grid = regular(source, names, recipe.series)
    part = _parts(grid, recipe)
    lookback = _lookback(grid, part, recipe)
    state, season_said = _fitted(grid, part, lookback, recipe)
    rows, gaps = _examples(grid, part, state, recipe)
    shape, target = state.shape, Target(names.channels, "regression", centre=(0.0,), spread=(1.0,), horizon=state.horizon)
    array = state.scaled(grid)
    leaks = check_leaks(state, array, np.flatnonzero(part == TRAIN))
    card = Card(source.origin, {name: len(found) for name, found in rows.items()})
    card.checks = [*_of_readers(source), *checks, *grid.checks, *gaps, *season_said, *leaks]
    card.columns = describe(grid, part == TRAIN, state)
    kept = Source(grid.frame(), source.origin, parts=grid.parts, checks=_of_readers(source), base=source.base)
    facts = Facts(len(rows["train"]), shape, "regression", target.n_out)
    arrays = state.views(array, calendar(state.wheels, grid.times))
    preparation = Preparation((), shape, target, source.base, state)
    return Data(card, arrays, rows, preparation, kept, facts, recipe, rebuild)


def _of_readers(source: Source) -> list[Check]:
    return list(source.checks)


def _parts(grid: Grid, recipe: Recipe) -> np.ndarray:
    """The part of every row of the grid."""
    rule = recipe.split
    if rule.how == "auto":
        rule = rule.model_copy(update={"how": "given" if grid.parts is not None else "time"})
    if rule.how not in ("time", "given"):
        raise RecipeError(
            f"split.how={rule.how} would let the future train: windows of a forecast overlap",
            where="recipe key 'split.how'",
            remedy="Use split.how=time, or give files for test and valid.",
        )
    measured = ~np.isnan(grid.values[:, : len(grid.names.channels)]).all(axis=1)
    if not measured.any():
        raise DataError("not one number to forecast was measured", remedy="Choose another target column.")
    if rule.how == "time" and rule.at is not None:
        return at_moments(rule.at, grid.times.astype(np.float64), unit=SECOND if grid.numbered else 0)
    table = Table(np.ones(len(grid), bool), np.arange(len(grid)), times=grid.times.astype(np.float64), given=grid.parts)
    if rule.how == "given":
        return given_parts(table)
    return assign(rule.model_copy(update={"sample": 1.0}), table)


def _lookback(grid: Grid, part: np.ndarray, recipe: Recipe) -> int:
    """The recipe's, or what `auto` means, which no more than a quarter of the training steps of most series allows."""
    rule = recipe.series
    if rule.lookback != "auto":
        return rule.lookback
    lengths = np.bincount(grid.series[part == TRAIN])
    typical = int(np.median(lengths[lengths > 0]))
    season = rule.season if rule.season != "auto" else _season(grid, part)[0]
    wanted = max(round(3.5 * rule.horizon), 2 * season)
    return max(1, min(wanted, typical // 4))


def _season(grid: Grid, part: np.ndarray) -> tuple[int, float]:
    """The season of the longest training series."""
    train = np.flatnonzero(part == TRAIN)
    longest = np.bincount(grid.series[train]).argmax()
    values = grid.values[train[grid.series[train] == longest]][:, : len(grid.names.channels)]
    centre, spread = scale_of(values)
    return season_of(np.nan_to_num((values - centre) / spread))


def _fitted(grid: Grid, part: np.ndarray, lookback: int, recipe: Recipe) -> tuple[Forecast, list[Check]]:
    """Everything that is taken from training rows."""
    rule, names = recipe.series, grid.names
    season, strength = _season(grid, part) if rule.season == "auto" else (max(1, rule.season), 0.0)
    said = []
    if rule.season == "auto" and season > 1:
        text = f"The training steps repeat after {season} steps of {grid.step} (autocorrelation {strength:.2f})."
        said.append(Check("season", "PASS", text, count=season))
    centre, spread = _scales(grid, part, said)
    if not recipe.prepare.scale_target:
        centre[:, : len(names.channels)], spread[:, : len(names.channels)] = 0, 1
    state = Forecast(
        time=names.time,
        id=names.id,
        channels=names.channels,
        past=names.past,
        known=names.known,
        wheels=wheels_that_turn(grid.times[part == TRAIN]) if rule.calendar and not grid.numbered else (),
        clock=astuple(grid.clock),
        lookback=lookback,
        horizon=rule.horizon,
        season=season,
        numbered=grid.numbered,
        ids=grid.ids,
        centre=centre,
        spread=spread,
        naive=_naive(grid, part, season, spread),
    )
    return state, said


def _scales(grid: Grid, part: np.ndarray, said: list[Check]) -> tuple[np.ndarray, np.ndarray]:
    """Centre and spread of every series, (S, D) each; of a series without training rows, the mean of the others."""
    train = part == TRAIN
    found = [scale_of(grid.values[train & (grid.series == s)]) for s in range(len(grid.ids))]
    centre, spread = np.stack([f[0] for f in found]), np.stack([f[1] for f in found])
    trained = np.bincount(grid.series[train], minlength=len(grid.ids)) > 0
    if not trained.all():
        centre[~trained], spread[~trained] = centre[trained].mean(axis=0), spread[trained].mean(axis=0)
        text = f"{int((~trained).sum()):,} series have no training steps; they are scaled as the others are on average."
        said.append(Check("new_series", "WARN", text, grid.names.id or "", int((~trained).sum())))
    for place, name in enumerate(grid.names.values):
        column = grid.values[train][:, place]
        column = column[~np.isnan(column)]
        if not len(column) or column.min() == column.max():
            what = "is empty" if not len(column) else f"is {column[0]:g}"
            said.append(Check("constant", "WARN", f"Column {name!r} {what} in all training steps.", name))
    return centre, spread


def _naive(grid: Grid, part: np.ndarray, season: int, spread: np.ndarray) -> np.ndarray:
    """Mean size of the change from one season to the next in the training steps, in units of the spread, (S, C)."""
    c = len(grid.names.channels)
    out = np.ones((len(grid.ids), c))
    for s in range(len(grid.ids)):
        values = grid.values[(part == TRAIN) & (grid.series == s)][:, :c]
        change = np.abs(values[season:] - values[:-season]) if len(values) > season else np.empty((0, c))
        there = ~np.isnan(change)
        mean = np.where(there, change, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1) / spread[s, :c]
        out[s] = np.where(mean > 1e-9, mean, 1.0)
    return out


def _examples(grid: Grid, part: np.ndarray, state: Forecast, recipe: Recipe) -> tuple[dict[str, np.ndarray], list[Check]]:
    """Which moments are examples of which part, and what is said about those that are none."""
    n, back, ahead = len(grid), state.lookback, state.horizon
    place = np.arange(n)
    begin = np.maximum.accumulate(np.where(np.r_[True, grid.series[1:] != grid.series[:-1]], place, 0))
    changed = np.r_[True, (grid.series[1:] != grid.series[:-1]) | (part[1:] != part[:-1])]
    # All steps that are forecast lie in one part and one series, and the past is long enough.
    whole = (place + ahead <= n) & (counts_ahead(np.r_[changed[1:], True], max(1, ahead - 1)) == 0 if ahead > 1 else True)
    whole &= place - begin >= back
    empty = np.isnan(grid.values[:, : len(state.channels)]).any(axis=1)
    true = counts_ahead(empty, ahead) == 0
    seen = np.r_[np.zeros(min(back, n), np.int64), counts_ahead(empty, back)][:n] <= (1 - MEASURED) * back
    rows = {name: np.flatnonzero(whole & true & seen & (part == code)) for code, name in enumerate(PARTS)}
    checks = _set_aside(whole, true & seen, part)
    if not len(rows["train"]):
        lengths = np.bincount(grid.series[part == TRAIN])
        raise DataError(
            f"no training window of {back} past and {ahead} future steps fits: the longest series has {lengths.max():,} "
            f"training steps, {int(empty.sum()):,} of all steps are empty",
            remedy="Give more rows, a shorter series.horizon or series.lookback, or a coarser series.every.",
        )
    for name in ("valid", "test"):
        steps = int((part == PARTS.index(name)).sum())
        if steps and not len(rows[name]):
            text = f"The {name} part has {steps:,} steps and no whole window of {ahead} future ones; nothing is judged there."
            checks.append(Check("short_part", "WARN", text, count=steps))
    return drawn(recipe.split, rows, Table(np.ones(n, bool), np.arange(n))), checks


def _set_aside(whole: np.ndarray, measured: np.ndarray, part: np.ndarray) -> list[Check]:
    lost = whole & ~measured & (part >= 0)
    if not lost.any():
        return []
    n, of = int(lost.sum()), int((whole & (part >= 0)).sum())
    text = f"{n:,} of {of:,} windows would forecast or rest on steps that were not measured; they were set aside."
    return [Check("unmeasured", "WARN", text, count=n)]
