"""What is judged of a network that makes pictures beside its distances: what real ones would score, and what it teaches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from trainwell.core.seeds import draw_seed
from trainwell.core.stats import Interval, wilson_interval
from trainwell.data.splits import spread
from trainwell.evaluate.baseline_output import BaselineOutput
from trainwell.evaluate.details import Making
from trainwell.evaluate.translation import ways_of
from trainwell.models.autoencoder import PictureMaker
from trainwell.models.cyclegan import Translator
from trainwell.score.predictions import Array, Predictions
from trainwell.score.scores import score_intervals
from trainwell.train.adversarial.features import MOST_ROWS, eyes_for, learn, new_eyes, updates_for
from trainwell.train.adversarial.making import make_pictures

if TYPE_CHECKING:
    from trainwell.data.data import Data

#: `draw(pictures (M, P), n, generator)`: n pictures like these, (n, P).
Draw = Callable[[Array, int, np.random.Generator], Array]
#: Directions in which the pictures of a class vary, for the normal distribution that is a baseline.
DIRECTIONS = 40


def judge_making(network: PictureMaker, data: Data, rows: Array, names: list[str]) -> Making:
    """Measure it on the rows `rows`.

    Source: Ravuri and Vinyals, "Classification accuracy score for conditional generative models", NeurIPS 2019.

    Args:
        network: the pair.
        data: of the task generation.
        rows: unseen real pictures.
        names: metrics of features.
    """
    train = np.unique(data.rows["train"])
    codes = data.arrays["target"][rows]
    real = _features(data, _drawn(data, codes), rows)
    if isinstance(network, Translator):
        return Making(score_intervals(replace(real, within=codes), names), ways=ways_of(network, data, rows))
    found = Making(score_intervals(real, names))
    if network.classes < 2:
        return found
    lesson = spread(train, MOST_ROWS)
    labels, pictures = data.arrays["target"], data.arrays[data.shape.names[0]]
    n = len(train) if len(train) >= MOST_ROWS else min(MOST_ROWS, 10 * len(train))
    codes = np.resize(labels[lesson], min(n, MOST_ROWS))
    found.taught = _taught(data, make_pictures(network, codes, seed=0, purpose="teach"), codes, rows)
    found.taught_by_real = _taught(data, np.asarray(pictures[lesson]), labels[lesson], rows)
    return found


def _taught(data: Data, pictures: Array, codes: Array, rows: Array) -> Interval:
    """Accuracy on the real rows of a classifier that learnt from these pictures alone."""
    pupil = new_eyes(data)
    with torch.random.fork_rng():
        learn(
            pupil,
            torch.from_numpy(np.ascontiguousarray(pictures)),
            torch.from_numpy(codes),
            updates=updates_for(len(codes)),
        )
    _, seen = pupil.look(np.asarray(data.arrays[data.shape.names[0]][rows]))
    return wilson_interval(float((seen == data.arrays["target"][rows]).sum()), len(rows))


def _drawn(data: Data, codes: Array) -> Array:
    """A training row at random of each of these classes (N,), without repeats while they last; of any, where it has none."""
    train = np.unique(data.rows["train"])
    order = np.random.default_rng(draw_seed(0, "real")).permutation(train)
    found = np.resize(order, len(codes))
    for code in np.unique(codes):
        own = order[data.arrays["target"][order] == code]
        if len(own):
            found[codes == code] = np.resize(own, int((codes == code).sum()))
    return found


def _features(data: Data, given: Array, rows: Array) -> Predictions:
    eyes, pictures = eyes_for(data), data.arrays[data.shape.names[0]]
    return Predictions("generation", eyes.look(np.asarray(pictures[given]))[0], eyes.look(np.asarray(pictures[rows]))[0])


def picture_baselines(data: Data, part: str) -> list[BaselineOutput]:
    """Pictures that cost nothing, of the classes of the rows of `part`: the mean with noise, and a normal distribution."""
    eyes, rows, found = eyes_for(data), data.rows[part], []
    codes = data.arrays["target"][rows]
    for name, make in {"mean picture and noise": _noisy_mean, "normal distribution of the pixels": _normal}.items():
        started = time.perf_counter()
        features, _ = eyes.look(_by_class(data, codes, make))
        found.append(BaselineOutput(name, features, time.perf_counter() - started))
    return found


def _by_class(data: Data, codes: Array, make: Draw) -> Array:
    """A made picture for each code (N,): `make` draws n like the training pictures of a class."""
    train, pictures = np.unique(data.rows["train"]), data.arrays[data.shape.names[0]]
    labels, draw = data.arrays["target"][train], np.random.default_rng(draw_seed(0, "baseline pictures"))
    made = np.zeros((len(codes), *pictures.shape[1:]), np.uint8)
    for code in np.unique(codes):
        own = train[labels == code][:MOST_ROWS]
        if len(own) > 1:
            flat = np.asarray(pictures[own], np.float64).reshape(len(own), -1)
            drawn = make(flat, int((codes == code).sum()), draw)
            made[codes == code] = drawn.clip(0, 255).round().reshape(-1, *pictures.shape[1:])
    return made


def _noisy_mean(flat: Array, n: int, draw: np.random.Generator) -> Array:
    return flat.mean(axis=0) + flat.std(axis=0) * draw.normal(size=(n, flat.shape[1]))


def _normal(flat: Array, n: int, draw: np.random.Generator) -> Array:
    """A normal distribution along the principal components."""
    from sklearn.decomposition import PCA

    components = min(DIRECTIONS, *flat.shape)
    fitted = PCA(components, svd_solver="randomized", random_state=0).fit(flat)
    weights = draw.normal(size=(n, components)) * np.sqrt(fitted.explained_variance_)
    return np.asarray(fitted.inverse_transform(weights))
