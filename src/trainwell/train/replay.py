"""Replay: one update executed again exactly as it was, taken apart, and tried otherwise.

Every draw is a function of the step, so the nearest checkpoint and the updates from there on give back any instant of a run.
Nothing has to be recorded for it while training, and the run folder is only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainwell.core.errors import CheckpointError, UsageError
from trainwell.data.batches import Batches
from trainwell.data.data import Data
from trainwell.optim.schedules import Moment
from trainwell.train.build_batches import build_batches
from trainwell.train.checkpoint import checkpoints, read_checkpoint, step_of
from trainwell.train.compile import Program, compile_program
from trainwell.train.dissect import LayerAt, dissected
from trainwell.train.engine import SingleEngine
from trainwell.train.fit import repeatable
from trainwell.train.loop import oriented
from trainwell.train.machine import build_engine
from trainwell.train.nonfinite import data_cause, first_bad_cell
from trainwell.train.resume import load_again
from trainwell.train.run import Run
from trainwell.train.steps import as_floats, member_loss

#: A layer that makes its input this many times larger is named where nothing else stands out.
EXPLODES = 100.0
#: Rows of the batch that are listed.
LISTED = 10


@dataclass(frozen=True)
class WhatIf:
    """The updates around the step with something changed.

    Args:
        name: what is changed.
        first: the first update that was executed in this way.
        losses: training loss of each; NaN from where it is not finite.
    """

    name: str
    first: int
    losses: list[float]

    @property
    def finite(self) -> bool:
        """Whether training went on to the end of the window."""
        return all(loss == loss for loss in self.losses)


@dataclass(frozen=True)
class Replay:
    """One update of a run, executed again.

    Args:
        step: its number.
        loss: of its batch.
        rate: learning rate.
        gradient_norm: of the whole gradient, before clipping.
        began: where NaN, infinity or an explosion began; empty where there is none.
        layers: in the order of the forward pass.
        rows: of the data in the batch, those with the largest loss first, with that loss.
        what_ifs: the updates around it as they were, with half and a tenth of the rate, with clipping, with half and clipping.
        start: the step that the replay started from.
        agreed: lines of the history that were met again with the same loss, to the bit.
        met: lines of the history that were met.
    """

    step: int
    loss: float
    rate: float
    gradient_norm: float
    began: str
    layers: list[LayerAt]
    rows: list[tuple[int, float]]
    what_ifs: list[WhatIf]
    start: int
    agreed: int = 0
    met: int = 0

    def __str__(self) -> str:
        head = f"update {self.step}: loss {self.loss:.4g}, rate {self.rate:.3g}, gradient norm {self.gradient_norm:.3g}"
        rows = ", ".join(f"{row} ({loss:.3g})" for row, loss in self.rows[:5])
        lines = [head, self.sentence, f"rows with the largest loss: {rows}"]
        return "\n".join([*lines, *(f"{w.name}: {outcome(w)}" for w in self.what_ifs)])

    @property
    def sentence(self) -> str:
        """Where it began."""
        return f"it began with {self.began}" if self.began else "every output and gradient is finite, and no layer explodes"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"sentence": self.sentence}


def outcome(what_if: WhatIf) -> str:
    """What became of the updates, in words.

    Example:
        >>> outcome(WhatIf("half the rate", 8, [0.5, 0.25]))
        'loss 0.5 → 0.25 over updates 8 to 9'
    """
    last = what_if.first + len(what_if.losses) - 1
    if what_if.finite:
        return f"loss {what_if.losses[0]:.4g} → {what_if.losses[-1]:.4g} over updates {what_if.first} to {last}"
    at = next(i for i, loss in enumerate(what_if.losses) if loss != loss)
    return f"not finite at update {what_if.first + at}"


def replay(
    run: Run | str | Path,
    step: int | None = None,
    *,
    data: Data | None = None,
    back: int = 10,
    ahead: int = 10,
    clip: float = 1.0,
) -> Replay:
    """Execute one update of a run again, and say where NaN or an explosion began and what would have helped.

    Args:
        run: a run or its folder; it is not changed.
        step: the update, from 0; None is the one that was not finite, or the last one.
        data: its data, when they came from memory; else they are read again.
        back: updates before it at which the what-ifs begin.
        ahead: updates after it to which they go on.
        clip: the gradient norm to which they clip.

    Raises:
        UsageError: the run has no such update.
        CheckpointError: the data are not those of the run.

    Example:
        >>> import trainwell as tw
        >>> data = tw.load("iris")
        >>> found = replay(tw.fit(tw.Recipe(epochs=2, model="mlp"), data), 3, data=data)
        >>> found.step, found.sentence
        (3, 'every output and gradient is finite, and no layer explodes')
    """
    run = run if isinstance(run, Run) else Run.open(run)
    if data is None:
        data = load_again(_folder(run))
    number = _asked(run, step)
    with repeatable():
        torch.set_num_threads(run.plan.machine.threads)
        tape = Tape(run, data.under(run.recipe))
        try:
            return _replayed(tape, number, back=back, ahead=ahead, clip=clip)
        finally:
            tape.batches.close()


def _folder(run: Run) -> Path:
    if run.folder is None:
        raise UsageError("the run is in memory, and so are its data", remedy="Give data=tw.load(…).")
    return run.folder


def _asked(run: Run, step: int | None) -> int:
    """The update that is asked for, if the run has it."""
    failed = run.status == "not finite"
    made = int(run.summary.get("steps", 0)) or max((int(r["step"]) for r in run.history.rows if "step" in r), default=0)
    last = made if failed else made - 1
    if step is None:
        step = last
    if not 0 <= step <= last:
        raise UsageError(f"the run has no update {step}", remedy=f"Its updates are 0 to {last}.")
    return step


class Tape:
    """A run that can be wound to any of its updates.

    Args:
        run: the run.
        data: under its recipe.
    """

    def __init__(self, run: Run, data: Data) -> None:
        if data.fingerprint != run.plan.data:
            raise CheckpointError("these are not the data of the run", remedy="Give the data that it was trained on.")
        self.run, self.plan = run, run.plan
        self.program: Program = compile_program(run.recipe, data, seed=run.plan.seed)
        self.batches: Batches = build_batches(self.program)
        engine = build_engine(self.program, replace(run.plan.machine, stack=""), steps=run.plan.steps)
        if not isinstance(engine, SingleEngine):
            raise CheckpointError("a game of two networks cannot be replayed", remedy="Its history shows both losses.")
        self.engine = engine
        self.limits = self.engine.limits
        self.start = self.now = 0
        self._fresh = True
        self.losses: dict[int, float] = {}
        self._valid = [r for r in run.history.rows if r.get("split") == "valid"]

    def rate(self, step: int) -> float:
        """The learning rate of an update, as schedules that look at scores gave it."""
        monitor, higher = self.plan.monitor, self.plan.higher_is_better
        scores = [oriented(r[monitor], higher) for r in self._valid if r["step"] <= step]
        return self.program.rate(Moment(step / self.plan.steps, scores))

    def wind_to(self, step: int) -> None:
        """Go to the instant before an update, at first from the nearest checkpoint before it."""
        fresh, self._fresh = self._fresh, False
        if fresh and self.run.folder is not None and not self.plan.machine.stack:
            self._nearest_checkpoint(self.run.folder / "checkpoints", step)
        while self.now < step:
            self.play()

    def _nearest_checkpoint(self, folder: Path, step: int) -> None:
        for path in checkpoints(folder):
            if self.now < step_of(path) <= step:
                kept = read_checkpoint(path)
                self.engine.micro = kept.state["micro"]
                self.set_state(int(kept.state["step"]), kept.tensors)
                self.start = self.now
                return

    def play(self, *, slower: float = 1.0) -> float:
        """Make the next update; its loss, NaN where it is not finite."""
        inputs, target = self.batches[self.now]
        (loss,) = self.engine.step(inputs, target, rates=[slower * self.rate(self.now)], number=self.now)
        found = float("nan") if loss is None else loss
        self.losses[self.now] = found
        self.now += 1
        return found

    def state(self) -> dict[str, Tensor]:
        """A copy of weights, averages and the optimizer's memory."""
        return {name: tensor.detach().clone() for name, tensor in self.engine.tensors().items()}

    def set_state(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Go back to a copied state."""
        self.engine.optimizer.state.clear()
        self.engine.restore({name: tensor.clone() for name, tensor in tensors.items()})
        self.now = step

    def agreement(self) -> tuple[int, int]:
        """Lines of the history whose mean loss was met again, to the bit; and lines that were met."""
        every, agreed, met = self.plan.log_every, 0, 0
        for row in (r for r in self.run.history.rows if r.get("split") == "train"):
            steps = range(row["step"] - every, row["step"])
            if row["step"] % every == 0 and all(s in self.losses for s in steps):
                total = 0.0
                for s in steps:
                    total += self.losses[s]
                met, agreed = met + 1, agreed + (total / every == row["loss"])
        return agreed, met


def _replayed(tape: Tape, step: int, *, back: int, ahead: int, clip: float) -> Replay:
    first = max(0, step - back)
    tape.wind_to(first)
    first = tape.now
    beginning = tape.state()
    tape.wind_to(step)
    agreed, met = tape.agreement()
    autocast = tape.plan.machine.autocast
    target, output, loss, layers = dissected(tape.program, tape.batches[step], step, autocast=autocast)
    rows = tape.batches.rows(step)
    began = _began(tape, layers, loss, rows)
    last = min(step + ahead, tape.plan.steps - 1)
    return Replay(
        step=step,
        loss=float(loss),
        rate=tape.rate(step),
        gradient_norm=sum(layer.gradient**2 for layer in layers if layer.gradient) ** 0.5,
        began=began,
        layers=layers,
        rows=_worst_rows(tape.program, output, target, rows),
        what_ifs=_what_ifs(tape, first, beginning, last, clip=clip),
        start=tape.start,
        agreed=agreed,
        met=met,
    )


def _began(tape: Tape, layers: Sequence[LayerAt], loss: Tensor, rows: Tensor) -> str:
    """Where NaN or infinity began: the data, the first layer, the loss, or the gradient nearest the output; or an explosion."""
    inputs, target = tape.batches[tape.now]
    if cause := data_cause(as_floats(inputs), target, rows, tape.program.data.shape.inputs):
        return cause
    for layer in layers:
        if not layer.leaving < float("inf"):
            grew = f"{layer.entering:.3g} at most entered, its weights have the norm {layer.weight:.3g}"
            return f"layer {layer.name!r} ({layer.kind}) in the forward pass: {grew}"
    if first_bad_cell(loss.reshape(1)) is not None:
        return "the loss: every layer's output is finite"
    for layer in reversed(layers):
        if not layer.gradient < float("inf"):
            return f"the gradient of layer {layer.name!r} ({layer.kind}) in the backward pass"
    steepest = max(layers, key=lambda layer: layer.growth)
    if steepest.growth > EXPLODES:
        return f"layer {steepest.name!r} ({steepest.kind}) makes what enters it {steepest.growth:.3g} times larger"
    return ""


def _worst_rows(program: Program, output: Tensor, target: Tensor, rows: Tensor) -> list[tuple[int, float]]:
    """Rows of the batch with their own loss, the largest and those that are not finite first."""
    with torch.no_grad():
        alone = [float(member_loss(program.loss, output[i : i + 1], target[i : i + 1])) for i in range(len(target))]
    order = sorted(range(len(alone)), key=lambda i: -alone[i] if alone[i] == alone[i] else -float("inf"))
    return [(int(rows[i]), alone[i]) for i in order[:LISTED]]


def _what_ifs(tape: Tape, first: int, state: dict[str, Tensor], last: int, *, clip: float) -> list[WhatIf]:
    clipped = replace(tape.limits, clip_norm=min(clip, tape.limits.clip_norm or clip))
    ways = [
        ("as it was", 1.0, tape.limits),
        ("half the rate", 0.5, tape.limits),
        ("a tenth of the rate", 0.1, tape.limits),
        (f"gradient clipped to {clipped.clip_norm:g}", 1.0, clipped),
        ("half the rate, clipped", 0.5, clipped),
    ]
    found = []
    for name, slower, limits in ways:
        tape.set_state(first, state)
        tape.engine.limits = limits
        losses: list[float] = []
        while tape.now <= last and all(loss == loss for loss in losses):
            losses.append(tape.play(slower=slower))
        found.append(WhatIf(name, first, losses))
    return found
