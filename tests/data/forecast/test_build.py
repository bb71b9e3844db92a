"""Windows are views; they never look or reach into a later part; scales are those of the training steps."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.errors import DataError, RecipeError
from trainwell.core.recipe import Recipe
from trainwell.data.forecast.clock import Clock
from trainwell.data.load import load
from trainwell.data.preparation import Preparation


def stores(lengths: tuple[int, ...] = (120, 90), seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    frames = [
        pl.DataFrame(
            {"shop": f"s{i}", "day": np.arange(n), "sold": 100.0 * i + draw.normal(size=n), "price": draw.normal(size=n)}
        )
        for i, n in enumerate(lengths)
    ]
    return pl.concat(frames)


RULES = {"id": "shop", "time": "day", "horizon": 5, "lookback": 8}


@settings(max_examples=30, deadline=None)
@given(
    horizon=st.integers(1, 9),
    lookback=st.integers(1, 12),
    lengths=st.lists(st.integers(60, 90), min_size=1, max_size=3),
    gap=st.sampled_from([0.0, 0.05]),
)
def test_every_window_holds_the_rows_it_says(horizon: int, lookback: int, lengths: list[int], gap: float) -> None:
    rules = RULES | {"horizon": horizon, "lookback": lookback}
    recipe = Recipe(series=rules, prepare={"scale_target": False}, split={"how": "time", "gap": gap})
    data = load(stores(tuple(lengths)), target="sold", recipe=recipe)
    sold = data.source.frame["sold"].to_numpy().astype(np.float32)
    shop, parts = data.source.frame["shop"].to_numpy(), np.full(len(sold), "", dtype="U5")
    for part, rows in data.rows.items():
        for row in rows:
            ahead = slice(row, row + horizon)
            assert np.array_equal(data.arrays["target"][row], sold[ahead])
            assert np.array_equal(data.arrays["series"][row, 0], sold[row - lookback : row])
            assert len(set(shop[row - lookback : row + horizon])) == 1
            assert set(parts[ahead]) <= {"", part}  # no step is forecast in two parts
            parts[ahead] = part
    times = data.source.frame["day"].to_numpy()
    for earlier, later in (("train", "valid"), ("valid", "test")):
        if (parts == earlier).any() and (parts == later).any():
            assert times[parts == earlier].max() < times[parts == later].min()


def test_windows_take_no_memory_of_their_own() -> None:
    n = 20_000
    data = load(
        {"t": np.arange(n), "x": np.random.default_rng(0).normal(size=n)}, recipe=Recipe(series={"horizon": 96, "time": "t"})
    )
    windows = data.arrays["series"]
    assert windows.shape[2] >= 300
    first, after = np.asarray(windows[500]), np.asarray(windows[501])
    assert np.array_equal(first[:, 1:], after[:, :-1])
    assert np.shares_memory(windows[500], windows[501])
    assert not windows.flags.writeable


def test_what_comes_later_changes_nothing_that_was_fitted() -> None:
    frame = stores()
    data = load(frame, target="sold", recipe=Recipe(series=RULES))
    first = data.source.frame["day"].to_numpy()[data.rows["train"]].max() + RULES["horizon"]
    poisoned = frame.with_columns(pl.when(pl.col("day") >= first).then(1e6).otherwise(pl.col("sold")).alias("sold"))
    again = load(poisoned, target="sold", recipe=Recipe(series=RULES))
    assert again.preparation.digest() == data.preparation.digest()
    rows = data.rows["train"]
    assert np.array_equal(again.arrays["series"][rows], data.arrays["series"][rows])
    assert np.array_equal(again.arrays["target"][rows], data.arrays["target"][rows])


def test_each_series_is_scaled_by_its_own_training_steps() -> None:
    data = load(stores(), target="sold", recipe=Recipe(series=RULES))
    state = data.preparation.forecast
    assert state is not None
    assert state.centre[:, 0] == pytest.approx([0.0, 100.0], abs=1.0)
    assert abs(np.asarray(data.arrays["target"][data.rows["train"]]).mean()) < 0.2


def test_a_filled_step_is_never_a_target_and_never_holds_what_came_later() -> None:
    frame = stores((200,)).with_columns(
        pl.when(pl.col("day").is_between(60, 64)).then(None).otherwise(pl.col("sold")).alias("sold")
    )
    data = load(frame, target="sold", recipe=Recipe(series=RULES, prepare={"scale_target": False}))
    for rows in data.rows.values():
        assert not any(set(range(row, row + 5)) & set(range(60, 65)) for row in rows)
    held = data.arrays["series"][66, 0]
    assert held[2:7] == pytest.approx([frame["sold"][59]] * 5)


def test_the_same_data_come_back_from_their_own_grid_and_from_disk(tmp_path) -> None:
    recipe = Recipe(series=RULES, target="sold")
    data = load(stores(), recipe=recipe)
    again = data.under(recipe.but(series__lookback=4)).under(recipe)
    assert again.fingerprint == data.fingerprint
    data.preparation.save(tmp_path)
    assert Preparation.load(tmp_path).digest() == data.preparation.digest()


def test_parts_at_moments_and_the_columns_roles() -> None:
    rules = RULES | {"known": ["price"]}
    data = load(stores((150,)), target="sold", recipe=Recipe(series=rules, split={"how": "time", "at": ["100", "120", "140"]}))
    days = data.source.frame["day"].to_numpy()
    assert (days[data.rows["train"]].max() + 4, days[data.rows["test"]].max() + 4) == (99, 139)
    assert data.shape.names == ("series", "ahead")
    assert data.arrays["ahead"].shape == (150, 1, 13)


def test_a_random_split_of_windows_is_refused() -> None:
    with pytest.raises(RecipeError, match="would let the future train"):
        load(stores(), target="sold", recipe=Recipe(series=RULES, split={"how": "random"}))


def test_steps_may_be_made_coarser() -> None:
    times = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 2, 29), "1h", eager=True)
    frame = pl.DataFrame({"time": times, "x": np.arange(len(times)) % 24})
    data = load(frame, recipe=Recipe(series={"horizon": 2, "lookback": 4, "every": "1d"}, prepare={"scale_target": False}))
    assert len(data) == 60
    assert data.source.frame["x"].head(59).to_list() == [11.5] * 59


@pytest.mark.parametrize("every", ["15m", "1h", "1d", "1w", "1mo", "1q", "1y"])
def test_a_clock_gives_back_its_own_moments(every: str) -> None:
    clock = Clock.of(every)
    moments = clock.moments(np.arange(-30, 700))
    assert (np.diff(moments) > 0).all()
    assert np.array_equal(clock.steps(moments), np.arange(-30, 700))


def test_month_ends_stay_month_ends() -> None:
    ends = np.arange("2023-02", "2024-03", dtype="datetime64[M]").astype("datetime64[us]") - np.timedelta64(1, "D")
    clock = Clock.of("1mo").in_phase(ends.astype(np.int64))
    assert np.array_equal(clock.moments(clock.steps(ends.astype(np.int64))).astype("datetime64[us]"), ends)


def test_a_column_of_steps_is_the_time_and_one_that_does_not_count_is_named() -> None:
    values = {"value": [float(i % 7) for i in range(60)]}
    recipe = Recipe(target="value", series={"horizon": 4, "lookback": 8})
    counted = load(pl.DataFrame({"step": range(60)} | values), recipe=recipe)
    assert counted.shape.inputs[0].shape == (1, 8)
    assert counted.under(recipe.but(split__seed=1)).shape == counted.shape
    with pytest.raises(DataError, match="'step' does not count upwards"):
        load(pl.DataFrame({"step": [1, 2, 3] * 20} | values), recipe=recipe)


def test_series_under_each_other_are_told_apart_unless_two_columns_could_do_it() -> None:
    frame = stores((60, 60)).with_columns(pl.Series("note", ["ok"] * 120))
    recipe = Recipe(series={"time": "day", "horizon": 5, "lookback": 8}, target="sold")
    data = load(frame, recipe=recipe)
    assert [entry["name"] for entry in data.card.columns if entry["role"] == "id"] == ["shop"]
    assert "id" in {check.code for check in data.card.checks}
    both = frame.with_columns(pl.col("shop").alias("other"))
    assert "id" not in {entry["role"] for entry in load(both, recipe=recipe).card.columns}
