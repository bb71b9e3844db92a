"""What every engine of one network does alike: judging it, its best weights, and its whole state as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from trainwell.core.errors import RecipeError
from trainwell.core.seeds import purpose_key
from trainwell.optim.limits import MovingAverage
from trainwell.train.weights import Weights, Whole

#: Numbers of a parameter group that come from the recipe; what else a rule changes there is part of its memory.
SET_OUTSIDE = {"params", "param_names", "lr", "initial_lr", "weight_decay", "scale", "start"}


class Swap(Protocol):
    """Averaged weights that take the place of the live ones while a network is judged."""

    def swap(self) -> None:
        """Exchange them; called twice, everything is as before."""


class OneNetwork:
    """The part of an engine that does not depend on how an update is made; see `Engine` for what the methods are for.

    Args:
        network: on its device.
        rules: its update rules, by the name under which a checkpoint has them.
        average: of its weights, or of a part of them; None keeps none.
        swaps: what else takes the place of the live weights while it is judged.
        besides: further tensors that a checkpoint needs, by name; they are filled in place.
        seed: of every draw inside the network.
        weights: where they lie; None for whole in this process.
    """

    def __init__(
        self,
        network: nn.Module,
        rules: Mapping[str, torch.optim.Optimizer],
        *,
        average: MovingAverage | None,
        swaps: Sequence[Swap] = (),
        besides: Mapping[str, Tensor],
        seed: int,
        weights: Weights | None = None,
    ) -> None:
        self.weights: Weights = Whole(network) if weights is None else weights
        self.network, self.rules, self._average = network, dict(rules), average
        self._swaps: list[Swap] = [*([average] if average is not None else []), *swaps]
        self._besides = dict(besides)
        self._key = purpose_key(seed, "network")
        self._device = next(chain.from_iterable(parameters_of(rule) for rule in self.rules.values())).device
        self._seed = draws_on(self._device)
        self._best: dict[str, Tensor] = {}
        self._found, self._unscale = torch.zeros((), device=self._device), torch.ones((), device=self._device)

    def _all_finite(self, gradients: list[Tensor]) -> bool:
        # The kernel behind torch's gradient scaler: one pass over all gradients, a third of the cost of their norm.
        torch._amp_foreach_non_finite_check_and_unscale_(gradients, self._found.zero_(), self._unscale)
        return self._found.item() == 0.0

    def evaluating(self, member: int = 0) -> AbstractContextManager[nn.Module]:  # noqa: ARG002  there is one
        return _Evaluating(self.network, self._swaps)

    def keep_best(self, member: int = 0) -> None:  # noqa: ARG002
        with self.evaluating():
            self._best = {name: t.detach().clone() for name, t in self.weights.state().items()}

    def keep(self, members: Sequence[int]) -> None:
        raise AssertionError(f"a single network cannot leave itself: {members}")

    def finish(self, member: int = 0) -> nn.Module:  # noqa: ARG002
        if not self._best:
            self.keep_best()
        self.weights.load(self._best)
        return self.weights.gather().eval()

    def tensors(self) -> dict[str, Tensor]:
        found = {f"network.{n}": t for n, t in self.weights.state().items()} | self._besides
        found |= {f"best.{n}": t for n, t in self._best.items()}
        if self._average is not None:
            found |= {f"average.{n}": t for n, t in zip(self._average.names, self._average.averages, strict=True)}
        for name, rule in self.rules.items():
            found |= {f"{name}.{place}": t for place, t in _memory_of(rule)}
        return found

    def restore(self, tensors: dict[str, Tensor]) -> None:
        parts: dict[str, dict[str, Tensor]] = {name: {} for name in ("network", "best", "average", *self.rules)}
        for name, tensor in tensors.items():
            head, _, rest = name.partition(".")
            parts.setdefault(head, {})[rest] = tensor
        self.weights.load(parts["network"])
        self._best = {n: t.to(self._device) for n, t in parts["best"].items()}
        for name, rule in self.rules.items():
            _remember(rule, parts[name])
        if self._average is not None:
            for name, average in zip(self._average.names, self._average.averages, strict=True):
                average.copy_(parts["average"][name])
        for name, tensor in self._besides.items():
            tensor.copy_(tensors[name])


class _Evaluating(AbstractContextManager[nn.Module]):
    """The network as it is judged: averaged weights if there are any, evaluation mode; undone on leaving."""

    def __init__(self, network: nn.Module, swaps: Sequence[Swap]) -> None:
        self.network, self.swaps = network, swaps

    def __enter__(self) -> nn.Module:
        self.modes = [(m, m.training) for m in self.network.modules()]
        self.network.eval()
        for one in self.swaps:
            one.swap()
        return self.network

    def __exit__(self, *_: object) -> None:
        for one in self.swaps:
            one.swap()
        for module, training in self.modes:
            module.training = training


def draws_on(device: torch.device) -> Callable[[int], Any]:
    """The function that seeds every draw on `device`; 1 µs on the CPU, where `torch.manual_seed` takes 150."""
    if device.type == "cpu":
        return torch.default_generator.manual_seed
    return torch.manual_seed


def parameters_of(rule: torch.optim.Optimizer) -> list[nn.Parameter]:
    """What an update rule moves, in its order."""
    return [p for group in rule.param_groups for p in group["params"]]


def _memory_of(rule: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """What an update rule remembers as tensors, under the place of the parameter and a key.

    Numbers go under `number` and that place, or under `group` where the rule has changed one of a group's own.
    """
    parameters = parameters_of(rule)
    for i, parameter in enumerate(parameters):
        for key, value in rule.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                yield f"{i}.{key}", value
            else:
                yield f"number{i}.{key}", _number(rule, key, value)
    if strays := [key for key in rule.state if not isinstance(key, Tensor)]:
        raise _cannot_hold(rule, str(strays[0]), rule.state[strays[0]])
    for i, group in enumerate(rule.param_groups):
        for key, value in group.items():
            if key not in SET_OUTSIDE and not _same(value, rule.defaults.get(key)):
                yield f"group{i}.{key}", _number(rule, key, value)


def _same(one: Any, other: Any) -> bool:
    """Whether a value of a group is what it was from the beginning."""
    return one is other or (not isinstance(one, Tensor) and not isinstance(other, Tensor) and bool(one == other))


def _number(rule: torch.optim.Optimizer, key: str, value: Any) -> Tensor:
    """A number, or an empty tensor for None."""
    if value is None:
        return torch.empty(0)
    if not isinstance(value, (int, float)):
        raise _cannot_hold(rule, key, value)
    return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)


def _cannot_hold(rule: torch.optim.Optimizer, key: str, value: Any) -> RecipeError:
    what = f"{type(rule).__name__} remembers {key!r} as {type(value).__name__}, which a checkpoint cannot hold"
    return RecipeError(what, remedy="Choose an optimizer that remembers tensors of a parameter and numbers only.")


def _remember(rule: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    parameters = parameters_of(rule)
    for group in rule.param_groups:  # what is not among the tensors is as it was at the beginning
        group.update({k: v for k, v in rule.defaults.items() if k in group and k not in SET_OUTSIDE})
    for place, tensor in tensors.items():
        index, _, key = place.partition(".")
        if index.startswith(("group", "number")):
            held = rule.param_groups[int(index[5:])] if index.startswith("group") else rule.state[parameters[int(index[6:])]]
            held[key] = tensor.item() if tensor.numel() else None
        else:
            parameter = parameters[int(index)]
            rule.state[parameter][key] = _laid_out_like(parameter, tensor.to(parameter.device))


def _laid_out_like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """The tensor in the parameter's memory order: fused update rules walk both as they lie there, whatever their strides."""
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor) if tensor.shape == parameter.shape else tensor
