"""What is measured of a run in the lab, by name."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from trainwell.data.data import Data
from trainwell.study.scores import predictions_of
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import compile_program
from trainwell.train.fit import repeatable
from trainwell.train.run import Run
from trainwell.train.steps import as_floats, member_loss

Measure = Callable[[Run, Data], float]


def accuracy(run: Run, _data: Data) -> float:
    """Accuracy on validation rows, of the best weights."""
    return float(run.summary.get("valid", {}).get("accuracy", math.nan))


def first_accuracy(run: Run, _data: Data) -> float:
    """Accuracy at the first validation: how fast it learns at the start."""
    return next((float(r["accuracy"]) for r in run.history.rows if r.get("split") == "valid"), math.nan)


def finished(run: Run, _data: Data) -> float:
    """1 when training ended with a loss below that of guessing, 0 when it diverged."""
    if run.status == "not finite":
        return 0.0
    losses = [float(r["loss"]) for r in run.history.rows if r.get("split") == "train"]
    return float(losses[-1] < math.log(run.preparation.target.n_out))


def rise(run: Run, _data: Data) -> float:
    """How far the validation loss rose from its lowest point to the end, in nats."""
    losses = [float(r["loss"]) for r in run.history.rows if r.get("split") == "valid"]
    return losses[-1] - min(losses) if losses else math.nan


def gap(run: Run, data: Data) -> float:
    """Accuracy on training rows less accuracy on validation rows."""
    train, valid = (predictions_of(run, data, part) for part in ("train", "valid"))
    scores = [float((p.output.argmax(1) == p.target).mean()) for p in (train, valid)]
    return scores[0] - scores[1]


def confidence(run: Run, data: Data) -> float:
    """Mean probability of the class that is answered, on validation rows."""
    return float(predictions_of(run, data, "valid").output.max(1).mean())


def weight_size(run: Run, _data: Data) -> float:
    """Root mean square of all weight matrices after training."""
    matrices = [p.detach().flatten() for p in run.network.parameters() if p.ndim > 1]
    return float(torch.cat(matrices).square().mean().sqrt())


def gradient_depth(run: Run, data: Data) -> float:
    """Power of ten of the first layer's gradient over the last one's, in the network as it was before the first update."""
    with repeatable():
        program = compile_program(run.recipe, data.under(run.recipe), seed=run.plan.seed)
        batches = build_batches(program)
        inputs, target = batches[0]
        member_loss(program.loss, program.network(*as_floats(inputs)), target).backward()
        batches.close()
    norms = [float(p.grad.norm()) for p in program.network.parameters() if p.ndim > 1 and p.grad is not None]
    return math.log10(max(norms[0], 1e-30) / max(norms[-1], 1e-30))


MEASURES: dict[str, Measure] = {
    function.__name__: function
    for function in (accuracy, first_accuracy, finished, rise, gap, confidence, weight_size, gradient_depth)
}
