"""Twenty bad series: each becomes usable data with the oddity on the card, or one sentence that helps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load

N, START = 240, datetime(2024, 1, 1)
RECIPE = Recipe(series={"horizon": 4, "lookback": 12})


def hours(n: int = N) -> list[datetime]:
    return [START + timedelta(hours=i) for i in range(n)]


def wave(n: int = N) -> np.ndarray:
    return np.sin(np.arange(n) * 2 * np.pi / 24) + np.random.default_rng(0).normal(0, 0.1, n)


def table(**columns: object) -> pl.DataFrame:
    return pl.DataFrame({"time": hours(), "load": wave()} | columns)


def duplicated() -> pl.DataFrame:
    return pl.concat([table(), table().head(30)])


def out_of_order() -> pl.DataFrame:
    return table().sample(fraction=1.0, shuffle=True, seed=0)


def gaps() -> pl.DataFrame:
    return table().filter(pl.int_range(pl.len()) % 50 < 46)


def zones() -> pl.DataFrame:
    east = timezone(timedelta(hours=5))
    texts = [t.replace(tzinfo=UTC).astimezone(east if i % 2 else UTC).isoformat() for i, t in enumerate(hours())]
    return pl.DataFrame({"time": texts, "load": wave()})


def wandering() -> pl.DataFrame:
    late = np.random.default_rng(1).integers(0, 300, N)
    return table(time=[t + timedelta(seconds=int(s)) for t, s in zip(hours(), late, strict=True)])


def future_leak() -> pl.DataFrame:
    return table(tomorrow=np.r_[wave()[3:], np.zeros(3)])


def missing_values() -> pl.DataFrame:
    return table(load=[None if 60 <= i < 75 else v for i, v in enumerate(wave().tolist())])


def words_in_numbers() -> pl.DataFrame:
    return table(load=["broken" if i == 40 else str(v) for i, v in enumerate(wave())])


def stray_time() -> pl.DataFrame:
    return table(time=[*hours()[:-1], datetime(2090, 1, 1)])


USABLE: dict[str, tuple[Callable[[], pl.DataFrame], str]] = {
    "constant": (lambda: table(load=[3.0] * N), "constant"),
    "constant beside": (lambda: table(flat=[1.0] * N), "constant"),
    "duplicate stamps": (duplicated, "duplicate_times"),
    "not in order": (out_of_order, "order"),
    "gaps": (gaps, "gaps"),
    "several zones": (zones, "zone"),
    "wandering stamps": (wandering, "irregular"),
    "a column that knows the future": (future_leak, "leak"),
    "missing stretch": (missing_values, "unmeasured"),
    "words among numbers": (words_in_numbers, "unreadable"),
    "no column of times": (lambda: table().drop("time"), "times"),
    "rows without a time": (lambda: table(time=[None, *hours()[1:]]), "times"),
    "text beside": (lambda: table(note=[f"note {i}" for i in range(N)]), "text"),
    "a column that is empty": (lambda: table(nothing=pl.Series([None] * N, dtype=pl.Float64)), "constant"),
    "infinite value": (lambda: table(load=[np.inf if i == 50 else v for i, v in enumerate(wave())]), "unmeasured"),
}


@pytest.mark.parametrize("name", sorted(USABLE))
def test_a_bad_series_becomes_data_with_the_oddity_on_the_card(name: str) -> None:
    make, code = USABLE[name]
    data = load(make(), target="load", recipe=RECIPE)
    assert code in {check.code for check in data.card.checks if check.verdict != "PASS"}
    for part in ("train", "test"):
        rows = data.rows[part]
        assert len(rows)
        for array in data.arrays.values():
            assert np.isfinite(np.asarray(array[rows])).all()


REFUSED: dict[str, tuple[Callable[[], pl.DataFrame], str]] = {
    "no rows": (lambda: table().head(0), "no rows"),
    "one point": (lambda: table().head(1), "no training window"),
    "all missing": (lambda: table(load=pl.Series([None] * N, dtype=pl.Float64)), "not one number"),
    "a stray time": (stray_time, "nearly every step is empty"),
    "a target of words": (lambda: table(load=["high", "low"] * (N // 2)), "no numbers that could be forecast"),
    "no time that can be read": (lambda: table(time=pl.Series([None] * N, dtype=pl.Datetime("us"))), "no row has a time"),
    "two columns of times": (lambda: table(also=hours()), "several columns of dates"),
    "too short": (lambda: table().head(18), "no training window"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_forecast_is_refused_in_one_sentence(name: str) -> None:
    make, said = REFUSED[name]
    with pytest.raises(TrainwellError, match=said) as caught:
        load(make(), target="load", recipe=RECIPE)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
