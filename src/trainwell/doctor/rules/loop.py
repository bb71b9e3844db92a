"""Diagnoses of the training loop and of the machine."""

from __future__ import annotations

from itertools import pairwise

from trainwell.doctor.chart import Chart, middle
from trainwell.doctor.finding import Finding
from trainwell.doctor.registry import diagnoses


def _counted(chart: Chart, name: str, *, least: int = 3, share: float = 0.5) -> tuple[int, float] | None:
    """First measured step and share of updates of a fault that happens in most updates; None when it does not."""
    for row in chart.probes:
        updates, count = float(row.get("updates", 0)), float(row.get(name, 0))
        if count >= least and count >= share * max(1.0, min(updates, 24.0)):
            return int(row["step"]), count / max(1.0, updates)
    return None


@diagnoses.register
def gradients_not_zeroed(chart: Chart) -> Finding | None:
    """TW501: Gradients of earlier updates are still there when the next backward adds to them.

    What it means: Every update is the sum of all gradients since the start: old ones push the weights past every goal.
    Evidence: The first backward after an update finds gradients that are not zero. Accumulating over several backwards
        before one update is no fault and not counted.
    Remedy: Call `optimizer.zero_grad()` before each `loss.backward()`.
    Reference: TrainCheck (OSDI 2025), the most frequent silent fault of loops.

    Example:
        >>> gradients_not_zeroed(Chart.of([{"split": "probe", "step": 5, "updates": 5, "stale": 4}])).step
        5
    """
    found = _counted(chart, "stale")
    if found is None:
        return None
    return Finding(f"{found[1]:.0%} of the updates add to the gradients of earlier ones", step=found[0], severity="error",
                   measurement={"share": found[1]})  # fmt: skip


@diagnoses.register
def trained_in_eval_mode(chart: Chart) -> Finding | None:
    """TW502: The network is trained in evaluation mode.

    What it means: Dropout does nothing and batch norms keep the statistics they began with. An `eval()` was not taken back.
    Evidence: The network's own mode at forwards that an update follows, where it has dropout or batch norm.
    Remedy: Call `model.train()` at the start of every epoch.
    Reference: TrainCheck (OSDI 2025).

    Example:
        >>> trained_in_eval_mode(Chart.of([{"split": "probe", "step": 9, "updates": 9, "eval_mode": 9}])).severity
        'error'
    """
    updates, count = chart.counter("updates"), chart.counter("eval_mode")
    if count < 3 or count < 0.2 * updates:
        return None
    step = next(int(r["step"]) for r in chart.probes if float(r.get("eval_mode", 0)) >= 1)
    text = f"{count:.0f} of {updates:.0f} updates were made in evaluation mode"
    return Finding(text, step=step, severity="error", measurement={"share": count / max(1.0, updates)})


@diagnoses.register
def evaluated_in_train_mode(chart: Chart) -> Finding | None:
    """TW503: The network is evaluated in training mode.

    What it means: Dropout still removes units, and batch norms use and change their statistics with rows that should only be
        judged.
    Evidence: Forwards without gradients, or whose answer no backward uses, while dropout or batch norm are in training mode.
    Remedy: Call `model.eval()` before evaluating and `model.train()` after it.
    Reference: TrainCheck (OSDI 2025); PyTorch documentation of Module.eval.

    Example:
        >>> probe = {"split": "probe", "step": 9, "evaluations": 4, "train_mode_evaluations": 4}
        >>> evaluated_in_train_mode(Chart.of([probe])).step
        9
    """
    seen, wrong = chart.counter("evaluations"), chart.counter("train_mode_evaluations")
    if wrong < 2 or wrong < 0.5 * seen:
        return None
    step = next(int(r["step"]) for r in chart.probes if float(r.get("train_mode_evaluations", 0)) >= 1)
    return Finding(f"{wrong:.0f} of {seen:.0f} evaluations ran in training mode", step=step, severity="error",
                   measurement={"share": wrong / max(1.0, seen)})  # fmt: skip


@diagnoses.register
def update_before_backward(chart: Chart) -> Finding | None:
    """TW504: The optimizer steps without a backward since its last step.

    What it means: It repeats the gradient of the batch before, or does nothing.
    Evidence: Updates between which no backward ran.
    Remedy: Order the lines: `optimizer.zero_grad()`, `loss.backward()`, `optimizer.step()`.
    Reference: TrainCheck (OSDI 2025).

    Example:
        >>> update_before_backward(Chart.of([{"split": "probe", "step": 9, "updates": 9, "empty_updates": 9}])).severity
        'error'
    """
    found = _counted(chart, "empty_updates")
    if found is None:
        return None
    return Finding(f"{found[1]:.0%} of the updates had no backward before them", step=found[0], severity="error",
                   measurement={"share": found[1]})  # fmt: skip


@diagnoses.register
def loss_not_connected(chart: Chart) -> Finding | None:
    """TW505: The loss does not reach the network: after a backward no parameter has a gradient.

    What it means: The graph was cut, by `detach()`, `.item()`, `.numpy()`, `argmax` or a new tensor made from values.
    Evidence: All gradients are missing when the optimizer steps.
    Remedy: Compute the loss from the network's own output, without `detach()`, `.data` or a detour over NumPy.
    Reference: PyTorch documentation, "Autograd mechanics".

    Example:
        >>> loss_not_connected(Chart.of([{"split": "probe", "step": 9, "updates": 9, "no_gradient": 9}])).severity
        'error'
    """
    found = _counted(chart, "no_gradient")
    if found is None or _counted(chart, "empty_updates") is not None:
        return None
    return Finding("no parameter has a gradient when the optimizer steps", step=found[0], severity="error",
                   measurement={"share": found[1]})  # fmt: skip


@diagnoses.register
def waiting_for_data(chart: Chart, *, share: float = 0.5, seconds: float = 0.002) -> Finding | None:
    """TW507: More time goes into waiting for batches than into training.

    What it means: The processor or GPU stands idle while the next batch is read and prepared.
    Evidence: Median time from the end of an update to the next forward, against the whole step, where it is over two
        milliseconds: a tiny network waits for any loader, and nobody minds.
    Remedy: Keep the arrays in memory, decode once, or use `DataLoader(num_workers=4, pin_memory=True)`.
    Reference: Mohan et al., "Analyzing and mitigating data stalls in DNN training", VLDB 2021.

    Args:
        share: largest healthy share of the step spent waiting.
        seconds: shorter waits are let pass.

    Example:
        >>> rows = [{"split": "probe", "step": i, "wait": 0.004, "work": 0.001} for i in range(6)]
        >>> waiting_for_data(Chart.of(rows)).measurement["share"]
        0.8
    """
    waits, works = chart.values("wait"), chart.values("work")
    if len(waits) < 5:
        return None
    wait, work = middle(waits), middle(works)
    found = wait / max(1e-12, wait + work)
    if found <= share or wait < seconds:
        return None
    return Finding(f"{found:.0%} of each step is spent waiting for the batch ({1000 * wait:.1f} ms)",
                   measurement={"share": found, "wait": wait, "work": work})  # fmt: skip


@diagnoses.register
def growing_memory(chart: Chart, *, growth: float = 0.5, least: int = 256 << 20) -> Finding | None:
    """TW508: Memory grows with every update.

    What it means: Something keeps each step's graph, most often a list of losses that are still tensors.
    Evidence: Memory over the second half of the run: it must rise at nearly every measurement, and by a good part of itself.
    Remedy: Keep numbers, not tensors: `losses.append(loss.item())`.
    Reference: PyTorch documentation, "Frequently asked questions: my model reports out of memory".

    Args:
        growth: smallest growth over the second half, as a share.
        least: smallest growth in bytes.

    Example:
        >>> rows = [{"split": "probe", "step": i, "memory": (1 << 30) * (1 + i)} for i in range(20)]
        >>> growing_memory(Chart.of(rows)).severity
        'warning'
    """
    used = chart.values("memory")
    half = used[len(used) // 2 :]
    rises = sum(b > a for a, b in pairwise(half))
    if len(half) < 8 or half[-1] - half[0] < max(least, growth * half[0]) or rises < 0.9 * (len(half) - 1):
        return None
    text = f"memory grew from {half[0] / 2**20:.0f} to {half[-1] / 2**20:.0f} MiB over the second half of the run"
    return Finding(text, measurement={"from": half[0], "to": half[-1]})
