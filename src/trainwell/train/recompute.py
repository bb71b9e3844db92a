"""Less memory for more time: of each block only the input is kept for the backward pass, which computes the rest again.

Source: Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost", arXiv:1604.06174.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from trainwell.core.errors import CompileError
from trainwell.models.layers import ROWS

Forward = Callable[..., Any]


def recompute(network: nn.Module) -> None:
    """Let every repeated block of a network be computed again in the backward pass; changed in place, names stay.

    Gradients, batch statistics and draws are those of the plain network, where an operation gives the same bits twice.

    Args:
        network: with blocks in an `nn.Sequential` or `nn.ModuleList`, or with one long `nn.Sequential` of plain layers,
            which is computed in about as many parts as the root of its length.

    Raises:
        CompileError: it has neither.

    Example:
        >>> network = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(4)))
        >>> recompute(network)
        >>> network(torch.ones(2, 8, requires_grad=True)).sum().backward()
    """
    found = blocks_of(network)
    for block in found:
        if not isinstance(block.forward, partial):  # a module that was compiled before
            block.forward = partial(_later, block, block.forward)
    if found:
        return
    longest = max((m for m in network.modules() if isinstance(m, nn.Sequential)), key=len, default=nn.Sequential())
    if len(longest) < 4:
        remedy = "Leave out gradient_checkpointing; accumulate=2 halves the memory of a batch, too."
        raise CompileError("the network has no repeated blocks to compute again", where=type(network).__name__, remedy=remedy)
    longest.forward = partial(_in_parts, longest)  # type: ignore[method-assign]


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """The innermost modules in rows that hold modules of their own; rows in rows only where there are no others."""
    held = [m for row in network.modules() if isinstance(row, ROWS) for m in row if next(m.children(), None) is not None]
    blocks = [m for m in held if not isinstance(m, ROWS)] or [m for m in held if isinstance(m, nn.Sequential)]
    chosen = {id(m) for m in blocks}
    return [m for m in blocks if not any(id(inner) in chosen for inner in list(m.modules())[1:])]


def _later(block: nn.Module, forward: Forward, *inputs: Any) -> Any:
    if not (block.training and torch.is_grad_enabled()):
        return forward(*inputs)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=partial(_contexts, block))


def _in_parts(row: nn.Sequential, x: Tensor) -> Tensor:
    layers = list(row)
    size = math.ceil(math.sqrt(len(layers)))
    for start in range(0, len(layers), size):
        part = nn.Sequential(*layers[start : start + size])
        part.training = row.training
        x = _later(part, part.forward, x)
    return x


def _contexts(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What surrounds the first and the second computation."""
    return nullcontext(), _statistics_kept(block)


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """Batch norms have counted this batch already."""
    norms = [m for m in block.modules() if isinstance(m, _BatchNorm) and m.num_batches_tracked is not None]
    before = [(m.momentum, m.num_batches_tracked.clone()) for m in norms if m.num_batches_tracked is not None]
    for norm in norms:
        norm.momentum = 0.0
    try:  # torch leaves by an exception as soon as it has what it needs
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)  # type: ignore[union-attr]
