"""Corrected probabilities stay probabilities, and labels follow thresholds and ranks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from trainwell.score.decision import Decision, first_best, thresholds_to_try
from trainwell.score.losses.ranks import ordinal
from trainwell.score.predictions import Predictions


@given(st.floats(0.05, 20), st.integers(2, 6), st.integers(0, 1000))
def test_temperature_divides_the_logits(temperature, k, seed):
    logits = np.random.default_rng(seed).normal(size=(5, k))
    found = Decision(temperature=temperature).probabilities(softmax(logits, axis=1))
    assert np.allclose(found, softmax(logits / temperature, axis=1), atol=1e-9)
    assert (found.argmax(1) == logits.argmax(1)).all()


def test_temperature_divides_each_labels_logit():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    found = Decision(temperature=2.0).probabilities(1 / (1 + np.exp(-logits)), several=True)
    assert np.allclose(found, 1 / (1 + np.exp(-logits / 2)))


def test_steps_are_a_line_between_points():
    found = Decision(steps=((0.2, 0.1), (0.6, 0.9))).probabilities(np.array([[0.9, 0.1], [0.6, 0.4], [0.0, 1.0]]))
    assert np.allclose(found[:, 1], [0.1, 0.5, 0.9])
    assert np.allclose(found.sum(1), 1)


def test_what_is_kept_says_the_same():
    said = Decision(1.5, ((0.1, 0.2),), (0.3,))
    assert Decision.of(said.to_dict() | {"curve": []}) == said
    assert Decision.of({}) == Decision()


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=7))
def test_the_median_rank_errs_least(weights):
    p = np.array(weights) / np.sum(weights)
    said = Decision(ordered=True).labels(p[None])[0]
    cost = [(p * np.abs(np.arange(len(p)) - k)).sum() for k in range(len(p))]
    assert cost[said] == pytest.approx(min(cost))


def test_thresholds_lie_between_scores():
    tried = thresholds_to_try(np.random.default_rng(0).random(5000))
    assert len(tried) <= 201
    assert 0.5 in tried


def test_of_equal_scores_the_middle_of_the_widest_run_is_taken():
    tried = np.array([0.1, 0.2, 0.3, 0.5, 0.8])
    assert first_best([1, 0, 1, 1, 1], tried, higher_is_better=True) == 3
    assert first_best([1, 0, 1, 1, 1], tried, higher_is_better=False) == 1
    assert first_best([np.nan] * 5, tried, higher_is_better=True) == 3


def test_a_threshold_decides_the_label_and_not_the_probability():
    p = np.array([[0.6, 0.4], [0.9, 0.1]])
    found = Predictions("classification", p, np.array([1, 0]), decision=Decision(thresholds=(0.3,)))
    assert found.label.tolist() == [1, 0]
    assert found.take(np.array([0])).label.tolist() == [1]
    assert np.array_equal(found.output, p)


def test_ordinal_of_two_classes_is_cross_entropy():
    logits, codes = torch.randn(9, 2), torch.randint(2, (9,))
    assert torch.allclose(ordinal(logits, codes), torch.nn.functional.cross_entropy(logits, codes))
    soft = torch.softmax(torch.randn(9, 2), 1)
    assert torch.allclose(ordinal(logits, soft), torch.nn.functional.cross_entropy(logits, soft))


def test_ordinal_sums_the_questions_above_each_rank():
    logits, codes = torch.randn(50, 5, dtype=torch.float64), torch.randint(5, (50,))
    p = logits.softmax(1)
    asked = [torch.where(codes > k, p[:, k + 1 :].sum(1), p[:, : k + 1].sum(1)).log() for k in range(4)]
    assert torch.allclose(ordinal(logits, codes, "none"), -torch.stack(asked).mean(0))
    assert torch.allclose(ordinal(logits, torch.nn.functional.one_hot(codes, 5).double()), ordinal(logits, codes))
