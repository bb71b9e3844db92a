"""What a network says of every pixel: judged against masks, and brought back to the pictures' own size.

N pictures of H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.recipe import Recipe
from trainwell.core.shape import UNJUDGED
from trainwell.data.data import Data
from trainwell.data.masks.frame import Size, inside
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.train.interrupt import Interruption
from trainwell.train.job import Validate
from trainwell.train.steps import Loss, infer

#: Bytes of logits held at once.
LOGIT_BYTES = 32 << 20


def said_of(
    network: nn.Module, data: Data, rows: np.ndarray, *, stop: Callable[[], bool]
) -> Iterator[tuple[np.ndarray, Tensor, Tensor]]:
    """Some rows at a time: their numbers, logits `(n, K, H, W)` and codes `(n, H, W)`, until `stop()` turns true."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    target = data.arrays["target"]
    size = max(1, LOGIT_BYTES // (4 * data.n_out * int(np.prod(target.shape[1:]))))
    for start in range(0, len(rows), size):
        if stop():
            return
        chosen = rows[start : start + size]
        inputs = [torch.from_numpy(np.ascontiguousarray(data.arrays[name][chosen])).to(device) for name in data.shape.names]
        yield chosen, infer(network, tuple(inputs)), torch.from_numpy(target[chosen]).to(device)


def pixels_as(codes: Tensor, target: Tensor, n_out: int) -> np.ndarray:
    """The pixels of each true class that were said to be of each class, `(n, K * K)`; what is not judged is left out.

    Args:
        codes: the class that is said of every pixel `(n, H, W)`.
        target: the true one `(n, H, W)`.
        n_out: K.

    Example:
        >>> pixels_as(torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0, 0, 255]]]), 2).tolist()
        [[1, 1, 0, 0]]
    """
    true = target.long()
    places = torch.where(true == UNJUDGED, n_out * n_out, true * n_out + codes).flatten(1)  # (n, H * W)
    counts = torch.zeros(len(places), n_out * n_out + 1, dtype=torch.int64, device=places.device)
    return counts.scatter_add_(1, places, torch.ones_like(places))[:, :-1].cpu().numpy()


def as_counted(counts: np.ndarray, data: Data) -> Predictions:
    """Counts of pixels `(N, K * K)` beside what they would be if all were right."""
    k = data.n_out
    right = np.zeros_like(counts)
    right[:, :: k + 1] = counts.reshape(-1, k, k).sum(axis=2)
    return Predictions("segmentation", counts, right, data.classes)


def judged_masks(network: nn.Module, data: Data, rows: np.ndarray) -> Predictions:
    """What the network says of the pixels of these rows, beside their masks."""
    counts = [np.zeros((0, data.n_out**2), np.int64)]
    for _, logits, target in said_of(network, data, rows, stop=lambda: False):
        counts.append(pixels_as(logits.argmax(1), target, data.n_out))
    return as_counted(np.concatenate(counts), data)


def mask_validator(data: Data, rows: np.ndarray, recipe: Recipe, loss: Loss) -> Validate:
    """The function that scores a network on the masks of some rows: the loss, a mean over the pictures, and the metrics."""
    chosen = {name: metrics[name] for name in recipe.metrics}

    def validate(network: nn.Module, interruption: Interruption) -> dict[str, float] | None:
        total, counts = 0.0, [np.zeros((0, data.n_out**2), np.int64)]
        for some, logits, target in said_of(network, data, rows, stop=lambda: bool(interruption)):
            total += float(loss(logits, target)) * len(some)
            counts.append(pixels_as(logits.argmax(1), target, data.n_out))
        if interruption:
            return None
        predictions = as_counted(np.concatenate(counts), data)
        return {"loss": total / len(rows)} | {name: metric(predictions) for name, metric in chosen.items()}

    return validate


def at_own_size(probabilities: np.ndarray, size: Size) -> np.ndarray:
    """The class of every pixel of a picture of this size (height, width), `(H, W)`: what fills the frame, enlarged.

    Args:
        probabilities: of one picture in the network's frame `(K, h, w)`.
        size: of the picture itself.

    Example:
        >>> at_own_size(np.array([[[0.9, 0.2]], [[0.1, 0.8]]]), (1, 4)).tolist()
        [[0, 0, 1, 1]]
    """
    rows, columns = inside(size, (probabilities.shape[1], probabilities.shape[2]))
    part = torch.from_numpy(np.ascontiguousarray(probabilities[:, rows, columns]))[None]
    same = part.shape[2:] == size
    whole = part if same else F.interpolate(part, size=size, mode="bilinear", align_corners=False)
    return whole[0].argmax(0).numpy()
