"""Pictures from a trained pair, and how they are judged.

N pictures, C channels of H x W pixels, D features.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from trainwell.core.seeds import draw_seed
from trainwell.data.data import Data
from trainwell.models.adversarial import Adversarial
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.train.adversarial.features import Eyes, eyes_for
from trainwell.train.interrupt import Interruption
from trainwell.train.loop import Validate

#: Pictures made at once, and real ones that a validation compares with.
SLICE, MOST_VALID = 256, 2000


def make_pictures(network: Adversarial, codes: np.ndarray, *, seed: int, purpose: str = "sample") -> np.ndarray:
    """Pictures (N, C, H, W) uint8 of the classes `codes` (N,); the same ones for the same seed.

    The noise of picture i does not depend on how many are asked for.
    """
    return pictures_from(network, noise_for(network, len(codes), seed=seed, purpose=purpose), codes)


def noise_for(network: Adversarial, n: int, *, seed: int, purpose: str = "sample") -> torch.Tensor:
    """Noise for n pictures, (N, Z)."""
    generator = torch.Generator()
    pieces = []
    for block in range(-(-n // SLICE)):
        generator.manual_seed(draw_seed(seed, purpose, block))
        pieces.append(torch.randn(SLICE, network.noise, generator=generator))
    return torch.cat(pieces)[:n] if pieces else torch.empty(0, network.noise)


def pictures_from(network: Adversarial, noise: torch.Tensor, codes: np.ndarray) -> np.ndarray:
    """Pictures (N, C, H, W) uint8 from noise (N, Z) and classes (N,), by a network in evaluation mode."""
    device = next(network.parameters()).device
    told = torch.from_numpy(np.asarray(codes, np.int64)) if network.classes > 1 else torch.zeros(len(noise), dtype=torch.int64)
    made = []
    with torch.inference_mode():
        for start in range(0, len(noise), SLICE):
            part = slice(start, start + SLICE)
            pictures = network.make(noise[part].to(device), told[part].to(device))
            made.append((pictures * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy())
    return np.concatenate(made)


def compare(
    network: Adversarial, data: Data, rows: np.ndarray, eyes: Eyes, *, seed: int
) -> tuple[Predictions, dict[str, float]]:
    """Features of as many made pictures as there are real ones in `rows`, of the same classes, beside those of the real ones.

    Returns:
        The predictions, and beside them the diversity, and the share of made pictures in which the classifier sees the class
        that was asked for.
    """
    codes = data.arrays["target"][rows]
    made, seen = eyes.look(make_pictures(network, codes, seed=seed, purpose="judge"))
    real, _ = eyes.look(data.arrays[data.shape.names[0]][rows])
    besides = {"diversity": diversity(made, real, codes)}
    if eyes.labelled and network.classes > 1:
        besides["label_agreement"] = float((seen == codes).mean())
    return Predictions("generation", made, real, data.classes), besides


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


def judged_pictures(network: Adversarial, data: Data, rows: np.ndarray) -> Predictions:
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
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_VALID)).astype(np.int64)]
    eyes = eyes_for(data, folder)
    chosen = {name: metrics[name] for name in names}

    def validate(network: torch.nn.Module, interruption: Interruption) -> dict[str, float] | None:
        assert isinstance(network, Adversarial)
        predictions, besides = compare(network, data, rows, eyes, seed=seed)
        if interruption:
            return None
        return {name: metric(predictions) for name, metric in chosen.items()} | besides

    return validate
