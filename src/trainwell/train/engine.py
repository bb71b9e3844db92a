"""The engine of one network: backward, limits and update; what it shares with other engines is in `engine_state`.

The loop talks to this interface only; an engine that trains a stack of networks has the same methods and `members > 1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from trainwell.core.errors import TrainingError
from trainwell.core.seeds import at_step
from trainwell.optim import limits
from trainwell.optim.schedule_free import ScheduleFree
from trainwell.train.distributed import Team
from trainwell.train.engine_state import OneNetwork, parameters_of
from trainwell.train.loss_scale import LossScale
from trainwell.train.steps import Inputs, Step
from trainwell.train.weights import Weights, Whole


class Engine(Protocol):
    """What the loop needs of whatever is trained: one network, or a stack of them that are told apart by their numbers."""

    micro: int

    def step(self, inputs: Inputs, target: Tensor, *, rates: Sequence[float], number: int) -> Sequence[float | None]:
        """Make update `number`; the loss of each network, None where loss or gradient is not finite (it is not updated)."""

    def evaluating(self, member: int) -> AbstractContextManager[nn.Module]:
        """A context with the network to be judged: averaged weights, evaluation mode."""

    def keep_best(self, member: int) -> None:
        """Remember the weights to be judged as the best so far."""

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these networks only; the best weights of the others stay."""

    def finish(self, member: int) -> nn.Module:
        """The network with its best weights, in evaluation mode."""

    def tensors(self) -> dict[str, Tensor]:
        """Everything a checkpoint needs, by name."""

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over the tensors of a checkpoint."""


class Onlooker(Protocol):
    """Whoever looks at the updates of one network and changes nothing."""

    def start(self, number: int) -> None:
        """The batch of update `number` is there."""

    def before(self, number: int, inputs: Inputs, target: Tensor) -> None:
        """Gradients are ready and whole."""

    def clipped(self) -> None:
        """Gradients have been limited."""

    def after(self, number: int, loss: float, rate: float) -> None:
        """The update is done."""

    def lost(self, number: int, loss: float) -> None:
        """Loss or gradient are not finite; there is no update."""


@dataclass(frozen=True)
class Limits:
    """What is done to gradients and weights around an update; 0 is off everywhere."""

    clip_norm: float = 0.0
    clip_value: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float = 0.0
    constraint: str = "none"
    ema: float = 0.0
    swa_start: int | None = None
    sam: float = 0.0


class SingleEngine(OneNetwork):
    """One network and its optimizer.

    Args:
        network: the module to be trained, on its device.
        step: loss of a batch, see `steps`.
        optimizer: update rule over the network's trainable parameters; its rate is set at every step.
        limits: clipping, penalties, constraints, averaging.
        seed: seed of dropout and every other draw inside the network.
        micro: number of micro-batches per update; doubled when memory runs out.
        team: the processes that train it together, each on its part of the batch; None for one.
        scale: the factor of the loss, in float16; None in other arithmetic.
        weights: where they lie; None for whole in every process.
    """

    def __init__(
        self,
        network: nn.Module,
        step: Step,
        optimizer: torch.optim.Optimizer,
        *,
        limits: Limits,
        seed: int,
        micro: int = 1,
        team: Team | None = None,
        scale: LossScale | None = None,
        weights: Weights | None = None,
    ) -> None:
        weights = Whole(network, team) if weights is None else weights
        super().__init__(
            network,
            {"optimizer": optimizer},
            average=limits_average(weights.live(), limits),
            swaps=[optimizer] if isinstance(optimizer, ScheduleFree) else [],
            besides={},
            seed=seed if team is None else team.seed_of(seed),
            weights=weights,
        )
        self.optimizer, self.limits, self.micro, self._factor = optimizer, limits, micro, 1.0
        self._loss, self._parameters = step, list[Any](parameters_of(optimizer))
        self._scale = scale
        if scale is not None:
            self._unscale = scale.inverse
        self._late = [group for group in optimizer.param_groups if group.get("start", 0)]
        self.onlooker: Onlooker | None = None

    def step(self, inputs: Inputs, target: Tensor, *, rates: Sequence[float], number: int) -> Sequence[float | None]:
        onlooker = self.onlooker
        if onlooker is not None:
            onlooker.start(number)
        self._seed(at_step(self._key, number))
        for parameter in self._parameters:
            parameter.grad = None
        self._thaw(number)
        loss = self._sharp(inputs, target, number) if self.limits.sam else self._backward(inputs, target, number)
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        if not (loss - loss == 0.0 and self._finite(gradients)):
            if self._scale is not None and loss - loss == 0.0 and self._scale.halve():
                return [loss]
            if onlooker is not None:
                onlooker.lost(number, loss)
            return [None]
        if self._scale is not None:
            self._scale.keep()
        if onlooker is not None:
            onlooker.before(number, inputs, target)
        self._update(gradients, rates[0], number)
        if onlooker is not None:
            onlooker.after(number, loss, rates[0])
        return [loss]

    def _thaw(self, number: int) -> None:
        """Layers whose time has not come compute no gradient."""
        for group in self._late:
            trains = number >= group["start"]
            if group["params"][0].requires_grad != trains:
                for parameter in group["params"]:
                    parameter.requires_grad_(trains)

    def _update(self, gradients: list[Tensor], rate: float, number: int) -> None:
        self._limit(gradients)
        if self.onlooker is not None:
            self.onlooker.clipped()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
        self.optimizer.step()
        if self.limits.max_norm:
            limits.limit_norm(self._parameters, self.limits.max_norm)
        if self.limits.constraint != "none":
            limits.constrain(self._parameters, self.limits.constraint)
        if self._average is not None:
            self._average.update(number)

    def _sharp(self, inputs: Inputs, target: Tensor, number: int) -> float:
        """Sharpness-aware: the gradient at the worst point nearby; the loss is that of the point itself.

        The same dropout draws in both passes, and batch statistics of the first. Source: Foret et al., "Sharpness-aware
        minimization for efficiently improving generalization", ICLR 2021.
        """
        loss = self._backward(inputs, target, number)
        moved = [p for p in self._parameters if p.grad is not None]
        gradients = [p.grad for p in moved if p.grad is not None]
        if not self._finite(gradients):
            return loss
        here, buffers = [p.detach().clone() for p in moved], [b.clone() for b in self.network.buffers()]
        length = self.limits.sam / (self.weights.norm(gradients) + 1e-12)
        with torch.no_grad():
            torch._foreach_add_(moved, torch._foreach_mul(gradients, length))
        for parameter in moved:
            parameter.grad = None
        self._seed(at_step(self._key, number))
        self._backward(inputs, target, number)
        with torch.no_grad():
            torch._foreach_copy_(moved, here)
            for buffer, kept in zip(self.network.buffers(), buffers, strict=True):
                buffer.copy_(kept)
        return loss

    def _backward(self, inputs: Inputs, target: Tensor, number: int) -> float:
        rows = target.shape[0]  # `len` of a tensor is a microsecond of Python
        self._factor = self.weights.begin(rows)
        loss = self._own_part(inputs, target, number)
        return self.weights.add_up(self._parameters, loss, rows)

    def _finite(self, gradients: list[Tensor]) -> bool:
        return self.weights.agree(self._all_finite(gradients))

    def _own_part(self, inputs: Inputs, target: Tensor, number: int) -> float:
        while True:
            try:
                return self._once(inputs, target, number)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not out_of_memory(error) or self.micro >= len(target):
                    raise
                if not self.weights.halves:
                    remedy = f"Set accumulate={2 * self.micro}, or start more processes."
                    raise TrainingError("memory ran out, and the processes compute in step", remedy=remedy) from None
                self.micro = min(2 * self.micro, len(target))
                for parameter in self._parameters:
                    parameter.grad = None

    def _once(self, inputs: Inputs, target: Tensor, number: int) -> float:
        """The loss, with its gradients, in as many parts as memory asks for."""
        if self.micro == 1:
            loss = self._loss(inputs, target, number)
            self._differentiate(loss)
            return loss.item()
        total = 0.0
        for part, answer in split(inputs, target, self.micro):
            loss = self._loss(part, answer, number) * (len(answer) / len(target))
            self._differentiate(loss)
            total += loss.item()
        return total

    def _differentiate(self, loss: Tensor) -> None:
        loss = loss if self._factor == 1 else loss * self._factor
        (loss if self._scale is None else loss * self._scale.factor).backward()

    def _limit(self, gradients: list[Tensor]) -> None:
        rule = self.limits
        if rule.l1 or rule.l2:
            limits.add_penalties(self._parameters, l1=rule.l1, l2=rule.l2)
        if rule.clip_value:
            limits.clip_value(gradients, rule.clip_value)
        if rule.clip_norm:
            limits.clip_norm(gradients, rule.clip_norm, norm=self.weights.norm(gradients))

    def tensors(self) -> dict[str, Tensor]:
        return super().tensors() | ({} if self._scale is None else {"scale": self._scale.state()})

    def restore(self, tensors: dict[str, Tensor]) -> None:
        if self._scale is not None:
            self._scale.restore(tensors["scale"])
        super().restore(tensors)


def limits_average(tensors: dict[str, Tensor], rule: Limits) -> limits.MovingAverage | None:
    """The average of live weights and buffers that the rule asks for; None when it asks for none."""
    if rule.swa_start is not None:
        return limits.MovingAverage(tensors, partial(limits.even, start=rule.swa_start))
    return limits.MovingAverage(tensors, partial(limits.recent, decay=rule.ema)) if rule.ema else None


def split(inputs: Inputs, target: Tensor, parts: int) -> Iterator[tuple[Inputs, Tensor]]:
    """The batch in `parts` micro-batches of nearly equal size."""
    pieces: Sequence[Sequence[Tensor]] = [x.tensor_split(parts) for x in (*inputs, target)]
    for piece in zip(*pieces, strict=True):
        yield tuple(piece[:-1]), piece[-1]


def out_of_memory(error: Exception) -> bool:
    """Whether this is torch saying that memory ran out, on any device."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
