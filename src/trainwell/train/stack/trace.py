"""One training step of K networks as one graph of plain tensor operations.

`torch.func.vmap` turns the network's forward pass into one over all members; tracing it together with its gradient leaves
batched matrix products and the like, without any of vmap's or autograd's cost at run time. Any module can be traced whose
control flow does not look at values, and whose only random numbers are dropout's.

Source: PyTorch, "Model ensembling" (torch.func); Wang et al., "HFTA: horizontally fused training array", MLSys 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.fx import GraphModule
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainwell.core.errors import TrainwellError
from trainwell.train.seeing import Seeing
from trainwell.train.stack.draws import Replaying
from trainwell.train.stack.tape import written_down
from trainwell.train.stack.tidy import nondeterministic, tidy
from trainwell.train.steps import Inputs

#: Seconds that tracing takes in any case, and for each operation of a forward pass: three or four in the graph.
TRACING, SECONDS_AN_OPERATION = 0.05, 0.0015

#: `(output (K, B, …), target (K, B, …)) -> (K,)`.
StackLoss = Callable[[Tensor, Tensor], Tensor]


class NotStackable(TrainwellError):
    """A network that cannot be trained as part of a stack; it is trained alone instead."""


@dataclass(frozen=True)
class Tensors:
    """What a stacked network is made of, by name.

    Args:
        parameters: trained, `(K, …)`.
        buffers: of each member's own, `(K, …)`; batch norm changes them in place.
        shared: the same for all members: constant buffers, frozen parameters.
    """

    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    shared: Mapping[str, Tensor]


def trace(
    network: nn.Module, tensors: Tensors, loss: StackLoss, inputs: Inputs, target: Tensor, factors: Sequence[Tensor | None]
) -> GraphModule:
    """The graph `(*parameters, *buffers, *inputs, target, *factors) -> (losses (K,), *gradients)`.

    Args:
        network: any member, in training mode; only its code is used.
        tensors: as they lie in the stack.
        loss: of all members.
        inputs: of one step, `(K, B, …)`.
        target: of one step, `(K, B, …)`.
        factors: of the dropouts, see `Draws`; those that are None are no arguments of the graph.

    Raises:
        NotStackable: the network cannot be traced, or draws random numbers in a way that could not be repeated.
    """
    names, own = list(tensors.parameters), list(tensors.buffers)
    drawn = [f for f in factors if f is not None]
    ends = [len(names), len(names) + len(own), len(names) + len(own) + len(inputs)]

    def step(*given: Tensor) -> tuple[Tensor, ...]:
        parameters = {n: p.detach().requires_grad_() for n, p in zip(names, given[: ends[0]], strict=True)}
        buffers = dict(zip(own, given[ends[0] : ends[1]], strict=True))
        queue = iter(given[ends[2] + 1 :])
        placed = [None if f is None else next(queue) for f in factors]
        output = forward(network, Tensors(parameters, buffers, tensors.shared), given[ends[1] : ends[2]], placed)
        losses = loss(output, given[ends[2]])
        gradients = torch.autograd.grad(losses.sum(), list(parameters.values()), allow_unused=True)
        zeros = (torch.zeros_like(p) if g is None else g for g, p in zip(gradients, parameters.values(), strict=True))
        return (losses, *zeros)

    arguments = (*tensors.parameters.values(), *(b.clone() for b in tensors.buffers.values()), *inputs, target, *drawn)
    try:
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # attention's fused kernels know no members
            traced = tidy(written_down(step, arguments))
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        raise NotStackable(f"the network cannot be traced ({' '.join(str(error).split())[:200]})") from error
    if random := nondeterministic(traced):
        raise NotStackable(f"the network draws random numbers of its own ({random[0]})")
    return traced


class _Counting(Seeing):
    """Counts operations."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def tracing_seconds(network: nn.Module, inputs: Inputs) -> float:
    """About how long `trace` will take, from the operations of one forward pass over one member's inputs `(B, …)`."""
    with torch.no_grad(), Replaying(repeat(None)), _Counting() as counting:
        deepcopy(network).train()(*inputs)
    return TRACING + SECONDS_AN_OPERATION * counting.count


def forward(network: nn.Module, tensors: Tensors, inputs: Inputs, factors: Sequence[Tensor | None]) -> Tensor:
    """The outputs of all members, `(K, B, …)`."""
    drawn = tuple(f for f in factors if f is not None)

    def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Inputs, own: tuple[Tensor, ...]) -> Tensor:
        queue = iter(own)
        with Replaying(iter([None if f is None else next(queue) for f in factors])):
            out: Tensor = functional_call(network, {**parameters, **buffers, **tensors.shared}, x)
        return out

    return vmap(one)(dict(tensors.parameters), dict(tensors.buffers), tuple(inputs), drawn)
