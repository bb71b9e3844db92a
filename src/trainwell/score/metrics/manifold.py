"""How like real pictures made ones are, in the features of a classifier that was trained on the real ones.

The predictions of a network that makes pictures are features: `output` of N made pictures, `target` of N real ones, `(N, D)`.
Where pictures were turned into ones of another class they are compared within it, and distances are means over the classes:
taken together, pictures of two classes that nobody touched would be perfect. R resamples.
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
    classes = _classes(prediction)

    def weighted(counts: Floats) -> Floats:
        distances = [_distance(prediction.output[own], prediction.target[own], counts[:, own]) for own in classes]
        return np.asarray(np.mean(distances, axis=0))

    return Statistic(len(prediction), weighted, centre=True)


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
    return share_of(_covered_by_class(prediction.output, prediction.target, _classes(prediction), neighbours))


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
    return share_of(_covered_by_class(prediction.target, prediction.output, _classes(prediction), neighbours))


def _classes(prediction: Predictions) -> list[Array]:
    """The rows of each class within which pictures are compared; all rows where they are compared together."""
    within = prediction.within
    return [np.arange(len(prediction))] if within is None else [np.flatnonzero(within == code) for code in np.unique(within)]


def _distance(made: Array, real: Array, counts: Floats) -> Floats:
    """The Fréchet distance of each resample, `(R,)`."""
    made, real = made.astype(np.float64), real.astype(np.float64)
    centre = real.mean(axis=0)
    return frechet(*_moments(made - centre, counts), *_moments(real - centre, counts))


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
    total = np.maximum(counts.sum(axis=1), 1)[:, None]  # a resample may miss a small class
    means = counts @ rows / total
    spreads = (counts @ products / total).reshape(-1, d, d) - means[:, :, None] * means[:, None, :]
    return means, spreads


def covered(points: Array, among: Array, neighbours: int) -> Floats:
    """1.0 for each of `points` (N, D) that lies among others (M, D), else 0.0, `(N,)`."""
    # Products in one order of rows and one precision: the same picture is exactly as far from itself as it should be, 0.
    points, among = points.astype(np.float64), among.astype(np.float64)
    reach = np.concatenate([_kth(_squares(block, among), neighbours) for block in _blocks(among)])  # (M,)
    return np.concatenate([(_squares(block, among) <= reach).any(axis=1) for block in _blocks(points)]).astype(np.float64)


def _covered_by_class(points: Array, among: Array, classes: list[Array], neighbours: int) -> Floats:
    found = np.zeros(len(points))
    for own in classes:
        found[own] = covered(points[own], among[own], neighbours)
    return found


def _kth(squares: Array, k: int) -> Array:
    """The distance of the k-th neighbour beside the point itself; of fewer points, of the last one."""
    place = min(k, squares.shape[1] - 1)
    return np.partition(squares, place, axis=1)[:, place]


def _blocks(rows: Array) -> list[Array]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def _squares(a: Array, b: Array) -> Array:
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0)
