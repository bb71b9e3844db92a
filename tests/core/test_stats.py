"""Intervals agree with scipy and with textbook formulas, and contain the truth as often as they say."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from trainwell.core.stats import (
    Interval,
    bca_shares,
    bootstrap_mean,
    count_blocks,
    decimals_for,
    holm,
    percentile_interval,
    resample_counts,
    resampled_means,
    sign_flip_p,
    wilson_interval,
)


@pytest.fixture
def skewed():
    return np.random.default_rng(3).exponential(size=60)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_bootstrap_agrees_with_scipy(skewed, method):
    ours = bootstrap_mean(skewed, method=method, resamples=20_000, small=False)
    name = "BCa" if method == "bca" else method
    theirs = scipy_stats.bootstrap((skewed,), np.mean, n_resamples=20_000, method=name, rng=1).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


@pytest.mark.parametrize("n", [5, 8, 20])
def test_small_normal_samples_get_the_limits_of_student(n):
    x = scipy_stats.norm.ppf((np.arange(n) + 0.5) / n)
    half = scipy_stats.t.ppf(0.975, n - 1) * x.std(ddof=1) / math.sqrt(n)
    ours = bootstrap_mean(x, method="percentile", resamples=50_000)
    assert ours.high - ours.low == pytest.approx(2 * half, rel=0.08 if n > 5 else 0.16)


@pytest.mark.parametrize(("n", "draw"), [(8, "normal"), (40, "exponential")])
def test_intervals_contain_the_truth_as_often_as_they_say(n, draw):
    rng, truth = np.random.default_rng(0), 0.0 if draw == "normal" else 1.0
    samples = getattr(rng, draw)(size=(400, n))
    found = [not bootstrap_mean(x, resamples=600, seed=i).excludes(truth) for i, x in enumerate(samples)]
    # 400 tries at 95% have a standard error of 1.1 points; BCa at n=40 of a skewed sample is known to lack about two points.
    assert 0.91 <= np.mean(found) <= 0.98


def test_wilson_agrees_with_scipy_and_stays_honest_at_the_edge():
    for hits, n in [(0, 10), (3, 10), (10, 10), (500, 1000)]:
        ours = wilson_interval(hits, n)
        theirs = scipy_stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert wilson_interval(10, 10).low < 0.75
    assert math.isnan(wilson_interval(0, 0).value)


def test_counts_are_resamples():
    counts = resample_counts(50, 4000, np.random.default_rng(0))
    assert (counts.sum(axis=1) == 50).all()
    # One cell is Binomial(50, 1/50): mean 1, variance 1 - 1/50.
    assert counts.mean() == 1.0
    assert counts.var() == pytest.approx(0.98, rel=0.02)


def test_resampling_does_not_depend_on_block_size(skewed, monkeypatch):
    whole = resampled_means(skewed, 500)
    assert whole.std() == pytest.approx(skewed.std() / math.sqrt(60), rel=0.1)
    assert sum(r for r, _ in count_blocks(10**7, 30)) == 30
    assert (resampled_means(skewed, 500) == whole).all()
    columns = resampled_means(np.stack([skewed, 2 * skewed], axis=1), 500)
    assert columns[:, 1] == pytest.approx(2 * whole)


def test_bca_without_bias_and_skew_is_the_percentile_interval():
    draws = np.linspace(-1, 1, 1001)
    assert bca_shares(0.0, draws, 0.0, 0.025) == pytest.approx((0.025, 0.975), abs=1e-6)


def test_percentile_interval_leaves_out_missing_draws_and_can_be_centred():
    draws = np.append(np.linspace(0, 1, 1001), np.nan)
    plain = percentile_interval(0.4, draws, 10)
    assert (plain.low, plain.high) == pytest.approx((0.025, 0.975))
    moved = percentile_interval(0.4, draws, 10, centre=True)
    assert (moved.low, moved.high) == pytest.approx((-0.075, 0.875))
    assert math.isnan(percentile_interval(0.4, np.array([np.nan]), 10).low)


def test_too_few_or_equal_values_claim_nothing_more_than_they_know():
    assert math.isnan(bootstrap_mean([1.0]).low)
    assert math.isnan(bootstrap_mean([]).value)
    assert bootstrap_mean([2.0, 2.0, 2.0]) == Interval(2.0, 2.0, 2.0, 3)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
def test_exact_sign_flip_counts_every_pattern(values):
    d = [v for v in values if v]
    patterns = list(itertools.product([1, -1], repeat=len(d)))
    extreme = sum(abs(sum(s * v for s, v in zip(p, d, strict=True))) >= abs(sum(d)) for p in patterns)
    assert sign_flip_p(values) == pytest.approx(extreme / len(patterns))


def test_drawn_and_normal_sign_flips_agree_with_the_limit():
    rng = np.random.default_rng(0)
    for n in (100, 3000):
        d = rng.normal(0.15 if n == 100 else 0.03, 1, n)
        expected = 2 * scipy_stats.norm.sf(abs(d.sum()) / np.sqrt((d**2).sum()))
        assert sign_flip_p(d) == pytest.approx(expected, abs=0.015)


def test_sign_flip_p_is_uniform_when_nothing_differs():
    rng = np.random.default_rng(1)
    p = [sign_flip_p(rng.normal(size=9)) for _ in range(300)]
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.01


def test_holm_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 = 0.02, 0.03, 0.06, 0.04; made monotone: 0.02, 0.03, 0.06, 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).tolist() == []


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_order(p):
    p = np.array(p)
    q = holm(p)
    assert (q >= p - 1e-15).all()
    assert (q <= np.minimum(p * len(p), 1) + 1e-12).all()
    assert (np.diff(q[np.argsort(p, kind="stable")]) >= -1e-15).all()


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.8712, 0.8661, 0.8763, 16281), "0.871 (95% CI 0.866 to 0.876, n=16281)"),
        (Interval(46512.3, 45900.2, 47100.9, 4128), "46,512 (95% CI 45,900 to 47,101, n=4128)"),
        (Interval(0.98765, 0.98765, 0.98765, 3), "0.9877 (95% CI 0.9877 to 0.9877, n=3)"),
        (Interval(0.5, math.nan, math.nan, 1), "0.5000 (95% CI nan to nan, n=1)"),
    ],
)
def test_intervals_show_the_digits_they_justify(interval, text):
    assert str(interval) == text
    assert Interval(**interval.to_dict()).n == interval.n


def test_differences_carry_their_sign():
    assert Interval(0.012, 0.004, 0.020, 8).text(sign=True) == "+0.012 (95% CI +0.004 to +0.020, n=8)"
    assert decimals_for(1e-12) == 9
