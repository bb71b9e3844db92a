"""What happens with one batch before the gradient: pictures become floats, augmentation, forward, loss.

A step is a function `(inputs, target, step) -> loss`; the engine does the rest. Other ways of training bring another step.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.data.data import Data

Inputs = tuple[Tensor, ...]
Step = Callable[[Inputs, Tensor, int], Tensor]
Augment = Callable[[Inputs, Tensor, int], tuple[Inputs, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]
CPU = torch.device("cpu")


def supervised(
    network: Callable[..., Tensor], loss: Loss, *, augment: Augment | None, autocast: torch.dtype | None, device: str
) -> Step:
    """The step of supervised training: loss of the network's output against the target.

    Args:
        network: called with the inputs in order; `(B, n_out)`, or `(B, K, n_out)` for many networks in one.
        loss: `(output, target) -> ()`.
        augment: changes a training batch, given the step number.
        autocast: type of mixed precision; None computes in float32.
        device: device type for mixed precision.
    """

    def step(inputs: Inputs, target: Tensor, number: int) -> Tensor:
        inputs = as_floats(inputs)
        if augment is not None:
            inputs, target = augment(inputs, target, number)
        if autocast is None:
            return member_loss(loss, network(*inputs), target)
        with torch.autocast(device, dtype=autocast):
            output = network(*inputs)
        return member_loss(loss, output.float(), target)

    return step


def batch_of(data: Data, rows: np.ndarray, device: torch.device = CPU) -> tuple[Inputs, Tensor]:
    """Inputs and target of some rows, as the network takes them."""
    *inputs, target = (torch.from_numpy(np.ascontiguousarray(data.arrays[n][rows])) for n in (*data.shape.names, "target"))
    return tuple(x.to(device) for x in as_floats(tuple(inputs))), target.to(device)


def as_floats(inputs: Inputs) -> Inputs:
    """Bytes become floats in [0, 1]; everything else stays as it is."""
    return tuple(x.float().div_(255) if x.dtype == torch.uint8 else x for x in inputs)


def member_loss(loss: Loss, output: Tensor, target: Tensor) -> Tensor:
    """The loss averaged over the members of a many-in-one network, output `(B, K, n_out)`; else the plain loss."""
    if not has_members(output, target):
        return loss(output, target)
    members = output.shape[1]
    return loss(output.flatten(0, 1), target.repeat_interleave(members, dim=0))  # (B * K, n_out)


def has_members(output: Tensor, target: Tensor) -> bool:
    """Whether the second axis of an output `(B, K, n_out)` counts members rather than positions of the target."""
    return output.ndim == 3 and (target.ndim == 1 or (target.ndim == 2 and target.is_floating_point()))


def infer(network: nn.Module, inputs: Inputs, *, autocast: torch.dtype | None = None) -> Tensor:
    """The network's output in evaluation mode without gradients, as float32."""
    device = next((p.device.type for p in network.parameters()), "cpu")
    context = torch.autocast(device, dtype=autocast) if autocast else nullcontext()
    with torch.inference_mode(), context:
        return network(*as_floats(inputs)).float()
