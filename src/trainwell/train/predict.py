"""From encoded rows to probabilities or values in the target's own unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.core.shape import Task
from trainwell.data.batches import trimmed
from trainwell.data.data import Data
from trainwell.models.autoencoder import PictureMaker
from trainwell.score.decision import Decision
from trainwell.score.predictions import Predictions
from trainwell.train.adversarial.making import judged_pictures
from trainwell.train.forecast import ahead_of
from trainwell.train.language import judged_text
from trainwell.train.masks import judged_masks
from trainwell.train.steps import infer

#: Rows judged at once: bounded by memory for pictures, and short enough that an interruption is noticed in time.
EVALUATION_BYTES = 2 << 20
MOST_ROWS = 4096
#: Rows whose inputs are lighter than this many bytes are computed in whole fours. Matrix products of one to three rows, or of
#: a rest, take another way with other roundings; in fours an answer does not depend on how many rows are asked for at once.
#: Heavier ones, pictures mostly, would cost up to four times as much when there is one.
LIGHT_BYTES = 1024


def forward_rows(
    network: nn.Module,
    arrays: Sequence[np.ndarray],
    rows: np.ndarray,
    *,
    stop: Callable[[], bool],
    texts: Sequence[int] = (),
) -> Tensor | None:
    """Outputs of some rows in evaluation mode, on the CPU, `(N, …)`; None when `stop()` turned true on the way.

    Args:
        network: in evaluation mode.
        arrays: encoded inputs in the order of the network's arguments.
        rows: row numbers into them.
        stop: asked between slices.
        texts: places of the inputs whose padding is cut off.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    row_bytes = sum(int(np.prod(a.shape[1:])) * a.dtype.itemsize for a in arrays)
    size = max(16, min(MOST_ROWS, EVALUATION_BYTES // max(1, row_bytes)))
    pieces: list[Tensor] = []
    for start in range(0, len(rows), size):
        if stop():
            return None
        chosen = rows[start : start + size]
        n, chosen = len(chosen), in_fours(chosen) if row_bytes <= LIGHT_BYTES else chosen
        inputs = trimmed_inputs([torch.from_numpy(np.ascontiguousarray(a[chosen])).to(device) for a in arrays], texts)
        pieces.append(infer(network, inputs).cpu()[:n])
    return torch.cat(pieces) if pieces else torch.empty(0)


def in_fours(rows: np.ndarray) -> np.ndarray:
    """Row numbers (n,), the last one repeated until there are a multiple of four.

    Example:
        >>> in_fours(np.array([3, 5, 8])).tolist()
        [3, 5, 8, 8]
    """
    return np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % 4)])


def trimmed_inputs(inputs: Sequence[Tensor], texts: Sequence[int]) -> tuple[Tensor, ...]:
    """The inputs of some rows, the texts at these places without padding that none of the rows needs."""
    return tuple(trimmed(x) if place in texts else x for place, x in enumerate(inputs))


def finish(output: Tensor, task: Task) -> np.ndarray:
    """Probabilities `(N, n)` of logits, or values `(N, T)`; members `(N, K, n)` are averaged, as probabilities.

    Of masks, probabilities `(N, K, H, W)` of every pixel.
    """
    if task == "segmentation":
        return output.softmax(dim=1).numpy()
    if task == "classification":
        output = output.double().softmax(dim=-1)
    elif task == "multilabel":
        output = output.double().sigmoid()
    return (output.mean(dim=1) if output.ndim == 3 else output).numpy()


def predict_rows(network: nn.Module, data: Data, rows: np.ndarray) -> Predictions:
    """Predictions and targets of rows of `data`, in the target's own unit."""
    if isinstance(network, PictureMaker):
        return judged_pictures(network, data, rows)
    if data.task == "language":
        return judged_text(network, data, rows)
    if data.task == "segmentation":
        return judged_masks(network, data, rows)
    arrays = [data.arrays[name] for name in data.shape.names]
    output = forward_rows(network, arrays, rows, stop=lambda: False, texts=data.shape.texts)
    assert output is not None
    return as_predictions(output, data, rows)


def as_predictions(output: Tensor, data: Data, rows: np.ndarray) -> Predictions:
    """The network's outputs of these rows beside their targets."""
    target = data.arrays["target"][rows]
    found = finish(output, data.task)
    if data.task == "regression":
        decode = data.preparation.decode_values
        return Predictions("regression", decode(found), decode(target), data.classes, ahead_of(data, rows))
    told_by = data.preparation.target
    decision = Decision(ordered=told_by.ordered)
    return Predictions(told_by.task, found, target, told_by.classes or told_by.labels, decision=decision)
