"""How like real pictures made ones are, in the features of a classifier that was trained on the real ones.

The predictions of a network that makes pictures are features: `output` of N made pictures, `target` of N real ones, `(N, D)`.
R resamples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trainwell.core.stats import Floats
from trainwell.score.metric import Metric, Statistic, share_of
from trainwell.score.predictions import Array, Predictions
from trainwell.score.registry import metrics

#: Rows whose distances to all others are computed at once.
BLOCK = 1024


def of_features(*, higher_is_better: bool, top: float) -> Callable[[Callable[..., Statistic]], Metric]:
    """Decorator: a metric of the features of made and real pictures."""
    return lambda f: Metric(f, higher_is_better=higher_is_better, tasks=("generation",), bounds=(0.0, top))


@metrics.register
@of_features(higher_is_better=False, top=float("inf"))
def frechet_distance(prediction: Predictions) -> Statistic:
    """Squared distance between two normal distributions that fit the features of made and of real pictures; 0 is the best.

    Few pictures make it larger: compare it between equal numbers only. Source: Heusel et al., "GANs trained by a two
    time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017.

    Example:
        >>> import numpy as np
        >>> real = np.random.default_rng(0).normal(size=(500, 3))
        >>> round(frechet_distance(Predictions("generation", real + [2.0, 0.0, 0.0], real)), 6)
        4.0
    """
    made, real = prediction.output.astype(np.float64), prediction.target.astype(np.float64)
    centre = real.mean(axis=0)

    def weighted(counts: Floats) -> Floats:
        made_means, made_spreads = _moments(made - centre, counts)
        real_means, real_spreads = _moments(real - centre, counts)
        return frechet(made_means, made_spreads, real_means, real_spreads)

    return Statistic(len(made), weighted, centre=True)


@metrics.register
@of_features(higher_is_better=True, top=1.0)
def manifold_precision(prediction: Predictions, *, neighbours: int = 3) -> Statistic:
    """Share of made pictures that lie among the real ones: how believable they are.

    A picture lies among others when it is nearer to one of them than that one's third neighbour among its own is.

    Args:
        neighbours: which neighbour says how far a picture reaches.

    Source: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models", NeurIPS 2019.

    Example:
        >>> import numpy as np
        >>> real = np.random.default_rng(0).normal(size=(200, 2))
        >>> manifold_precision(Predictions("generation", real + 50.0, real))
        0.0
    """
    return share_of(covered(prediction.output, prediction.target, neighbours))


@metrics.register
@of_features(higher_is_better=True, top=1.0)
def manifold_recall(prediction: Predictions, *, neighbours: int = 3) -> Statistic:
    """Share of real pictures that lie among the made ones: how much of the variety is there.

    Args:
        neighbours: which neighbour says how far a picture reaches.

    Source: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models", NeurIPS 2019.

    Example:
        >>> import numpy as np
        >>> real = np.random.default_rng(0).normal(size=(200, 2))
        >>> alike = np.tile(real[:1], (200, 1)) + 1e-3 * real  # collapsed: believable, and all the same
        >>> p = Predictions("generation", alike, real)
        >>> manifold_precision(p), manifold_recall(p) < 0.1
        (1.0, True)
    """
    return share_of(covered(prediction.target, prediction.output, neighbours))


def frechet(a_means: Array, a_spreads: Array, b_means: Array, b_spreads: Array) -> Floats:
    """The distance for each of R pairs of means `(R, D)` and covariances `(R, D, D)`."""
    values, vectors = np.linalg.eigh(a_spreads)
    root = (vectors * np.sqrt(values.clip(min=0))[:, None, :]) @ vectors.transpose(0, 2, 1)
    both = np.linalg.eigvalsh(root @ b_spreads @ root).clip(min=0)
    traces = np.trace(a_spreads, axis1=1, axis2=2) + np.trace(b_spreads, axis1=1, axis2=2)
    found: Floats = ((a_means - b_means) ** 2).sum(axis=1) + traces - 2 * np.sqrt(both).sum(axis=1)
    return found.clip(min=0)


def _moments(rows: Array, counts: Array) -> tuple[Array, Array]:
    """Means `(R, D)` and covariances `(R, D, D)` of rows `(N, D)` that count so often `(R, N)`."""
    n, d = rows.shape
    products = (rows[:, :, None] * rows[:, None, :]).reshape(n, d * d)
    total = counts.sum(axis=1)[:, None]
    means = counts @ rows / total
    spreads = (counts @ products / total).reshape(-1, d, d) - means[:, :, None] * means[:, None, :]
    return means, spreads


def covered(points: Array, among: Array, neighbours: int) -> Floats:
    """1.0 for each of `points` (N, D) that lies among others (M, D), else 0.0, `(N,)`."""
    # Products in one order of rows and one precision: the same picture is exactly as far from itself as it should be, 0.
    points, among = points.astype(np.float64), among.astype(np.float64)
    reach = np.concatenate([_kth(_squares(block, among), neighbours) for block in _blocks(among)])  # (M,)
    return np.concatenate([(_squares(block, among) <= reach).any(axis=1) for block in _blocks(points)]).astype(np.float64)


def _kth(squares: Array, k: int) -> Array:
    """The distance of the k-th neighbour beside the point itself; of fewer points, of the last one."""
    place = min(k, squares.shape[1] - 1)
    return np.partition(squares, place, axis=1)[:, place]


def _blocks(rows: Array) -> list[Array]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def _squares(a: Array, b: Array) -> Array:
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0)
