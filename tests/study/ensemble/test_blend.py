"""Weights: known answers, never below the best single network on the rows they are chosen on, and of sum 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.study.ensemble.blend import greedy, stacked


def squared(truth: np.ndarray):
    return lambda blend: -float(((blend - truth) ** 2).mean())


def test_greedy_takes_the_two_whose_errors_cancel():
    truth = np.zeros((40, 1))
    up, down, bad = truth + 1, truth - 1, truth + 0.9
    # After the first pick (0.9) only the one below helps; then one up and one down in turn.
    weights = greedy(np.stack([up, down, bad]), squared(truth))
    blend = np.tensordot(weights, np.stack([up, down, bad]), axes=1)
    assert abs(blend).max() < 0.05
    assert weights[1] >= 0.45


def test_greedy_alone_with_a_perfect_network_picks_nothing_else():
    truth = np.arange(6.0)[:, None]
    assert greedy(np.stack([truth + 1, truth, truth - 1]), squared(truth)).tolist() == [0.0, 1.0, 0.0]


@given(seed=st.integers(0, 99), networks=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_weights_sum_to_one_and_never_lose_to_the_best_single_network(seed, networks):
    draw = np.random.default_rng(seed)
    truth = draw.normal(size=(30, 2))
    outputs = truth + draw.normal(size=(networks, 30, 2)) * draw.uniform(0.2, 2, (networks, 1, 1))
    best = max(squared(truth)(o) for o in outputs)
    for weights in (greedy(outputs, squared(truth)), stacked(outputs, truth, classes=False)):
        assert weights.sum() == pytest.approx(1)
        assert (weights >= 0).all()
    assert squared(truth)(np.tensordot(greedy(outputs, squared(truth)), outputs, axes=1)) >= best


def test_stacking_numbers_finds_the_least_squares_blend():
    draw = np.random.default_rng(0)
    truth = draw.normal(size=(4000, 1))
    outputs = np.stack([truth + draw.normal(size=truth.shape), truth + 2 * draw.normal(size=truth.shape)])
    # Independent errors are best weighed by the inverse of their variance: 1 to 1/4.
    assert stacked(outputs, truth, classes=False) == pytest.approx([0.8, 0.2], abs=0.02)


def test_stacking_classes_finds_the_shares_of_the_mixture():
    draw = np.random.default_rng(1)
    p = draw.dirichlet(np.ones(3), size=(2, 20_000))
    mixed = 0.7 * p[0] + 0.3 * p[1]
    target = (mixed.cumsum(axis=1) > draw.random((20_000, 1))).argmax(axis=1)
    assert stacked(p, target, classes=True) == pytest.approx([0.7, 0.3], abs=0.03)
