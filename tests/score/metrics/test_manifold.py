"""Distances between pictures' features: known answers, and plain loops that agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from trainwell.score.metrics.manifold import covered, frechet_distance, manifold_precision, manifold_recall
from trainwell.score.predictions import Predictions


def features(seed: int, n: int = 80, d: int = 4, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) @ np.diag(np.arange(1, d + 1)) + shift


def test_the_distance_agrees_with_the_formula_and_scipy():
    a, b = features(0), features(1, shift=0.7)
    means = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    s, t = np.cov(a.T, bias=True), np.cov(b.T, bias=True)
    wanted = means + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert frechet_distance(Predictions("generation", a, b)) == pytest.approx(wanted)


def test_the_same_pictures_are_at_no_distance_and_cover_each_other():
    a = features(0)
    p = Predictions("generation", a, a)
    assert frechet_distance(p) == pytest.approx(0, abs=1e-9)
    assert manifold_precision(p) == manifold_recall(p) == 1


def test_counting_a_row_twice_is_having_it_twice():
    a, b = features(0), features(1)
    counts = np.random.default_rng(2).integers(0, 3, 80)
    rows = np.repeat(np.arange(80), counts)
    twice = frechet_distance(Predictions("generation", a[rows], b[rows]))
    statistic = frechet_distance.statistic(Predictions("generation", a, b))
    assert statistic.weighted(counts[None].astype(float))[0] == pytest.approx(twice)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_coverage_agrees_with_a_plain_loop(seed, k):
    points, among = features(seed, 30, 2), features(seed + 1, 25, 2)
    apart = np.linalg.norm(among[:, None] - among, axis=2)
    reach = np.sort(apart, axis=1)[:, k]
    plain = [any(np.linalg.norm(x - y) <= r for y, r in zip(among, reach, strict=True)) for x in points]
    assert covered(points, among, k).tolist() == plain


def test_half_a_manifold_is_believable_and_lacks_half():
    real = np.concatenate([features(0, 100, 2), features(1, 100, 2, shift=50.0)])
    p = Predictions("generation", np.tile(features(0, 100, 2), (2, 1)), real)
    assert manifold_precision(p) == 1
    assert manifold_recall(p) == pytest.approx(0.5, abs=0.02)


def test_turned_pictures_are_compared_within_their_class():
    real = np.concatenate([features(0, 80, 3), features(1, 80, 3) + 9.0])
    codes = np.repeat([0, 1], 80)
    untouched = np.concatenate([real[80:], real[:80]])  # of the other class each, and the same set
    together, apart = (Predictions("generation", untouched, real, within=w) for w in (None, codes))
    assert frechet_distance(together) == pytest.approx(0.0, abs=1e-8)
    assert (manifold_precision(together), manifold_recall(together)) == (1.0, 1.0)
    each = [frechet_distance(Predictions("generation", untouched[codes == c], real[codes == c])) for c in (0, 1)]
    assert frechet_distance(apart) == pytest.approx(np.mean(each))
    assert frechet_distance(apart) > 200
    assert (manifold_precision(apart), manifold_recall(apart)) == (0.0, 0.0)


def test_rows_taken_out_keep_their_classes():
    p = Predictions("generation", features(0, 6, 2), features(1, 6, 2), within=np.array([0, 1, 0, 1, 0, 1]))
    assert p.take(np.array([1, 2])).within.tolist() == [1, 0]
