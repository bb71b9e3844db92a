"""Metrics of language models: how little the next token of a text surprises them."""

from __future__ import annotations

import math

import numpy as np

from trainwell.core.stats import Floats
from trainwell.score.metric import Statistic, function_of_means, of_text, ratio
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics


@metrics.register
@of_text
def perplexity(prediction: Predictions) -> Statistic:
    """Among how many equally likely tokens the network chooses on average: e to the mean loss per token.

    It depends on how text is cut; `bits_per_character` does not.
    Source: Jelinek et al., "Perplexity, a measure of the difficulty of speech recognition tasks", 1977.

    Example:
        >>> from trainwell.score.predictions import Told
        >>> told = Told(np.array([2]), np.array([0]))
        >>> round(perplexity(Predictions("language", np.log([[4.0, 4.0]]), np.array([[2, 3]]), told=told)), 6)
        4.0
    """
    return function_of_means(prediction.loss[:, None], lambda means: np.asarray(np.exp(means[:, 0])))


@metrics.register
@of_text
def bits_per_character(prediction: Predictions) -> Statistic:
    """Bits that the text would take, packed with the network's probabilities, for each of its characters.

    It compares networks that cut text differently. Source: Shannon, "Prediction and entropy of printed English", 1951.

    Example:
        >>> from trainwell.score.predictions import Told
        >>> told = Told(np.array([4]), np.array([0]))
        >>> round(bits_per_character(Predictions("language", np.log([[4.0, 4.0]]), np.array([[2, 3]]), told=told)), 6)
        1.0
    """
    length = prediction.output.shape[1]
    letters = prediction.told.letters if prediction.told is not None else np.full(len(prediction), length)
    columns = np.stack([prediction.loss * length / math.log(2), letters], axis=1)

    def finish(means: Floats) -> Floats:
        return ratio(means[:, 0], means[:, 1])

    return function_of_means(columns, finish)
