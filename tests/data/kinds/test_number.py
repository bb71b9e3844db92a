"""Numbers: every scale against its reference, text read as people write it, and nothing that is not finite."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

from trainwell.core.errors import RecipeError
from trainwell.data.kinds import number
from trainwell.data.kinds.kind import Cleaned, Guess, Raw, Rule


def raw_of(cells: Any, name: str = "x", rows: np.ndarray | None = None) -> Raw:
    series = cells if isinstance(cells, pl.Series) else pl.Series(name, cells, strict=False)
    return Raw(name, series, np.arange(len(series)) if rows is None else rows)


def cleaned_of(cells: Any, **rule: Any) -> Cleaned:
    raw = raw_of(cells)
    guess = number.recognise(raw, forced=True)
    assert isinstance(guess, Guess)
    return number.clean(raw, guess.form, Rule(**rule))


def encoded(cells: Any, rows: np.ndarray | None = None, **rule: Any) -> np.ndarray:
    cleaned = cleaned_of(cells)
    state = number.fit(cleaned, np.arange(len(cleaned.values)) if rows is None else rows, Rule(**rule))
    return number.encode(state, cleaned)


VALUES = np.random.Generator(np.random.Philox(3)).gamma(2.0, 30.0, 500)


@pytest.mark.parametrize(
    ("scale", "reference"),
    [
        ("standard", StandardScaler()),
        ("minmax", MinMaxScaler()),
        ("signed", MinMaxScaler(feature_range=(-1, 1))),
        ("robust", RobustScaler()),
    ],
)
def test_linear_scales_agree_with_scikit_learn(scale: str, reference: Any) -> None:
    expected = reference.fit_transform(VALUES[:, None])
    assert np.allclose(encoded(VALUES, scale=scale), expected, atol=1e-6)


def test_the_quantile_scale_agrees_with_scikit_learn_between_the_ends() -> None:
    reference = QuantileTransformer(n_quantiles=500, output_distribution="normal").fit_transform(VALUES[:, None])
    inner = (np.quantile(VALUES, 0.02) < VALUES) & (np.quantile(VALUES, 0.98) > VALUES)
    assert np.allclose(encoded(VALUES, scale="quantile")[inner], reference[inner], atol=0.02)


def test_the_quantile_scale_is_normal_monotone_and_bounded() -> None:
    heavy = np.concatenate([VALUES, [1e30, -1e30]])
    out = encoded(heavy, scale="quantile")[:, 0]
    order = np.argsort(heavy)
    assert (np.diff(out[order]) >= 0).all()
    assert np.abs(out).max() < 4
    assert out.mean() == pytest.approx(0, abs=0.01)
    assert out.std() == pytest.approx(1, abs=0.05)


def test_log_is_the_standardised_signed_logarithm() -> None:
    values = VALUES - 20
    expected = np.sign(values) * np.log1p(np.abs(values))
    expected = (expected - expected.mean()) / expected.std()
    assert np.allclose(encoded(values, scale="log")[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize(("missing", "fill"), [("mean", 4.25), ("median", 3.0), ("mode", 1.0), ("auto", 3.0)])
def test_gaps_are_filled_and_flagged(missing: str, fill: float) -> None:
    out = encoded([1.0, 1.0, 5.0, 10.0, None], missing=missing, scale="none")
    assert out[:, 1].tolist() == [0, 0, 0, 0, 1]
    assert out[4, 0] == pytest.approx(fill)


def test_a_constant_fill_and_no_indicator() -> None:
    out = encoded([1.0, None, 3.0], missing="constant", fill=-7.0, scale="none", indicator=False)
    assert out.tolist() == [[1.0], [-7.0], [3.0]]
    with pytest.raises(RecipeError, match="cannot be filled"):
        encoded([1.0, None], missing="constant", fill="much")


def test_gaps_outside_the_train_rows_get_no_indicator() -> None:
    assert encoded([1.0, 2.0, None], rows=np.array([0, 1]), scale="none").shape == (3, 1)


def test_outliers_are_clipped_or_replaced_by_the_fence_of_the_train_rows() -> None:
    cells = [*np.linspace(-1, 1, 99), 1e6]
    clipped, replaced = (encoded(cells, outliers=how, scale="none")[-1, 0] for how in ("clip", "replace"))
    low, high = number.Distribution.of(np.array(cells)).fence("mad")
    assert clipped == pytest.approx(high)
    assert low < replaced < high
    assert encoded(cells, outliers="leave", scale="none")[-1, 0] == 1e6


@given(
    cells=st.lists(st.none() | st.floats(), min_size=1, max_size=60),
    scale=st.sampled_from(["quantile", "standard", "minmax", "signed", "robust", "log", "none"]),
    outliers=st.sampled_from(["leave", "clip", "replace"]),
)
@settings(max_examples=300, deadline=None)
def test_whatever_the_cells_are_the_output_is_finite(cells: list[float | None], scale: str, outliers: str) -> None:
    rows = np.arange(0, len(cells), 2)
    out = encoded(pl.Series(cells, dtype=pl.Float64), rows=rows, scale=scale, outliers=outliers)
    assert np.isfinite(out).all()
    assert out.dtype == np.float32


@pytest.mark.parametrize(
    ("cells", "values", "words"),
    [
        (["1", " 2.5", "-3e2", "+4"], [1, 2.5, -300, 4], "numbers"),
        (["12,5", "0,25", "-3,0"], [12.5, 0.25, -3], "decimal comma"),
        (["1,234.5", "12", "1,000,000"], [1234.5, 12, 1e6], "thousands"),
        (["1.234,5", "12,0", "1.000.000"], [1234.5, 12, 1e6], "dots between thousands"),
        (["1 234,5", "12,0", "1\u202f000 000"], [1234.5, 12, 1e6], "spaces between thousands"),
        (["1'234.5", "12", "9'000"], [1234.5, 12, 9000], "apostrophes"),
        (["$1,200", "$3.50", "-$7"], [1200, 3.5, -7], "thousands"),
        (["12 €", "3.5€", "€ 8"], [12, 3.5, 8], "currency"),
        (["45%", "5.5 %", "100%"], [45, 5.5, 100], "per cent"),
        (["(5)", "7", "(1.5)"], [-5, 7, -1.5], "numbers"),
        (["−3", "–4", "5"], [-3, -4, 5], "numbers"),
    ],
)
def test_numbers_as_people_write_them(cells: list[str], values: list[float], words: str) -> None:
    guess = number.recognise(raw_of(cells))
    assert guess is not None
    assert words in guess.why
    assert number.clean(raw_of(cells), guess.form, Rule()).values.tolist() == values


@pytest.mark.parametrize(
    "cells",
    [["01234", "00501", "98101"], ["a", "b", "c"], ["1.2.3", "1.2.4", "2.0.0"], ["2021-01-01", "2021-01-02"], ["12:30", "1:15"],
     ["192.168.0.1", "10.0.0.7"], ["3rd", "1st"], ["", None], ["x1", "x2"]],
)  # fmt: skip
def test_text_that_is_no_number(cells: list[str]) -> None:
    assert number.recognise(raw_of(cells)) is None


def test_blank_cells_count_as_missing_and_words_as_unreadable() -> None:
    cleaned = cleaned_of(["1", " ", "n/a", "?", "oops", "2", "-"])
    assert cleaned.missing.tolist() == [False, True, True, True, True, False, True]
    assert cleaned.unreadable.tolist() == [4]


def test_infinite_and_huge_cells_are_said() -> None:
    cleaned = cleaned_of([1.0, math.inf, -math.inf, 1e308, 2.0])
    assert {check.code: check.count for check in cleaned.checks} == {"infinite": 2, "huge": 1}
    assert cleaned.values[3] == number.LARGEST


def test_postcodes_and_the_like_are_no_quantities() -> None:
    assert number.recognise(raw_of([90210, 10001], "zip_code")) is None
    assert number.recognise(raw_of([90210, 10001], "income")) is not None


def test_durations_and_times_of_day_are_seconds() -> None:
    assert cleaned_of([dt.timedelta(minutes=2), None]).values[0] == 120
    assert cleaned_of([dt.time(1, 0, 30)]).values[0] == 3630


def test_whole_number_columns_take_the_short_way_to_the_same_bits() -> None:
    cells = np.random.Generator(np.random.Philox(0)).integers(-40, 40, 1_000)
    short, plain = encoded(cells, scale="quantile"), encoded(cells.astype(float), scale="quantile")
    assert short.tobytes() == plain.tobytes()


@pytest.mark.parametrize("stretch", [1.0, 1e-280, 1e37])
def test_many_values_are_interpolated_in_another_order_to_the_same_bits(stretch: float) -> None:
    values = np.random.Generator(np.random.Philox(5)).standard_t(2, 30_000)
    values = (values / np.abs(values).max()) * stretch
    cleaned = cleaned_of(values)
    state = number.fit(cleaned, np.arange(0, 30_000, 2), Rule())
    expected = np.interp(values, state.knots, state.levels).astype(np.float32)
    assert np.array_equal(number.encode(state, cleaned)[:, 0], expected)


def test_decoding_undoes_encoding() -> None:
    for scale in ("quantile", "standard", "minmax", "signed", "robust", "log", "none"):
        cleaned = cleaned_of([*VALUES, None])
        state = number.fit(cleaned, np.arange(501), Rule(scale=scale))
        back = number.decode(state, number.encode(state, cleaned))
        assert back[500] is None
        assert np.allclose(back[:500].to_numpy(), VALUES, rtol=1e-3, atol=1e-3)
