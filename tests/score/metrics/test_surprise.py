"""Metrics of language models against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainwell.core.errors import RecipeError
from trainwell.score.predictions import Predictions, Told
from trainwell.score.registry import metrics
from trainwell.score.scores import score, score_intervals


def surprise(n: int = 40, length: int = 8) -> Predictions:
    losses = np.random.default_rng(0).gamma(2.0, 0.7, (n, length)).astype(np.float32)
    told = Told(np.random.default_rng(1).integers(8, 20, n), np.arange(n) // 4)
    return Predictions("language", losses, np.full((n, length), 3), told=told)


def test_they_are_what_their_definitions_say() -> None:
    p = surprise()
    mean = float(p.output.mean(dtype=np.float64))
    found = score(p, ["log_loss", "perplexity", "bits_per_character"])
    assert found["log_loss"] == pytest.approx(mean)
    assert found["perplexity"] == pytest.approx(math.exp(mean))
    bits = float(p.output.sum(dtype=np.float64)) / math.log(2) / p.told.letters.sum()
    assert found["bits_per_character"] == pytest.approx(bits)


def test_stretches_of_text_are_resampled_together() -> None:
    p = surprise()
    alone = Predictions("language", p.output, p.target, told=Told(p.told.letters, np.arange(len(p))))
    assert score_intervals(p, ["log_loss"])["log_loss"].n == 10
    assert score_intervals(alone, ["log_loss"])["log_loss"].n == 40
    assert p.take(np.array([3, 5])).told.groups.tolist() == [0, 1]


def test_other_tasks_are_refused() -> None:
    with pytest.raises(RecipeError, match="does not fit language"):
        score(surprise(), ["accuracy"])
    assert not metrics["perplexity"].higher_is_better
