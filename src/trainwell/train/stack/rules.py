"""Update rules over all members at once: parameters `(K, P)`, every number of the rule one per member.

The same arithmetic as `torch.optim`, element by element, so a rule needs no knowledge of layers; tests hold it
to 1e-6 of torch. K members, P numbers in a member; the first D of them decay.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

#: Numbers that a stretch of members must have on average for a call of its own to cost less than two more passes over memory.
STRETCH = 10_000
#: A number of the rule: one for all members, or `(K, 1)`.
Number = float | Tensor


def numbers(values: Sequence[float], like: Tensor) -> Number:
    """One number if all members agree, else a column of them of the type of `like`."""
    return values[0] if len(set(values)) == 1 else torch.tensor(values, dtype=like.dtype, device=like.device)[:, None]


def alike(values: Iterable[float]) -> Iterator[tuple[float, slice]]:
    """Each stretch of equal values, and where it lies.

    Example:
        >>> list(alike([0.5, 0.5, 2.0]))
        [(0.5, slice(0, 2, None)), (2.0, slice(2, 3, None))]
    """
    start = 0
    for value, stretch in groupby(values):
        stop = start + sum(1 for _ in stretch)
        yield value, slice(start, stop)
        start = stop


class Rule(ABC):
    """An update rule with its state.

    Args:
        parameters: `(K, P)`, changed in place.
        options: of each member, all of one rule.
        decay: weight decay of each member.
        decayed: D, how many of the P numbers decay.
        decoupled: whether decay stays out of the running means.
    """

    def __init__(
        self,
        parameters: Tensor,
        options: Sequence[Mapping[str, Any]],
        *,
        decay: Sequence[float],
        decayed: int,
        decoupled: bool = False,
    ) -> None:
        self.parameters, self.options = parameters, list(options)
        self._decays, self._decayed, self._decoupled = list(decay), decayed, decoupled
        self._decay = numbers(self._decays, parameters)
        self._scratch = torch.empty_like(parameters)
        self.state: dict[str, Tensor] = {}
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Read the options into numbers; called again when members have left."""

    @abstractmethod
    def update(self, gradients: Tensor, rates: Tensor, number: int) -> None:
        """Make update `number` (from 0) with gradients `(K, P)`, which may be overwritten, and rates `(K, 1)`."""

    def judged(self) -> Tensor:
        """The parameters that are judged, `(K, P)`."""
        return self.parameters

    def option(self, name: str, place: int | None = None) -> Number:
        """The option of all members; `place` picks an entry of a pair such as betas."""
        values = [own[name] if place is None else own[name][place] for own in self.options]
        return numbers([float(v) for v in values], self.parameters)

    def moments(self, *names: str) -> None:
        """Start running means at zero."""
        for name in names:
            self.state.setdefault(name, torch.zeros_like(self.parameters))

    def decay(self, gradients: Tensor, rates: Tensor) -> None:
        """Decay weights as the rule does it: added to their gradients, or decoupled, weights times 1 - rate x decay."""
        if not any(self._decays):
            return
        strength, d = self._decay, self._decayed
        if self._decoupled:
            self.parameters[:, :d].mul_(1 - rates * strength)
        else:
            gradients[:, :d].add_(self.parameters[:, :d] * strength)

    def keep(self, rows: Tensor, parameters: Tensor) -> None:
        """Go on with these rows of the stack."""
        chosen = rows.tolist()
        self.parameters, self._scratch = parameters, torch.empty_like(parameters)
        self.options, self._decays = [self.options[i] for i in chosen], [self._decays[i] for i in chosen]
        self._decay = numbers(self._decays, parameters)
        self.state = {name: t[rows] for name, t in self.state.items()}
        self.prepare()


class Adam(Rule):
    """Adam as `torch.optim.Adam` computes it."""

    def prepare(self) -> None:
        self.moments("mean", "square")
        self.beta1, self.beta2, self.eps = self.option("betas", 0), self.option("betas", 1), self.option("eps")

    def update(self, gradients: Tensor, rates: Tensor, number: int) -> None:
        self.decay(gradients, rates)
        if isinstance(self.beta1, float) and isinstance(self.beta2, float) and isinstance(self.eps, float):
            self._fused(gradients, rates, number, (self.beta1, self.beta2, self.eps))
            return
        mean, square, scratch = self.state["mean"], self.state["square"], self._scratch
        t = number + 1
        mean.lerp_(gradients, 1 - self.beta1)
        square.lerp_(torch.mul(gradients, gradients, out=scratch), 1 - self.beta2)
        torch.sqrt(square, out=scratch)
        scratch.div_((1 - self.beta2**t) ** 0.5).add_(self.eps)
        torch.div(mean, scratch, out=scratch)
        self.parameters.addcmul_(scratch, rates / (1 - self.beta1**t), value=-1)

    def _fused(self, gradients: Tensor, rates: Tensor, number: int, numbers: tuple[float, float, float]) -> None:
        """The update by torch's one-pass kernel, which knows one rate: once for each stretch of members of one rate.

        Of many short stretches its update of zeros at rate -1 is scaled instead.
        """
        beta1, beta2, eps = numbers
        count = torch.tensor(float(number + 1), device=gradients.device)

        def kernel(changed: Tensor, rows: slice, rate: float) -> None:
            tensors = (changed, gradients, self.state["mean"], self.state["square"])
            state: Any = (*([t[rows]] for t in tensors), [], [count])
            torch._fused_adam_(
                *state, lr=rate, beta1=beta1, beta2=beta2, weight_decay=0.0, eps=eps, amsgrad=False, maximize=False
            )

        stretches = list(alike(rates.flatten().tolist()))
        if gradients.numel() >= STRETCH * len(stretches):
            for rate, rows in stretches:
                kernel(self.parameters, rows, rate)
            return
        change = self._scratch.zero_()
        kernel(change, slice(None), -1.0)
        self.parameters.addcmul_(change, rates, value=-1)


class SGD(Rule):
    """Gradient descent with (Nesterov) momentum, as `torch.optim.SGD` computes it."""

    def prepare(self) -> None:
        self.momentum, self.dampening = self.option("momentum"), self.option("dampening")
        self.nesterov, self.heavy = form("sgd", self.options[0])[1:] if self.options else (False, False)
        if self.heavy:
            self.moments("momentum")

    def update(self, gradients: Tensor, rates: Tensor, number: int) -> None:
        self.decay(gradients, rates)
        if self.heavy:
            buffer = self.state["momentum"]
            if number == 0:
                buffer.copy_(gradients)
            else:
                buffer.mul_(self.momentum).add_(gradients * (1 - self.dampening))
            gradients = gradients.add_(buffer * self.momentum) if self.nesterov else buffer
        self.parameters.addcmul_(gradients, rates, value=-1)


class RMSProp(Rule):
    """RMSProp as `torch.optim.RMSprop` computes it."""

    def prepare(self) -> None:
        self.moments("square")
        self.alpha, self.eps, self.momentum = self.option("alpha"), self.option("eps"), self.option("momentum")
        self.centered, self.heavy = form("rmsprop", self.options[0]) if self.options else (False, False)
        self.moments(*(["mean"] if self.centered else []), *(["momentum"] if self.heavy else []))

    def update(self, gradients: Tensor, rates: Tensor, number: int) -> None:
        del number
        self.decay(gradients, rates)
        square, scratch = self.state["square"], self._scratch
        square.lerp_(torch.mul(gradients, gradients, out=scratch), 1 - self.alpha)
        scratch.copy_(square)
        if self.centered:
            mean = self.state["mean"].lerp_(gradients, 1 - self.alpha)
            scratch.addcmul_(mean, mean, value=-1)
        torch.div(gradients, scratch.sqrt_().add_(self.eps), out=scratch)
        if self.heavy:
            scratch = self.state["momentum"].mul_(self.momentum).add_(scratch)
        self.parameters.addcmul_(scratch, rates, value=-1)


def form(name: str, options: Mapping[str, Any]) -> tuple[Any, ...]:
    """What members must share of an optimizer's options; the others are numbers that may differ.

    Example:
        >>> form("sgd", {"momentum": 0.9, "nesterov": True, "dampening": 0.0})
        (0.0, True, True)
    """
    if name == "sgd":
        heavy = options["momentum"] > 0
        return options["dampening"], bool(options["nesterov"] and heavy and not options["dampening"]), heavy
    if name == "rmsprop":
        return options["centered"], options["momentum"] > 0
    return (options["decoupled"],) if name in {"nadam", "radam"} else ()
