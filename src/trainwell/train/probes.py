"""Probes: what is measured around an update, under a budget of time that they keep themselves.

A loop calls `start(step)` when it has its batch, `before(step, …)` when gradients are ready and untouched, and
`after(step, loss, rate)` when the update is done. The first updates are all measured, for causes show there; later ones are
sampled so that the time spent stays a small share of the whole. Nothing here changes a bit of the training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.train.signs.activations import look_through
from trainwell.train.signs.checks import Judge
from trainwell.train.signs.layers import Weights, norms, weights_of
from trainwell.train.signs.quiet import undisturbed

Record = Callable[[dict[str, Any]], Any]
Batch = tuple[tuple[Tensor, ...], Tensor]

#: Updates that are always measured: faults of the loop and of the pairing show within ten, those of the rate within twenty.
FIRST = frozenset({0, 1, 2, 3, 5, 7, 9, 12, 15, 19})
LAST_OF_FIRST = max(FIRST)
#: Updates that are looked at in full, whatever it costs; from then on only norms are free.
FULL = 4
#: Probes grow no denser than one per this share of the run so far, so a history holds some hundreds of them at most.
SPACING = 0.02
#: Rows of the fixed probe set whose activations are looked at.
PROBE_ROWS = 128


#: Seconds that a run may spend on probes whatever its length, spread over it: short runs, too, need to be seen to their end.
CREDIT = 0.25
#: Seconds more for looks that come at twice the step of the one before: on a crowded machine, too, a run is seen to its end.
RESERVE = 0.1
#: Seconds of one look at a clock above which another clock is taken.
DEAR = 5e-6
#: While the credit is spent, each probe comes this factor later than the one before.
GROWTH = 1.1


class Budget:
    """A self-measured allowance: what may be spent is a share of the time gone by, and a small credit.

    Args:
        share: of the run's time.
        credit: seconds.
        clock: seconds, by which both are measured.

    Example:
        >>> Budget(0.02).spent
        0.0
    """

    def __init__(self, share: float, credit: float = CREDIT, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.share, self.credit, self.now = share, credit, clock
        self.spent, self.began = 0.0, clock()

    def allows(self) -> bool:
        """Whether the share pays for another measurement."""
        return self.spent < self.share * (self.now() - self.began)

    def lends(self, reserve: float = 0.0) -> bool:
        """Whether there is credit left, with `reserve` seconds more."""
        return self.spent < self.credit + reserve + self.share * (self.now() - self.began)


@dataclass
class _Clock:
    """Where the time of a step goes: waiting for the batch, and everything else."""

    ended: float = 0.0
    started: float = 0.0
    waits: list[float] = field(default_factory=list)
    works: list[float] = field(default_factory=list)


class Probes:
    """Measures updates and writes them down as rows of the history.

    Args:
        network: what is trained.
        optimizer: whose parameters are watched.
        record: takes each row; `probe` and `check` rows as the doctor's chart describes them.
        judge: losses and scores on fixed rows; None leaves them out.
        budget: share of the run's time that may be spent; 0.02 is hardly seen, and naive probes cost 8 to 54%.

    Example:
        >>> network = nn.Linear(3, 1)
        >>> optimizer, rows = torch.optim.SGD(network.parameters(), lr=0.1), []
        >>> probes = Probes(network, optimizer, rows.append)
        >>> probes.start(0); loss = network(torch.ones(2, 3)).mean(); loss.backward()
        >>> probes.before(0); optimizer.step(); probes.after(0, loss.item(), 0.1)
        >>> rows[0]["gradient_norm"] > 0
        True
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        record: Record,
        *,
        judge: Judge | None = None,
        budget: float = 0.02,
    ) -> None:
        self.network, self.record, self.judge = network, record, judge
        self.budget = Budget(budget, clock=clock_beside(network))
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.weights: Weights = weights_of(network, self.parameters)
        self.counters: dict[str, float] = {}
        self._clock, self._losses = _Clock(), list[Tensor | float]()
        self._row: dict[str, Any] | None = None
        self._held: list[Tensor] = []
        self._batch: Batch | None = None
        self._last = self.checked = -1
        self.work = 0.0  # seconds of an update, without waiting for its batch
        self._soonest = 0.0  # the update up to which none is measured again
        self._full = False

    def due(self, step: int) -> bool:
        """Whether update `step` is measured."""
        if step <= LAST_OF_FIRST:
            return step in FIRST
        if step <= self._soonest:
            return False
        if (step >= GROWTH * self._last and self.budget.lends()) or self._late(step, self._last):
            return True
        return self.budget.allows()

    def _late(self, step: int, last: int) -> bool:
        """Whether the look before is so long ago that the reserve pays for this one."""
        return step >= 2 * max(1, last) and self.budget.lends(RESERVE)

    @property
    def measuring(self) -> bool:
        """Whether the update under way is measured."""
        return self._row is not None

    def start(self, step: int) -> None:
        """The batch is there."""
        del step
        self._clock.started = time.perf_counter()
        if self._clock.ended:
            self._clock.waits.append(self._clock.started - self._clock.ended)

    def before(self, step: int, batch: Batch | None = None) -> None:
        """Gradients are ready, before clipping; `batch` lets the same batch be judged again after the update."""
        if not self.due(step):
            return
        began = self.budget.now()
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        layers = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.weights.tensors]
        self._held = [p.detach().clone() for p in self.weights.tensors]
        whole = torch.linalg.vector_norm(norms(gradients)) if gradients else torch.zeros(())
        self._row = {"gradient": norms(layers).tolist(), "gradient_norm": float(whole)}
        self._full = self.judge is not None and (step < FULL or self.budget.lends())
        self._batch = batch if self._full else None
        if self.judge is not None and self._batch is not None:
            self._row["before"] = self.judge.loss_of(*self._batch)
        self.budget.spent += self.budget.now() - began

    def clipped(self) -> None:
        """Gradients have been limited: note what is left of them."""
        if self._row is not None:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            self._row["clipped_norm"] = float(torch.linalg.vector_norm(norms(gradients))) if gradients else 0.0

    def after(self, step: int, loss: Tensor | float, rate: float) -> None:
        """The update is done; a loss that is a tensor has no graph behind it."""
        self._losses.append(loss)
        if self._clock.started:
            self._clock.works.append(time.perf_counter() - self._clock.started)
        if self._row is not None:
            began = self.budget.now()
            self._finish(step, rate)
            self.budget.spent += self.budget.now() - began
        self._clock.ended = time.perf_counter()

    def stepped(self) -> None:
        """The step is over; what was done in it after the update was no waiting."""
        if self._clock.ended:
            self._clock.ended = time.perf_counter()

    def spend(self, began: float) -> None:
        """What was done since `began` by the budget's clock is the doctor's own: no waiting, and part of its budget."""
        self._clock.ended = time.perf_counter()
        self.budget.spent += self.budget.now() - began

    def _finish(self, step: int, rate: float) -> None:
        row, self._row, self._last = self._row or {}, None, step
        self._soonest = step / (1 - SPACING)
        moved = [w - old for w, old in zip((p.detach() for p in self.weights.tensors), self._held, strict=True)]
        row |= {"update": norms(moved).tolist(), "weight": norms(self._held).tolist(), "floor": self.weights.floors}
        if self.judge is not None and self._batch is not None:
            row["after"] = self.judge.loss_of(*self._batch)
        if self._full:
            row |= self._units()
        losses = _as_one(self._losses)
        row |= {"loss": float(losses.mean()), "loss_largest": float(losses.max()), "learning_rate": rate}
        self._held, self._batch = [], None
        self._losses.clear()
        self.record({"split": "probe", "step": step, **row, **self._times(), **self.counters, "memory": memory_used()})
        if self.judge is None:
            return
        if (step > 1.15 * self.checked + 2 and self.budget.lends()) or self._late(step, self.checked):
            self.check(step + 1)

    def _units(self) -> dict[str, Any]:
        judge = self.judge
        assert judge is not None
        with undisturbed(self.network, "batch"):
            look = look_through(self.network, judge.some(PROBE_ROWS))
        return {"silent": look.silent, "saturated": look.saturated, "zero": look.zero, "mean": look.mean, "spread": look.spread}

    def _times(self) -> dict[str, float]:
        clock = self._clock
        found = {}
        if clock.waits:
            # The measured update itself is slow: the median of the others tells.
            found = {"wait": _median(clock.waits), "work": _median(clock.works)}
            self.work = found["work"]
        clock.waits.clear()
        clock.works.clear()
        return found

    def check(self, step: int, more: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Judge the fixed rows, and write it down with what `more` is known."""
        if self.judge is not None and step != self.checked:
            self.checked = step
            self.record({"split": "check", "step": step, **self.judge.check(), **more})

    def close(self, step: int, more: Mapping[str, Any] = MappingProxyType({})) -> None:
        """The run is over after `step` updates: judge the fixed rows once more, and note what has become of the weights."""
        row: dict[str, Any] = {
            "split": "probe",
            "step": max(0, step - 1),
            "weight": norms([p.detach() for p in self.weights.tensors]).tolist(),
        }
        if not all(map(math.isfinite, row["weight"])):
            row["loss"] = math.nan  # that of an update which nobody measured
        if self.judge is not None:
            self.check(step, more)
            row |= self._units()
        self.record(row | self.counters)


def clock_beside(network: nn.Module) -> Callable[[], float]:
    """The clock of a budget: CPU time of this thread, so that other programs take no looks away from a run.

    Wall time where the network computes elsewhere, for then this thread waits, and where the system answers slowly.
    """
    here = all(p.device.type == "cpu" for p in network.parameters())
    return time.thread_time if here and _price_of_thread_time() < DEAR else time.perf_counter


@cache
def _price_of_thread_time() -> float:
    """Seconds of one look at the thread's clock: half a microsecond, as a rule, and milliseconds in some sandboxes."""
    began = time.perf_counter()
    for _ in range(10):
        time.thread_time()
    return (time.perf_counter() - began) / 10


def _as_one(losses: list[Tensor | float]) -> Tensor:
    """The losses of several updates; of one that was never averaged, its mean."""
    tensors = [x for x in losses if isinstance(x, Tensor)]
    if len(tensors) == len(losses) and all(x.ndim == 0 for x in tensors):
        return torch.stack(tensors).float().cpu()
    return torch.tensor([float(x.float().mean()) if isinstance(x, Tensor) else x for x in losses])


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


def memory_used() -> int:
    """Bytes of memory in use: of the GPU where there is one, else resident memory of this process; 0 where unknown."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.memory_allocated()
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0
