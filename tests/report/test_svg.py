"""Axes carry round numbers, places are right, and thinning loses no spike."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.report.svg import Axis, Panel, axis_of, smoothed, thinned, tick_texts

numbers = st.floats(-1e9, 1e9, allow_nan=False)


@given(numbers, st.floats(1e-6, 1e9))
def test_ticks_lie_on_the_axis_and_are_few_and_distinct(low, width):
    axis = Axis(low, low + width)
    ticks = axis.ticks()
    if axis.high - axis.low > 1e-9 * abs(low):
        assert 2 <= len(ticks) <= 11
        assert all(-1e-6 <= axis.place(v) <= 1 + 1e-6 for v, _ in ticks)


def test_ticks_are_round():
    assert [t for _, t in Axis(0, 1).ticks()] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert [t for _, t in Axis(0, 1, percent=True).ticks()][-1] == "100%"
    assert [v for v, _ in Axis(0.001, 10, log=True).ticks()] == pytest.approx([0.001, 0.01, 0.1, 1, 10])
    assert [v for v, _ in Axis(2, 7, log=True).ticks()] == [2, 3, 5]
    assert tick_texts([0.00001, 0.00002]) == ["1e-5", "2e-5"]


@given(st.lists(numbers, min_size=1, max_size=20))
def test_an_axis_holds_its_values(values):
    axis = axis_of(values, "")
    assert all(0 <= axis.place(v) <= 1 for v in values)
    assert axis.low < axis.high


def test_an_axis_of_nothing_is_still_one():
    assert axis_of([math.nan], "").low < axis_of([math.nan], "").high
    assert axis_of([-1.0, 5.0], "", log=True).low > 0


def test_a_panel_places_its_corners():
    panel = Panel(Axis(0, 10), Axis(-1, 1), width=100, height=80)
    assert (panel.at_x(0), panel.at_x(10)) == (panel.LEFT, 100 - panel.RIGHT)
    assert (panel.at_y(-1), panel.at_y(1)) == (80 - panel.BOTTOM, panel.TOP)


def test_points_that_are_no_numbers_are_left_out():
    panel = Panel(Axis(0, 3), Axis(0, 3))
    panel.line([0, 1, 2, 3], [0, math.nan, 2, math.inf], "c0", "a")
    assert len(panel.lines[0]["points"]) == 2
    assert "nan" not in panel.svg()


def test_thinning_keeps_every_spike():
    points = [(float(x), 100.0 if x == 777 else math.sin(x)) for x in range(5000)]
    kept = thinned(points, 100)
    assert len(kept) <= 100
    assert (777.0, 100.0) in kept
    assert kept == sorted(kept)
    assert thinned(points[:50], 100) == points[:50]


def test_smoothing_keeps_a_constant_and_follows_a_step():
    assert smoothed([3.0] * 100) == pytest.approx([3.0] * 100)
    assert smoothed([0.0] * 200 + [1.0] * 200)[-1] == pytest.approx(1, abs=1e-6)
