"""The doctor beside code that knows nothing of it: what `watch` puts around a plain PyTorch loop."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.core.history import History
from trainwell.doctor.examine import diagnose
from trainwell.doctor.finding import Finding
from trainwell.train.preflight import gathered_facts, preflight
from trainwell.train.probes import Probes
from trainwell.train.signs.checks import Judge
from trainwell.train.signs.gather import Gathered
from trainwell.train.signs.loop_faults import LoopFaults
from trainwell.train.signs.start_facts import gradient_facts

Tell = Callable[[Finding], Any]

#: Updates after which the findings so far are told; later, with every evaluation of the fixed rows.
TOLD_AFTER = frozenset({0, 9, 19})
#: Updates heard in a row, and updates after which none need be heard: by then faults of the loop have shown.
AWAKE, SLEEPLESS = 8, 200
#: Seconds of work below which not every update is heard: hearing one costs 25 microseconds, sleeping through it 8.
HEARD = 0.008
#: Updates slept through for each one that is heard, at most.
MOST_ASLEEP = 8


def say(finding: Finding) -> None:
    """Tell a finding on stderr."""
    sys.stderr.write(f"doctor: {finding}\n")


class Watch:
    """What `watch` returns: use it as a context around the loop; `findings` and `history` can be read at any time."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Callable[..., Tensor] | None,
        *,
        train: Any,
        valid: Any,
        tell: Tell | None,
        budget: float,
        path: Path | None,
        heard: Any = None,
    ) -> None:
        self._heard = model if heard is None else heard  # whose calls are heard: a model of Keras is looked at through another
        self.model, self.optimizer, self._loss_function = model, optimizer, loss
        self._hears_loss = isinstance(loss, nn.Module)
        self.history = History(path)
        self._train, self._valid, self._tell, self._share = _arrays(train), _arrays(valid), tell, budget
        self._faults = LoopFaults(model, optimizer)
        self._rows = Gathered() if train is None else None
        self._probes: Probes | None = None
        self._told: set[str] = set()
        self._handles: list[Any] = []
        self._target: Tensor | None = None
        self._loss: Tensor | float | None = None
        self._step = 0
        # Updates that are slept through, those of them that have gone by, and the step at which it is asked again.
        self._nap = self._slept = self._rests_at = 0
        self._waking: list[Any] = []
        self.waits = True  # whether the time between steps is waiting for a batch

    def __enter__(self) -> Self:
        self._handles = [self._heard.register_forward_pre_hook(self._forward)]
        if self._faults.modal:
            self._handles += [self._heard.register_forward_hook(self._forwarded)]
        self._handles += [self.optimizer.register_step_post_hook(self._after)]
        self._rise()
        self._faults.listen(self._backward, self._clipping)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._faults.stop()
        self._faults.slept(self._slept)
        for handle in (*self._handles, *self._waking):
            handle.remove()
        if self._probes is not None and error is None:
            self._probes.counters = self._faults.counters()
            with self._faults.silence():
                self._learn_rows()
                self._probes.close(self._step)
        status = "finished" if error is None else "failed"
        self.history.add(split="end", step=self._step, status=status)
        self._speak()
        self.history.close()

    def _rise(self) -> None:
        """Hear everything of an update; those that were slept through were like the last ones heard."""
        self._faults.slept(self._slept)
        self._faults.stretch()
        self._nap, self._slept, self._rests_at = 0, 0, self._step + AWAKE
        self._waking = [self.optimizer.register_step_pre_hook(self._before)]
        if isinstance(self._loss_function, nn.Module):
            self._waking += [self._loss_function.register_forward_hook(self._loss_called)]

    def _rest(self, probes: Probes) -> None:
        """Sleep for some updates where they are so short that hearing all of them would be felt."""
        plain = self._heard is self.model  # steps of Keras are long beside what hearing them costs
        if plain and self._step >= SLEEPLESS and self._rows is None and 0 < probes.work < HEARD:
            self._nap = AWAKE * min(MOST_ASLEEP, round(HEARD / probes.work) - 1)
        if self._nap:  # count updates and hear of evaluations, no more
            for handle in self._waking:
                handle.remove()
        else:
            self._faults.stretch()
            self._rests_at = self._step + AWAKE

    @property
    def findings(self) -> list[Finding]:
        """Every finding so far, causes before symptoms; empty when nothing is wrong."""
        return diagnose(self.history.rows)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss function itself; call it in place of a plain function, so that the doctor sees the target."""
        assert self._loss_function is not None
        found = self._loss_function(output, target)
        self.loss_seen(output, target, found)
        return found

    def loss_seen(self, output: Tensor, target: Tensor, value: Tensor) -> None:
        """The loss of `output` against `target` was computed elsewhere, and is `value`."""
        self._loss_called(None, (output, target), value)

    def stepped(self) -> None:
        """A step is over, its bookkeeping included: what comes before the next one is waiting for the batch."""
        if self._probes is not None:
            self._probes.stepped()

    def _forward(self, _model: nn.Module, args: tuple[Any, ...]) -> None:
        faults = self._faults
        if faults.quiet or (self._nap and torch.is_grad_enabled()):
            return
        faults.forward(args)
        if not torch.is_grad_enabled():
            if self._rows is not None:
                self._rows.evaluated(tuple(a for a in args if isinstance(a, Tensor)))
        elif faults.forwards == 1 and self.waits and self._probes is not None:
            self._probes.start(self._step)

    def _forwarded(self, _model: nn.Module, _args: Any, output: Any) -> None:
        if not (self._faults.quiet or self._nap) and isinstance(output, Tensor):
            self._faults.forwarded(output)

    def _loss_called(self, _module: Any, args: tuple[Any, ...], value: Any) -> None:
        if self._faults.quiet or len(args) < 2 or not isinstance(args[1], Tensor):
            return
        if torch.is_grad_enabled():
            if not self._nap:
                self._target, self._loss = args[1], value.detach() if isinstance(value, Tensor) else value
        elif self._rows is not None:
            self._rows.answered(args[1])

    def _backward(self, loss: Tensor) -> None:
        """Before the backward of this loop's loss."""
        if self._loss is None or not self._hears_loss:
            self._loss = loss.detach()

    def _clipping(self) -> None:
        """Just before the user's own clipping: gradients are still whole."""
        if self._probes is not None and self._probes.due(self._step):
            self._measure_before()

    def _before(self, _optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        faults, probes, step = self._faults, self._probes, self._step
        faults.closure = bool(kwargs.get("closure") or (len(args) > 1 and args[1] is not None))
        if faults.closure or faults.quiet:
            return
        faults.before_update()
        if probes is not None and not faults.measured and not probes.due(step):
            return
        with faults.silence():
            if probes is None:
                self._begin()
            if not faults.measured:
                self._measure_before()
            elif probes is not None:
                probes.clipped()

    def _measure_before(self) -> None:
        probes, batch = self._probes, self._batch()
        if probes is not None:
            self._faults.measured = True
            with self._faults.silence():
                probes.before(self._step, batch)

    def _after(self, _optimizer: Any, _args: Any, _kwargs: Any) -> None:
        if self._nap:
            self._step += 1
            self._slept += 1
            if self._slept == self._nap:
                self._rise()
            return
        faults, probes = self._faults, self._probes
        if faults.closure or faults.quiet or probes is None:
            return
        loss = self._loss if self._loss is not None else float("nan")
        if probes.measuring or self._rows is not None or self._step in TOLD_AFTER:
            self._look(probes, loss)
        else:
            probes.after(self._step, loss, 0.0)
        faults.after_update(self._target)
        self._step += 1
        self._target = self._loss = None
        if self._step >= self._rests_at:
            self._rest(probes)

    def _look(self, probes: Probes, loss: Tensor | float) -> None:
        """After an update that is measured, or whose rows are wanted, or about which findings are told."""
        with self._faults.silence():
            probes.counters = self._faults.counters()
            probes.after(self._step, loss, float(self.optimizer.param_groups[0]["lr"]))
            began = probes.budget.now()
            if self._rows is not None and self._target is not None:
                self._rows.train(self._faults.inputs, self._target)
                if self._rows.full:
                    self._learn_rows()
            if self._step in TOLD_AFTER:
                self._speak()
            probes.spend(began)

    def _batch(self) -> tuple[tuple[Tensor, ...], Tensor] | None:
        inputs, target = self._faults.inputs, self._target
        if not inputs or target is None or len(target) != len(inputs[0]):
            return None
        return tuple(x.detach() for x in inputs), target.detach()

    def _begin(self) -> None:
        """Everything that is measured once, with the first batch at hand and the network still as it was made."""
        batch = self._batch()
        known = self._train if self._train is not None else batch
        if batch is not None and known is not None:
            facts = preflight(
                self.model, self._loss_function, batch, optimizer=self.optimizer, train=self._train, valid=self._valid
            )
            self.history.add(**facts, **gradient_facts(self.model, self.optimizer))
        judge = Judge(self.model, self._loss_function, known, self._valid) if known is not None else None
        self._probes = Probes(
            self.model, self.optimizer, self._record, judge=judge, budget=self._share / 2
        )  # the other half is hearing
        self._probes.check(0)

    def _learn_rows(self) -> None:
        """What the rows that were gathered say, once there are enough of them or the run ends."""
        rows, self._rows = self._rows, None
        known = rows.arrays() if rows is not None else None
        if rows is None or known is None or self._probes is None:
            return
        valid = self._valid if self._valid is not None else rows.judged()
        self.history.add(**gathered_facts(known, valid, rows.judged_inputs()))
        self._probes.judge = Judge(self.model, self._loss_function, known, valid)
        self._probes.check(self._step)

    def _record(self, row: dict[str, Any]) -> None:
        self.history.add(**row)

    def _speak(self) -> None:
        if self._tell is None:
            return
        for finding in self.findings:
            if finding.code not in self._told and not finding.because_of:
                self._told.add(finding.code)
                self._tell(finding)


def _arrays(given: Any) -> tuple[tuple[Tensor, ...], Tensor] | None:
    """`(x, y)`, with x one array or a tuple of them, as tensors."""
    if given is None:
        return None
    x, y = given
    inputs = x if isinstance(x, (tuple, list)) else (x,)
    return tuple(_tensor(a) for a in inputs), _tensor(y)


def _tensor(array: Any) -> Tensor:
    return array if isinstance(array, Tensor) else torch.from_numpy(np.asarray(array))
