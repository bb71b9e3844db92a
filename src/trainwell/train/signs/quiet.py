"""Looking without touching: modes, buffers and every random state are afterwards what they were before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from torch import nn

Mode = Literal["judge", "batch"]

_BATCH_NORMS = nn.modules.batchnorm._BatchNorm


@contextmanager
def undisturbed(network: nn.Module, mode: Mode = "judge") -> Iterator[None]:
    """A context for forwards of one's own that leaves no trace on the network or on any random state.

    Args:
        network: the network; its modes are set as attributes, for a `train()` of the user's own may do more.
        mode: `judge` is evaluation mode; `batch` is the same with batch norms under the statistics of the batch, which is
            how the network looks to its own training, without the draws of dropout.
    """
    modes = [(m, m.training) for m in network.modules()]
    buffers = [(b, b.clone()) for b in network.buffers()]
    try:
        with random_state_kept(), torch.no_grad():
            for module, _ in modes:
                module.training = mode == "batch" and isinstance(module, _BATCH_NORMS)
            yield
    finally:
        for module, training in modes:
            module.training = training
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Leave the random states of torch, NumPy and Python as they were."""
    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    on_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
    gpu_states = torch.cuda.get_rng_state_all() if on_gpu else []
    try:
        yield
    finally:
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        if on_gpu:
            torch.cuda.set_rng_state_all(gpu_states)
