"""Dates: read in the format most cells have, encoded as a trend and the wheels that turn."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from trainwell.data.kinds import datetime
from trainwell.data.kinds.kind import Cleaned, Raw, Rule

DAYS = [dt.date(2021, 1, 1) + dt.timedelta(days=17 * i) for i in range(40)]


def raw_of(cells: Any, name: str = "d") -> Raw:
    series = pl.Series(name, cells, strict=False)
    return Raw(name, series, np.arange(len(series)))


def cleaned_of(cells: Any) -> Cleaned:
    guess = datetime.recognise(raw_of(cells), forced=True)
    assert guess is not None
    return datetime.clean(raw_of(cells), guess.form, Rule())


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %b %Y", "%b %d, %Y", "%d-%b-%Y", "%d.%m.%y",
     "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%d %H:%M:%S.%f"],
)  # fmt: skip
def test_dates_as_people_write_them(form: str) -> None:
    cells = [dt.datetime.combine(day, dt.time(13, 30)).strftime(form) for day in DAYS]
    guess = datetime.recognise(raw_of(cells))
    assert guess is not None, form
    values = datetime.clean(raw_of(cells), guess.form, Rule()).values
    assert [value.astype("datetime64[D]").item() for value in values] == DAYS


@pytest.mark.parametrize(
    "cells", [["a", "b"], ["1", "2"], ["12:30", "14:00"], ["1.2.3"], ["may", "june"], ["", None], ["10-K", "10-Q"]]
)
def test_text_that_is_no_date(cells: list[Any]) -> None:
    assert datetime.recognise(raw_of(cells)) is None


def test_eight_digits_are_dates_only_in_a_column_called_so() -> None:
    cells = [20210131, 20211231, 20200229]
    assert datetime.recognise(raw_of(cells, "order_date")) is not None
    assert datetime.recognise(raw_of(cells, "amount")) is None


def test_day_or_month_first_is_said_when_both_read() -> None:
    guess = datetime.recognise(raw_of(["01/02/2021", "03/04/2021", "05/06/2021"]))
    assert guess is not None
    assert [check.code for check in guess.checks] == ["dates"]
    settled = datetime.recognise(raw_of(["01/02/2021", "03/04/2021", "25/06/2021"]))
    assert settled is not None
    assert (settled.form["format"], settled.checks) == ("%d/%m/%Y", ())


def test_only_wheels_that_turn_are_kept() -> None:
    def wheels(moments: list[Any]) -> list[str]:
        cleaned = cleaned_of(moments)
        return datetime.fit(cleaned, np.arange(len(moments)), Rule()).wheels

    assert wheels(DAYS) == ["month", "weekday"]
    assert wheels([dt.datetime(2021, 5, 3, hour) for hour in range(24)]) == ["hour"]
    assert wheels([dt.date(year, 1, 1) for year in (2020, 2020, 2021)]) == []


def test_december_stands_beside_january_and_zones_are_one_clock() -> None:
    cleaned = cleaned_of(DAYS)
    state = datetime.fit(cleaned, np.arange(len(DAYS)), Rule())
    year = cleaned_of([dt.date(2021, month, 15) for month in range(1, 13)])
    circle = datetime.encode(state, year)[:, 1:3]
    steps = np.linalg.norm(circle - np.roll(circle, 1, axis=0), axis=1)
    assert np.allclose(steps, steps[0], atol=1e-6)
    zoned = cleaned_of(["2021-03-01T12:00:00+02:00", "2021-03-01T10:00:00Z"]).values
    assert zoned[0] == zoned[1]


def test_bad_dates_are_unreadable_and_encoded_as_no_moment() -> None:
    cells = [*(str(day) for day in DAYS), "2021-02-31", None]
    cleaned = cleaned_of(cells)
    assert cleaned.unreadable.tolist() == [40]
    state = datetime.fit(cleaned, np.arange(42), Rule())
    out = datetime.encode(state, cleaned)
    assert out[40].tolist() == [0.0] * (out.shape[1] - 1) + [1.0]


def test_decoding_finds_the_day_again() -> None:
    cleaned = cleaned_of(DAYS)
    state = datetime.fit(cleaned, np.arange(len(DAYS)), Rule())
    back = datetime.decode(state, datetime.encode(state, cleaned)).to_numpy()
    assert (np.abs(back - cleaned.values) < np.timedelta64(60, "s")).all()


def test_iso_dates_are_read_beside_any_format() -> None:
    values = datetime.clean(raw_of(["31.12.2021", "2021-12-30"]), {"format": "%d.%m.%Y"}, Rule()).values
    assert values.astype("datetime64[D]").astype(str).tolist() == ["2021-12-31", "2021-12-30"]


def test_a_column_of_several_hands_is_read_in_each_of_their_ways() -> None:
    days = [dt.date(2021, 1, 1) + dt.timedelta(days=11 * i) for i in range(90)]
    cells = [day.strftime(("%d.%m.%Y", "%Y-%m-%d", "%d/%m/%Y")[i % 3]) for i, day in enumerate(days)]
    guess = datetime.recognise(raw_of(cells))
    assert guess is not None
    assert {guess.form["format"], *guess.form["others"]} == {"%d.%m.%Y", "%Y-%m-%d", "%d/%m/%Y"}
    assert [check.code for check in guess.checks] == ["dates"]
    values = datetime.clean(raw_of(cells), guess.form, Rule()).values
    assert [value.astype("datetime64[D]").item() for value in values] == days


def test_month_and_day_are_not_exchanged_for_a_few_cells_that_cannot_be_read() -> None:
    cells = [*(day.strftime("%d/%m/%Y") for day in DAYS), "12/31/2021"]
    guess = datetime.recognise(raw_of(cells))
    assert guess is not None
    assert "others" not in guess.form
    assert datetime.clean(raw_of(cells), guess.form, Rule()).unreadable.tolist() == [40]
