"""The counted distribution agrees with numpy on the values themselves."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.data.kinds.distribution import Distribution

VALUES = st.lists(st.integers(-20, 20), min_size=1, max_size=50)


@given(values=VALUES, share=st.floats(0, 1))
def test_it_agrees_with_numpy(values: list[int], share: float) -> None:
    array = np.array(values, float)
    found = Distribution.of(array)
    assert found.total == len(array)
    assert found.mean == pytest.approx(array.mean())
    assert found.deviation == pytest.approx(array.std(), abs=1e-12)
    assert found.quantile(share) == pytest.approx(np.quantile(array, share))
    assert found.mode == min(values, key=lambda value: (-values.count(value), value))
    assert 0 < found.middle_ranks.min() <= found.middle_ranks.max() < 1


@given(values=VALUES)
def test_whole_numbers_counted_and_sorted_agree(values: list[int]) -> None:
    array = np.array(values, float)
    counted, by_sorting = Distribution.of(array, (min(values), max(values))), Distribution.of(array)
    assert np.array_equal(counted.values, by_sorting.values)
    assert np.array_equal(counted.counts, by_sorting.counts)


@given(values=VALUES)
def test_the_fence_holds_most_and_counts_what_is_outside(values: list[int]) -> None:
    array = np.array(values, float)
    found = Distribution.of(array)
    for rule in ("mad", "iqr"):
        low, high = found.fence(rule)
        assert found.outside(low, high) == int(((array < low) | (array > high)).sum())
        assert found.inside(low, high).total == found.total - found.outside(low, high)
        assert found.clipped(low, high).total == found.total


def test_a_known_fence() -> None:
    low, high = Distribution.of(np.array([1.0, 2, 3, 4, 5])).fence("mad")  # median 3, median distance 1
    assert (low, high) == pytest.approx((3 - 5 * 1.482602, 3 + 5 * 1.482602))
    low, high = Distribution.of(np.array([1.0, 2, 3, 4, 5])).fence("iqr")
    assert (low, high) == (2 - 6, 4 + 6)


def test_mostly_equal_values_do_not_fence_out_all_others() -> None:
    values = np.array([0.0] * 90 + [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 1000])
    low, high = Distribution.of(values).fence("mad")
    assert Distribution.of(values).outside(low, high) == 1


def test_knots_stand_evenly_and_hold_the_ends() -> None:
    found = Distribution.of(np.arange(5_000.0))
    places = found.knots(101)
    assert len(places) == 101
    assert (places[0], places[-1]) == (0, 4_999)
    assert np.ptp(np.diff(places)) <= 1


def test_the_histogram_counts_every_value() -> None:
    found = Distribution.of(np.random.Generator(np.random.Philox(1)).normal(size=1_000))
    assert sum(found.histogram(10)["counts"]) == 1_000


def test_nothing_at_all() -> None:
    found = Distribution.of(np.full(3, np.nan))
    assert (found.total, found.mean, found.median, found.deviation, found.mode) == (0, 0, 0, 0, 0)
    assert found.histogram() == {"edges": [], "counts": []}


def test_averages_have_the_same_bits_on_any_number_of_threads() -> None:
    """A product by BLAS has not: its last bits depend on how many threads share it."""
    program = (
        "import numpy as np; from trainwell.data.kinds.distribution import Distribution; "
        "found = Distribution.of(np.random.Generator(np.random.Philox(0)).normal(size=200_000) * 1e3); "
        "print(found.mean.hex(), found.deviation.hex())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "4")
    }
    assert len(said) == 1
