"""What a network says of running text: how likely it finds each next token, and how it goes on.

N windows, L tokens of a window, V codes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.language.state import Language
from trainwell.score.predictions import Predictions, Told
from trainwell.score.registry import metrics
from trainwell.train.interrupt import Interruption
from trainwell.train.job import Validate
from trainwell.train.steps import infer

#: Bytes of logits held at once.
LOGIT_BYTES = 32 << 20
#: Characters of a stretch of text whose windows are resampled together: a scene or so, and fewer where there would be few.
STRETCH, FEWEST_STRETCHES = 2_000, 20


def token_losses(network: nn.Module, data: Data, rows: np.ndarray, *, stop: Callable[[], bool]) -> np.ndarray | None:
    """Minus the log of the probability of each token of some windows, `(N, L)` float32; None when `stop()` turned true.

    Args:
        network: in evaluation mode.
        data: running text.
        rows: where the windows begin.
        stop: asked between slices.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    (name,), window = data.shape.names, data.shape.window
    size = max(4, LOGIT_BYTES // (4 * window * data.n_out))
    pieces = [np.zeros((0, window), np.float32)]
    for start in range(0, len(rows), size):
        if stop():
            return None
        chosen = rows[start : start + size]
        seen = torch.from_numpy(data.arrays[name][chosen]).to(device)
        target = torch.from_numpy(data.arrays["target"][chosen]).to(device).long()
        losses = F.cross_entropy(infer(network, (seen,)).flatten(0, 1), target.flatten(), reduction="none")
        pieces.append(losses.view(target.shape).cpu().numpy())
    return np.concatenate(pieces)


def told(losses: np.ndarray, data: Data, rows: np.ndarray) -> Predictions:
    """The losses of these windows beside their tokens."""
    state = data.preparation.language
    assert state is not None
    target = data.arrays["target"][rows]
    letters = state.letters[target].sum(axis=1)
    stretch = STRETCH // max(1, round(float(letters.mean()))) if len(rows) else 1
    groups = np.arange(len(rows)) // max(1, min(stretch, len(rows) // FEWEST_STRETCHES))
    return Predictions("language", losses, target, data.classes, told=Told(letters, groups))


def judged_text(network: nn.Module, data: Data, rows: np.ndarray) -> Predictions:
    """The losses of the tokens of these windows, as predictions."""
    losses = token_losses(network, data, rows, stop=lambda: False)
    assert losses is not None
    return told(losses, data, rows)


def text_validator(data: Data, rows: np.ndarray, recipe: Recipe) -> Validate:
    """The function that scores a language model on some windows: the loss is the mean over all tokens."""
    chosen = {name: metrics[name] for name in recipe.metrics}

    def validate(network: nn.Module, interruption: Interruption) -> dict[str, float] | None:
        losses = token_losses(network, data, rows, stop=lambda: bool(interruption))
        if losses is None:
            return None
        predictions = told(losses, data, rows)
        loss = float(losses.mean(dtype=np.float64))
        return {"loss": loss} | {name: metric(predictions) for name, metric in chosen.items()}

    return validate


def next_logits(network: nn.Module, state: Language, codes: Tensor) -> Tensor:
    """The logits of the token after `codes` (T,), of which the network sees the last window, `(V,)` on the CPU.

    Padding and the code of unknown characters are ruled out.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    logits = infer(network, (codes[None, -state.window :].to(device),))[0, -1].cpu()
    return torch.cat([torch.full((2,), -torch.inf), logits[2:]])
