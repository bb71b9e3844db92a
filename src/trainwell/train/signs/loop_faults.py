"""Faults of a plain PyTorch loop, counted by hooks that cost microseconds: stale gradients, wrong modes, updates without a
gradient, batches that are not shuffled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.train.signs.layers import norms

#: Updates whose gradients are looked at before the backward, and batches whose labels are.
LOOKED_AT = 24

#: Counts of which an update adds one at most.
PER_UPDATE = ("updates", "empty_updates", "no_gradient", "eval_mode")
_MODAL = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
_LOCK = threading.Lock()


class LoopFaults:
    """Counts what a loop does wrong, between hooks that its owner sets.

    Args:
        network: what is trained.
        optimizer: its optimizer.
    """

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.network = network
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.modal = [m for m in network.modules() if isinstance(m, _MODAL) and not _off(m)]
        self.quiet = self.closure = self.measured = False
        self.called_with: tuple[Any, ...] = ()
        self.forwards = self.backwards = 0
        self.count: dict[str, float] = {"updates": 0, "stale": 0, "eval_mode": 0, "empty_updates": 0}
        self.count |= {"no_gradient": 0, "train_mode_evaluations": 0, "evaluations": 0}
        self._training, self._unused = True, 0
        self._before_stretch: dict[str, float] = {}
        self._labels: list[Tensor] = []
        self._scales: list[float] = []
        self._mixed: tuple[int, dict[str, float]] = (0, {})

    @contextmanager
    def silence(self) -> Iterator[None]:
        """What happens inside is the doctor's own."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that the network was called with last, in an update."""
        return tuple(a for a in self.called_with if isinstance(a, Tensor))

    def forward(self, args: tuple[Any, ...]) -> None:
        """The network is about to be called."""
        if torch.is_grad_enabled():
            self.forwards += 1
            self.called_with = args
            self._training = self.network.training
        else:
            self._evaluation()

    def _evaluation(self) -> None:
        self.count["evaluations"] += 1
        if self.network.training and any(m.training for m in self.modal):
            self.count["train_mode_evaluations"] += 1

    def forwarded(self, output: Tensor) -> None:
        """The network has answered. An answer that no backward ever uses was an evaluation."""
        if output.requires_grad and self.modal and self.network.training:
            self._unused += 1
            output.register_hook(self._used)

    def _used(self, _gradient: Tensor) -> None:
        self._unused = 0

    def backward(self) -> None:
        """A backward is about to start."""
        if self._unused > 1 and self.count["updates"] > 0:
            self.count["evaluations"] += self._unused - 1
            self.count["train_mode_evaluations"] += self._unused - 1
        self._unused = 0
        if self.backwards == 0 and 0 < self.count["updates"] < LOOKED_AT:
            held = [p.grad for p in self.parameters if p.grad is not None]
            if held and float(norms(held).max()) > 0:
                self.count["stale"] += 1
        self.backwards += 1

    def before_update(self) -> None:
        """The optimizer is about to step."""
        if self.backwards == 0:
            self.count["empty_updates"] += 1
        for parameter in self.parameters:  # the first one has a gradient, as a rule
            if parameter.grad is not None:
                break
        else:
            self.count["no_gradient"] += 1
        if self.modal and self.forwards and not self._training:
            self.count["eval_mode"] += 1
        if len(self._scales) < LOOKED_AT and self.inputs and self.inputs[0].is_floating_point():
            self._scales.append(float(self.inputs[0].std()))

    def after_update(self, target: Tensor | None) -> None:
        """The optimizer has stepped."""
        self.count["updates"] += 1
        self.forwards = self.backwards = 0
        self.measured = False
        if target is not None and len(self._labels) < LOOKED_AT and target.numel() == len(target) and len(target) >= 8:
            self._labels.append(target.detach().flatten())

    def stretch(self) -> None:
        """Updates that stand for the ones after them, which nobody hears, begin."""
        self._before_stretch = dict(self.count)

    def slept(self, updates: int) -> None:
        """So many updates went by unheard: they are taken for what the last stretch was."""
        before = self._before_stretch
        heard = self.count["updates"] - before.get("updates", 0)
        if heard > 0:
            for name in PER_UPDATE:
                self.count[name] += round((self.count[name] - before[name]) * updates / heard)

    def counters(self) -> dict[str, float]:
        """The counts so far, and what the batches looked like."""
        found = dict(self.count)
        if self._scales:
            found["batch_scale"] = sorted(self._scales)[len(self._scales) // 2]
        if len(self._labels) >= 6 and self._mixed[0] != len(self._labels):
            self._mixed = len(self._labels), _mixing(self._labels)
        return found | self._mixed[1]

    def listen(self, backward: Callable[[Tensor], None], clipping: Callable[[], None]) -> None:
        """Hear of every backward and clipping until `stop`."""
        global _LISTENERS
        self._told = (self, backward, clipping)
        with _LOCK:
            _LISTENERS = (*_LISTENERS, self._told)
            if len(_LISTENERS) == 1:
                _install()

    def stop(self) -> None:
        """Hear no more; the last one leaves torch as it was."""
        global _LISTENERS
        with _LOCK:
            _LISTENERS = tuple(told for told in _LISTENERS if told is not self._told)
            if not _LISTENERS:
                _remove()


def _off(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.dropout._DropoutNd) and module.p == 0


def _mixing(labels: list[Tensor]) -> dict[str, float]:
    """How varied the targets are within a batch, against batches drawn at random from the same targets."""
    pool = torch.cat(labels)
    mixed = pool[torch.arange(len(pool)).mul_(7919) % len(pool)] if len(pool) % 7919 else pool
    dealt = list(mixed.split(len(labels[0])))
    inside, random = (sum(_variety(b) for b in batches) / len(batches) for batches in (labels, dealt))
    return {"label_variety": inside, "label_variety_random": random}


def _variety(target: Tensor) -> float:
    """Entropy of codes; variance of numbers."""
    if target.is_floating_point() and not bool(((target == 0) | (target == 1)).all()):
        return float(target.float().var()) if len(target) > 1 else 0.0
    codes = target.long() - target.long().min()
    shares = codes.bincount().float() / len(codes)
    return float(torch.special.entr(shares).sum())


#: Replaced, never changed: a backward goes through it without a copy.
_LISTENERS: tuple[tuple[LoopFaults, Callable[[Tensor], None], Callable[[], None]], ...] = ()
_KEPT: dict[str, Any] = {}


def _install() -> None:
    """Put a thin wrapper around the two calls that torch has no hook for: `Tensor.backward` and gradient clipping."""
    _KEPT["backward"] = torch.Tensor.backward
    _KEPT["clip"] = torch.nn.utils.clip_grad_norm_
    _KEPT["clip_value"] = torch.nn.utils.clip_grad_value_

    def backward(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        for faults, told, _ in _LISTENERS:
            if faults.forwards and not faults.quiet:
                faults.backward()
                told(tensor)
        return _KEPT["backward"](tensor, *args, **kwargs)

    torch.Tensor.backward = backward  # type: ignore[assignment, method-assign]
    torch.nn.utils.clip_grad_norm_ = _heard("clip")
    torch.nn.utils.clip_grad_value_ = _heard("clip_value")


def _heard(name: str) -> Callable[..., Any]:
    def clip(*args: Any, **kwargs: Any) -> Any:
        for faults, _, clipping in _LISTENERS:
            if not faults.quiet and faults.backwards:
                clipping()
        return _KEPT[name](*args, **kwargs)

    return clip


def _remove() -> None:
    torch.Tensor.backward = _KEPT["backward"]  # type: ignore[method-assign]
    torch.nn.utils.clip_grad_norm_ = _KEPT["clip"]
    torch.nn.utils.clip_grad_value_ = _KEPT["clip_value"]
