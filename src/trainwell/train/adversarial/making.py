"""Pictures from a trained pair, made of noise or of other pictures, and how they are judged.

N pictures, C channels of H x W pixels, D features.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from trainwell.core.errors import DataError
from trainwell.core.seeds import draw_seed
from trainwell.data.data import Data
from trainwell.data.splits import spread
from trainwell.models.adversarial import Adversarial
from trainwell.models.autoencoder import Autoencoder, PictureMaker
from trainwell.models.cyclegan import Translator
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.train.adversarial.features import Eyes, eyes_for
from trainwell.train.interrupt import Interruption
from trainwell.train.job import Validate
from trainwell.train.steps import as_floats

#: Pictures from what a network is given and from class codes.
Make = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
#: Pictures made at once, pixels of those made of others, and real ones that a validation compares with.
SLICE, PIXELS, MOST_VALID = 256, 1 << 19, 2000


def make_pictures(network: Adversarial | Autoencoder, codes: np.ndarray, *, seed: int, purpose: str = "sample") -> np.ndarray:
    """Pictures (N, C, H, W) uint8 of the classes `codes` (N,); the same ones for the same seed.

    The noise of picture i does not depend on how many are asked for.
    """
    return pictures_from(network, noise_for(network, len(codes), seed=seed, purpose=purpose), codes)


def noise_for(network: Adversarial | Autoencoder, n: int, *, seed: int, purpose: str = "sample") -> torch.Tensor:
    """Noise for n pictures, (N, Z)."""
    generator = torch.Generator()
    pieces = []
    for block in range(-(-n // SLICE)):
        generator.manual_seed(draw_seed(seed, purpose, block))
        pieces.append(torch.randn(SLICE, network.noise, generator=generator))
    return torch.cat(pieces)[:n] if pieces else torch.empty(0, network.noise)


def pictures_from(network: PictureMaker, given: torch.Tensor, codes: np.ndarray) -> np.ndarray:
    """Pictures (N, C, H, W) uint8 of classes (N,), by a network in evaluation mode.

    Args:
        network: the pair.
        given: noise (N, Z), or pictures (N, C, H, W) uint8 to be turned into others.
        codes: of the classes.
    """
    return _in_slices(network, network.make, given, codes)


def _in_slices(network: PictureMaker, make: Make, given: torch.Tensor, codes: np.ndarray) -> np.ndarray:
    device = next(network.parameters()).device
    told = torch.from_numpy(np.asarray(codes, np.int64)) if network.classes > 1 else torch.zeros(len(given), dtype=torch.int64)
    size = SLICE if given.ndim == 2 else max(1, min(SLICE, PIXELS // given.shape[2:].numel()))
    made = []
    with torch.inference_mode():
        for start in range(0, len(given), size):
            part = slice(start, start + size)
            (pieces,) = as_floats((given[part].to(device),))
            pictures = make(pieces, told[part].to(device))
            made.append((pictures * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy())
    return np.concatenate(made)


def translated(network: Translator, pictures: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Pictures (N, C, H, W) uint8 as ones of the classes `codes` (N,)."""
    return pictures_from(network, torch.from_numpy(np.ascontiguousarray(pictures)), codes)


def given_back(network: Autoencoder, pictures: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Pictures (N, C, H, W) uint8 as their codes give them back, by a network in evaluation mode."""
    given = torch.from_numpy(np.ascontiguousarray(pictures))
    return _in_slices(network, network.again, given, codes)


def counterparts(codes: np.ndarray) -> np.ndarray:
    """For each of N pictures of two classes (N,) the place of one of the other class; each is taken about equally often.

    Raises:
        DataError: all are of one class.

    Example:
        >>> counterparts(np.array([0, 0, 0, 1, 1])).tolist()
        [3, 4, 3, 0, 1]
    """
    found = np.empty(len(codes), np.int64)
    for code in np.unique(codes):
        others = np.flatnonzero(codes != code)
        if not len(others):
            raise DataError("all pictures are of one class", remedy="Give pictures of both classes.")
        found[codes == code] = np.resize(others, int((codes == code).sum()))
    return found


def compare(
    network: PictureMaker, data: Data, rows: np.ndarray, eyes: Eyes, *, seed: int
) -> tuple[Predictions, dict[str, float]]:
    """Features of as many made pictures as there are real ones in `rows`, of the same classes, beside those of the real ones.

    Returns:
        The predictions, and beside them the diversity, and the share of made pictures in which the classifier sees the class
        that was asked for.
    """
    codes, pictures = data.arrays["target"][rows], data.arrays[data.shape.names[0]]
    if isinstance(network, Translator):
        produced = translated(network, pictures[rows[counterparts(codes)]], codes)
    else:
        produced = make_pictures(network, codes, seed=seed, purpose="judge")
    made, seen = eyes.look(produced)
    real, _ = eyes.look(pictures[rows])
    besides = {"diversity": diversity(made, real, codes)}
    if isinstance(network, Autoencoder):
        again = given_back(network, pictures[rows], codes)
        besides["given_back_error"] = float(((again / 255 - pictures[rows] / 255) ** 2).mean())
    if eyes.classes > 1 and network.classes > 1:
        besides["label_agreement"] = float((seen == codes).mean())
    within = codes if isinstance(network, Translator) else None
    return Predictions("generation", made, real, data.classes, within=within), besides


def diversity(made: np.ndarray, real: np.ndarray, codes: np.ndarray) -> float:
    """How far made pictures of a class lie from each other, as a share of how far real ones do; features (N, D), codes (N,).

    Example:
        >>> real = np.random.default_rng(0).normal(size=(100, 3))
        >>> round(diversity(0.5 * real, real, np.zeros(100)), 6)
        0.5
    """
    spreads = [[features[codes == code].var(axis=0).sum() for features in (made, real)] for code in np.unique(codes)]
    a, b = np.sum(spreads, axis=0)
    return float(np.sqrt(a / max(b, 1e-12)))


def judged_pictures(network: PictureMaker, data: Data, rows: np.ndarray) -> Predictions:
    """Features of made pictures beside those of the real ones in `rows`, by the classifier in the cache."""
    return compare(network, data, rows, eyes_for(data), seed=0)[0]


def picture_validator(data: Data, names: list[str], *, seed: int, folder: Path | None) -> Validate:
    """The function that judges a pair on validation rows, always with the same noise.

    Args:
        data: of the task generation.
        names: metrics of features.
        seed: the run's.
        folder: the run folder, where the classifier is kept.
    """
    rows = data.rows["valid"] if len(data.rows["valid"]) else data.rows["train"]
    rows = spread(rows, MOST_VALID)
    eyes = eyes_for(data, folder)
    chosen = {name: metrics[name] for name in names}

    def validate(network: torch.nn.Module, interruption: Interruption) -> dict[str, float] | None:
        assert isinstance(network, PictureMaker)
        predictions, besides = compare(network, data, rows, eyes, seed=seed)
        if interruption:
            return None
        return {name: metric(predictions) for name, metric in chosen.items()} | besides

    return validate
