"""What each member of an ensemble counts: chosen on rows that none of them was trained on.

G groups of networks (members, or recipes whose folds take turns), N rows, K classes or targets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainwell.core.recipe import Recipe
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics

Floats = NDArray[np.float64]

#: Weights below this share are dropped: they cost a forward pass and change no answer.
LEAST_WEIGHT = 1e-3
#: Steps of expectation-maximisation at most; it has converged to six digits long before.
MOST_STEPS = 2_000


def greedy(outputs: Floats, score: Callable[[Floats], float], *, rounds: int = 50) -> Floats:
    """Weights by forward selection with replacement: again and again the network is added whose addition scores best.

    The best of all rounds is kept, so the result never scores below the best single network on these rows.

    Args:
        outputs: probabilities or values of each network, `(G, N, K)`.
        score: of blended outputs `(N, K)`; higher is better.
        rounds: additions; with 50 a weight is a multiple of at least 1/50.

    Returns:
        `(G,)`, sums to 1.

    Source: Caruana et al., "Ensemble selection from libraries of models", ICML 2004.

    Example:
        >>> truth = np.zeros((4, 1))
        >>> above, below, far = truth + 1.0, truth - 1.0, truth + 9.0
        >>> greedy(np.stack([above, below, far]), lambda blend: -float((blend**2).mean())).tolist()
        [0.5, 0.5, 0.0]
    """
    total, counts = np.zeros(outputs.shape[1:]), np.zeros(len(outputs))
    best_score, best = -np.inf, counts
    for n in range(1, rounds + 1):
        scores = [score((total + output) / n) for output in outputs]
        chosen = int(np.argmax(scores))
        total, counts[chosen] = total + outputs[chosen], counts[chosen] + 1
        if scores[chosen] > best_score:
            best_score, best = scores[chosen], counts.copy()
    return np.asarray(best / best.sum())


def stacked(outputs: Floats, target: NDArray[np.generic], *, classes: bool) -> Floats:
    """Weights of the best convex combination: not negative, sum 1, least log loss or squared error on these rows.

    Args:
        outputs: probabilities or values of each network, `(G, N, K)`.
        target: codes `(N,)`, or values `(N, K)`.
        classes: whether the outputs are probabilities.

    Returns:
        `(G,)`, sums to 1.

    Source: Wolpert, "Stacked generalization", Neural Networks 1992; Breiman, "Stacked regressions", Machine Learning 1996, for
    why weights must not be negative.

    Example:
        >>> truth = np.array([[1.0], [2.0], [4.0]])
        >>> stacked(np.stack([truth + 1, truth - 3]), truth, classes=False).round(4).tolist()
        [0.75, 0.25]
    """
    weights = _mixture(outputs, target) if classes else _least_squares(outputs, target)
    weights = np.where(weights < LEAST_WEIGHT, 0.0, weights)
    return np.asarray(weights / weights.sum())


def _mixture(outputs: Floats, target: NDArray[np.generic]) -> Floats:
    """Shares of a mixture by expectation-maximisation: the log loss is convex in them and falls at every step."""
    right = np.maximum(outputs[:, np.arange(outputs.shape[1]), target], 1e-12)  # (G, N)
    weights = np.full(len(outputs), 1 / len(outputs))
    for _ in range(MOST_STEPS):
        new = weights * (right / (weights @ right)).mean(axis=1)
        if np.abs(new - weights).max() < 1e-9:
            break
        weights = new
    return weights


def _least_squares(outputs: Floats, target: NDArray[np.generic]) -> Floats:
    """Non-negative least squares whose weights a heavy last row holds to a sum of 1; every target counts in its own spread."""
    from scipy.optimize import nnls

    spread = np.maximum(np.asarray(target, np.float64).std(axis=0), 1e-12)
    columns = (
        ((outputs - np.asarray(target, np.float64)) / spread).reshape(len(outputs), -1).T
    )  # (N * K, G): errors, so the aim is 0
    heavy = 1e4 * max(1.0, float(np.linalg.norm(columns)))
    found = nnls(np.vstack([columns, np.full((1, len(outputs)), heavy)]), np.append(np.zeros(len(columns)), heavy))[0]
    return np.asarray(found / found.sum())


def score_by(recipe: Recipe, like: Predictions) -> Callable[[Floats], float]:
    """What a blend is chosen by: the recipe's monitor; in place of "loss", log loss or root mean squared error."""
    usual = "log_loss" if like.task == "classification" else "rmse"
    metric = metrics[usual if recipe.monitor in ("loss", "auto") else recipe.monitor]
    sign = 1.0 if metric.higher_is_better else -1.0

    def score(output: Floats) -> float:
        return sign * metric(Predictions(like.task, output, like.target, like.classes))

    return score
