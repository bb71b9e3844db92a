"""Layers that take statistics of the training rows before training starts."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Adaptive(nn.Module, ABC):
    """A layer whose buffers are filled once from training rows.

    The buffers have their final shape from the beginning, so that saved weights load into a network that never saw data.

    Args:
        position: which of the network's inputs the layer looks at.
    """

    def __init__(self, position: int = 0) -> None:
        super().__init__()
        self.position = position

    @torch.no_grad()
    def adapt(self, inputs: tuple[Tensor, ...]) -> None:
        """Fill the buffers from training rows; `inputs` are those of the whole network's `forward`, in order."""
        self.fit(inputs[self.position])

    @abstractmethod
    def fit(self, x: Tensor) -> None:
        """Fill the buffers from `x`, the training rows of this layer's input."""


def adapt(network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Fill the buffers of every adaptive layer in `network` from training rows, or a sample of some thousands of them.

    Example:
        >>> import torch
        >>> from trainwell.models.picture import Normalize
        >>> network = nn.Sequential(Normalize(1), nn.Flatten())
        >>> adapt(network, (torch.full((2, 1, 4, 4), 0.25),))
        >>> network[0].mean.item()
        0.25
    """
    for module in network.modules():
        if isinstance(module, Adaptive):
            module.adapt(inputs)
