"""Watch a training of one's own: a plain PyTorch loop, or the `fit` of a Keras model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.train.watch_keras import KerasWatch, keras_watch
from trainwell.train.watch_loop import Tell, Watch, say


def watch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    loss: Callable[..., Tensor] | None = None,
    *,
    train: Any = None,
    valid: Any = None,
    tell: Tell | None = say,
    budget: float = 0.02,
    path: str | Path | None = None,
) -> Watch | KerasWatch:
    """Watch a training of your own; faults are told as they show, and the training stays the same to the bit.

    Around a plain PyTorch loop it takes the network, its optimizer and the loss. Of a compiled Keras 3 model (torch backend) it
    takes the model alone, and watches every `model.fit` inside the context.

    Args:
        model: the network that is trained.
        optimizer: its optimizer; the end of each `optimizer.step()` is the end of an update. None for a Keras model.
        loss: the loss, best as a module (`nn.CrossEntropyLoss()`); of a plain function, call the watch's `loss` in its place.
        train: training inputs and targets `(x, y)`, for the data's own faults and a reference model.
        valid: validation inputs and targets, for overfitting and copies across the split.
        tell: called with each new finding; by default it is written to stderr. None is silent.
        budget: share of the time that may be spent on hearing and looking after the first twenty updates.
        path: a file for the history; None keeps it in memory.

    Raises:
        CompileError: there is no optimizer, and the model is no compiled Keras model.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=1))
        >>> optimizer, loss = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
        >>> with watch(model, optimizer, loss, tell=None) as doctor:
        ...     for _ in range(3):
        ...         optimizer.zero_grad()
        ...         loss(model(torch.randn(8, 4)), torch.tensor([0, 1] * 4)).backward()
        ...         optimizer.step()
        >>> doctor.findings[0].name
        'softmax_twice'
    """
    where = Path(path) if path is not None else None
    if optimizer is None:
        return keras_watch(model, train=train, valid=valid, tell=tell, budget=budget, path=where)
    return Watch(model, optimizer, loss, train=train, valid=valid, tell=tell, budget=budget, path=where)
