"""One update taken apart: forward and backward with a look at what enters and leaves every layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.core.seeds import at_step, purpose_key
from trainwell.data.batches import Batch
from trainwell.train.compile import Program
from trainwell.train.engine_state import draws_on
from trainwell.train.steps import as_floats, member_loss


@dataclass(frozen=True)
class LayerAt:
    """One layer in one update.

    Args:
        name: of the module.
        kind: its class.
        entering: largest absolute value that entered it.
        leaving: largest absolute value that left it; NaN or infinite where the trouble is.
        growth: root mean square of what left over that of what entered.
        weight: norm of its own weights.
        gradient: norm of their gradient.
    """

    name: str
    kind: str
    entering: float
    leaving: float
    growth: float
    weight: float
    gradient: float


def dissected(
    program: Program, batch: Batch, step: int, *, autocast: torch.dtype | None
) -> tuple[Tensor, Tensor, Tensor, list[LayerAt]]:
    """Forward and backward of an update with a look at every layer; its target, output and loss. Nothing is updated.

    Args:
        program: with the network as it was before the update.
        batch: of the update.
        step: its number, which decides every draw.
        autocast: type of mixed precision; None computes in float32.
    """
    network = program.network
    inputs, target = as_floats(batch[0]), batch[1]
    draws_on(program.device)(at_step(purpose_key(program.seed, "network"), step))
    network.zero_grad(set_to_none=True)
    with _listening(network) as heard, torch.autocast(program.device.type, dtype=autocast, enabled=autocast is not None):
        if program.augment is not None:
            inputs, target = program.augment(inputs, target, step)
        output = network(*inputs)
    output = output.float()
    loss = member_loss(program.loss, output, target)
    loss.backward()
    layers = [_layer(name, module, *sizes) for name, module, *sizes in heard]
    return target, output.detach(), loss.detach(), layers


@contextmanager
def _listening(network: nn.Module) -> Iterator[list[tuple[str, nn.Module, float, float, float]]]:
    """Sizes of what enters and leaves each leaf module, in the order of the forward pass."""
    heard: list[tuple[str, nn.Module, float, float, float]] = []

    def hook(name: str, module: nn.Module) -> Any:
        def listen(_module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            entering = [x for x in given if isinstance(x, Tensor) and x.is_floating_point()]
            if isinstance(output, Tensor) and output.is_floating_point() and output.numel():
                heard.append((name, module, _largest(entering), _largest([output]), _size([output]) / (_size(entering) or 1.0)))

        return module.register_forward_hook(listen)

    handles = [hook(name, m) for name, m in network.named_modules() if not list(m.children())]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _largest(tensors: Sequence[Tensor]) -> float:
    return max((float(t.detach().abs().max()) for t in tensors if t.numel()), default=0.0)


def _size(tensors: Sequence[Tensor]) -> float:
    """Root mean square over all entries."""
    n = sum(t.numel() for t in tensors)
    return float(sum(t.detach().double().square().sum() for t in tensors) / n) ** 0.5 if n else 0.0


def _layer(name: str, module: nn.Module, entering: float, leaving: float, growth: float) -> LayerAt:
    own = list(module.parameters(recurse=False))
    weight = sum(float(p.detach().norm()) ** 2 for p in own) ** 0.5
    gradient = sum(float(p.grad.norm()) ** 2 for p in own if p.grad is not None) ** 0.5
    return LayerAt(name, type(module).__name__, entering, leaving, growth, weight, gradient)
