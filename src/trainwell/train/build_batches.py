"""The batches of a program: where its arrays lie, which rows each step sees, and whether a thread gathers ahead."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from trainwell.core.errors import TrainingError
from trainwell.data.batches import Batches, Lengths, RowStream, text_lengths
from trainwell.data.data import Data
from trainwell.train.compile import Program

#: Whole data sets up to this size are moved to a GPU; larger ones are gathered ahead by a thread.
DEVICE_BYTES = 4 << 30


def build_batches(program: Program) -> Batches:
    """The batches of a program: arrays as they lie in memory or on disk, or moved to the GPU whole when they fit."""
    data, recipe = program.data, program.recipe
    arrays = [as_tensor(data.arrays[name]) for name in (*data.shape.names, "target")]
    fits = sum(a.numel() * a.element_size() for a in arrays) < DEVICE_BYTES
    remote = program.device.type != "cpu"
    if remote and fits:
        arrays = [a.to(program.device) for a in arrays]
    mapped = any(isinstance(data.arrays[name], np.memmap) for name in data.shape.names)
    rows = torch.from_numpy(data.rows["train"])
    classes = arrays[-1].cpu()[rows] if recipe.sampling == "balanced" else None
    if classes is not None and data.task not in ("classification", "generation"):
        raise TrainingError("sampling=balanced needs classes, and the target is a number", remedy="Set sampling=shuffle.")
    rising, of_like = recipe.sampling == "curriculum", recipe.sampling in ("lengths", "curriculum")
    lengths = Lengths(text_lengths(data), program.batch_size, rising=rising) if of_like else None
    stream = RowStream(rows, seed=program.seed, classes=classes, window=data.shape.window, lengths=lengths)
    return Batches(
        arrays[:-1],
        arrays[-1],
        stream,
        batch_size=program.batch_size,
        prefetch=(mapped and not _resident(data)) or (remote and not fits),
        place=lambda x: x.to(program.device),
        texts=data.shape.texts,
        part=slice(None) if program.team is None else program.team.part_of(program.batch_size),
    )


def _resident(data: Data) -> bool:
    """Whether memory maps are small enough to stay in the page cache, where a thread would only be in the way."""
    return sum(a.nbytes for a in data.arrays.values()) < 1 << 30


def as_tensor(array: np.ndarray) -> Tensor:
    """A tensor over the same memory; read-only memory maps are viewed, never copied."""
    with warnings.catch_warnings():
        # torch warns that it has no read-only tensors; nothing here writes to the arrays it gathers from.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
