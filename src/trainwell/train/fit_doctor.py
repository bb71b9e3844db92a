"""The doctor beside a training of `fit`: it measures around updates, writes down what it saw, and tells findings as they arise.

It looks and changes nothing: every draw of a training is a function of (seed, step), so the weights are the same bits with and
without it. What it measures goes into a history of its own, `signs.jsonl` in the run folder, for when it looks depends on the
clock, and the run's own history must not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainwell.core.history import History
from trainwell.data.splits import spread
from trainwell.doctor.examine import diagnose
from trainwell.doctor.finding import Finding
from trainwell.train.compile import Program
from trainwell.train.job import Ending, Member, Observer
from trainwell.train.preflight import preflight
from trainwell.train.probes import Probes, clock_beside
from trainwell.train.signs.checks import CHECK_ROWS, Arrays, Judge
from trainwell.train.signs.loaded_facts import loaded_facts
from trainwell.train.signs.quiet import undisturbed
from trainwell.train.signs.start_facts import gradient_facts
from trainwell.train.steps import Inputs, as_floats, batch_of, member_loss
from trainwell.train.watch_loop import TOLD_AFTER, say

#: Seconds that judging the fixed rows once may take, which decides how many rows they are.
JUDGING = 0.04
#: Rows that are judged once more when the training is over.
CLOSING_ROWS = 1024


class FitDoctor:
    """The doctor of one network; the engine calls `start`, `before`, `clipped` and `after` around each update.

    Args:
        program: what is trained.
        optimizer: that trains it.
        history: the run's own; read, never written.
        signs: where measurements go.
        observers: told of findings, as rows with `split="finding"`.
    """

    def __init__(
        self,
        program: Program,
        optimizer: torch.optim.Optimizer,
        history: History,
        signs: History,
        observers: Sequence[Observer],
    ) -> None:
        self.program, self.optimizer, self.history, self.signs = program, optimizer, history, signs
        self.observers = observers
        self.loss = partial(member_loss, program.loss)
        self._before = 0.0
        self._probes: Probes | None = None
        self._valid = np.empty(0, np.int64)
        self._told: set[str] = set()

    @property
    def findings(self) -> list[Finding]:
        """Every finding so far, causes before symptoms."""
        return diagnose([*self.history.rows, *self.signs.rows])

    def start(self, number: int) -> None:
        """The batch of update `number` is there."""
        if self._probes is not None:
            self._probes.start(number)

    def before(self, number: int, inputs: Inputs, target: Tensor) -> None:
        """Gradients are ready and whole."""
        if self._probes is None:
            self._probes = self._begin(number, inputs, target)
        if self._probes.due(number):
            self._probes.before(number, (as_floats(inputs), target))

    def clipped(self) -> None:
        """Gradients have been limited."""
        if self._probes is not None:
            self._probes.clipped()

    def after(self, number: int, loss: float, rate: float) -> None:
        """Update `number` is done."""
        probes = self._probes
        if probes is None:
            return
        judged = probes.checked
        probes.after(number, loss, rate)
        if number in TOLD_AFTER or probes.checked > judged:
            began = probes.budget.now()
            self.tell()
            probes.spend(began)

    def lost(self, number: int, loss: float) -> None:
        """Loss or gradient of update `number` are not finite."""
        self.signs.add(split="probe", step=number, loss=loss if loss - loss != 0 else float("nan"))

    def tell(self) -> None:
        """Tell the observers of findings that are new; those that another explains are left to it."""
        tell_new(self.findings, self._told, self.signs, self.observers)

    def close(self, step: int, ending: Ending | None) -> list[Finding]:
        """The training is over after `step` updates; returns all findings."""
        if self._probes is not None and ending != "not finite":
            self._probes.judge = judge = self._judge_of(CLOSING_ROWS)
            self._probes.close(step, self._changed(judge))
        spent = self._probes.budget.spent if self._probes is not None else 0.0
        self.signs.add(split="end", step=step, status=ending, seconds_before=self._before, seconds_beside=spent)
        self.tell()
        return self.findings

    def _begin(self, number: int, inputs: Inputs, target: Tensor) -> Probes:
        began = time.perf_counter()
        forget(self.signs, number)
        program, optimizer = self.program, self.optimizer
        batch = as_floats(inputs), target
        if number == 0:
            facts = preflight(program.network, self.loss, batch, optimizer=optimizer, known=loaded_facts(program.data))
            facts |= {
                "batch_size": program.batch_size,
                "threshold": program.recipe.threshold,
                **gradient_facts(program.network, optimizer),
            }
            self.signs.add(**facts)
        probes = Probes(program.network, optimizer, self._record, judge=self._judge(batch))
        probes.counters = self._augmented(batch)
        probes.check(number)
        self._before = time.perf_counter() - began
        return probes

    def _record(self, row: dict[str, Any]) -> None:
        if row.get("sure_rows"):
            row = row | {"sure_rows": self._valid[row["sure_rows"]].tolist()}
        self.signs.add(**row)

    def _augmented(self, batch: Arrays) -> dict[str, float]:
        """How spread the pictures or series of an augmented batch are."""
        augment = self.program.augment
        if augment is None:
            return {}
        changed, _ = augment(tuple(x.clone() for x in batch[0]), batch[1], 0)
        seen = next((x for x in changed if x.ndim in (3, 4)), None)  # series or pictures
        return {} if seen is None else {"batch_scale": float(seen.std())}

    def _changed(self, judge: Judge) -> dict[str, Any]:
        """The score on training rows as augmentation changes them; mixes, which change targets, are left out."""
        augment, (inputs, target) = self.program.augment, judge.train
        if augment is None:
            return {}
        changed, same = augment(tuple(x.clone() for x in inputs), target, 0)
        if same.shape != target.shape or not torch.equal(same, target):
            return {}
        found = Judge(judge.network, None, (changed, target)).check()
        return {"augmented_score": found.get("train_score")}

    def _judge(self, batch: Arrays) -> Judge:
        """A judge of so many rows as can be answered in the time that judging may take."""
        with undisturbed(self.program.network):
            now = clock_beside(self.program.network)
            began = now()
            self.program.network(*batch[0])
            pace = (now() - began) / len(batch[1])
        return self._judge_of(max(128, min(CHECK_ROWS, int(JUDGING / max(pace, 1e-9)))))

    def _judge_of(self, rows: int) -> Judge:
        data, device = self.program.data, self.program.device
        self._valid = spread(data.rows["valid"], rows)
        train, valid = (batch_of(data, some, device) for some in (spread(data.rows["train"], rows), self._valid))
        return Judge(self.program.network, self.loss, train, valid if len(valid[1]) else None, rows=rows)


def findings_of_lines(member: Member, program: Program) -> list[Finding]:
    """What the lines of a history alone say, of a network beside which no doctor stood: it costs its training nothing.

    Seen are what no look into the network is needed for: NaN, overfitting, a loss that swings, a rate that has gone, a momentum
    that is too high.
    """
    recipe, at = program.recipe, member.at
    facts = {"optimizer": recipe.optimizer.name, "momentum": recipe.optimizer.options.get("momentum", 0.0)}
    facts |= {"batch_size": program.batch_size, "rows_train": len(program.data.rows["train"])}
    end = {"split": "end", "step": at.step, "status": at.ending}
    return diagnose([{"split": "facts", "step": 0, **facts}, *member.history.rows, end])


def say_findings(row: Mapping[str, Any]) -> None:
    """The observer that writes findings to stderr, and nothing else."""
    if row["split"] == "finding":
        say(Finding.from_dict({k: v for k, v in row.items() if k != "split"}))


def tell_new(findings: Sequence[Finding], told: set[str], signs: History, observers: Sequence[Observer]) -> None:
    """Tell the observers of findings that nobody was told, and write them down; those that another explains are left to it."""
    for finding in findings:
        if finding.code not in told and not finding.because_of:
            told.add(finding.code)
            row = {"split": "finding", **finding.to_dict()}
            signs.add(**row)
            for observer in observers:
                observer(row)


def forget(signs: History, step: int) -> None:
    """Drop what was measured at `step` and later: a run that was stopped measures it again."""
    kept = [row for row in signs.rows if row["step"] < step or (step > 0 and row["split"] == "facts")]
    kept = [row for row in kept if row["split"] != "end"]
    if len(kept) == len(signs.rows):
        return
    signs.cut(0)
    signs.rows.clear()
    for row in kept:
        signs.add(**row)
