"""Diagnoses of the updates: learning rate, clipping, schedule, direction."""

from __future__ import annotations

import math

from trainwell.doctor.chart import Chart, middle
from trainwell.doctor.finding import Finding
from trainwell.doctor.registry import diagnoses
from trainwell.doctor.rules.start import update_ratios


@diagnoses.register
def rate_too_high(chart: Chart, *, ratio: float = 0.3, jump: float = 30.0, good: float = 0.95) -> Finding | None:
    """TW301: Updates throw the weights about instead of improving them: the learning rate is too high.

    What it means: A step that changes weights by a third of their size does not follow the gradient any more. The loss jumps,
        ReLUs die, answers become constant: all of these are consequences.
    Evidence: The largest update of a layer as a share of its weights within the first updates, together with losses that these
        updates did not lower, or with units that were alive at the start and are dead at the end. A large step that helps is
        let pass, and so is a wild start that ends at the reference model's score. Healthy runs lie below 0.15.
    Remedy: Divide the learning rate by ten, or find it: `trainwell lr-find`. A warm-up helps where only the start is wild.
    Reference: Smith, "Cyclical learning rates", 2017; Karpathy's rule of thumb is a ratio of 1e-3 per update.

    Args:
        ratio: largest healthy update as a share of the weights.
        jump: growth of the loss over its start that counts by itself.
        good: standing against the reference model from which on the run is let pass.

    Example:
        >>> probe = {"split": "probe", "step": 1, "update": [5.0], "weight": [1.0], "loss": 2.0}
        >>> rate_too_high(Chart.of([probe, *[{**probe, "loss": 90.0}] * 3], layers=["0"], learning_rate=5.0)).step
        1
    """
    ratios, where = update_ratios(chart.early), chart.standing()
    if len(ratios) < 4 or (where is not None and where >= good):
        return None
    largest, died = max(ratios), dying(chart)
    stuck, burst = progress(chart, jump)
    if not (largest > ratio and (stuck or burst or died)) and not (died and max(update_ratios(chart.probes)) > ratio / 3):
        return None
    row = next((r for r, u in zip(chart.early, ratios, strict=False) if u > ratio), chart.early[0])
    said = (
        "units that were alive at the start are dead" if died else "the loss has not fallen" if stuck else "the loss has jumped"
    )
    text = f"an update changed a layer by {largest:.2g} times its weights, and {said}"
    measured = {"ratio": largest, "learning_rate": chart.number("learning_rate")}
    return Finding(text, step=int(row["step"]), severity="error", measurement=measured)


def progress(chart: Chart, jump: float) -> tuple[bool, bool]:
    """Whether the first updates have not lowered the loss, and whether it ever jumped far above its start."""
    losses, early = chart.values("loss"), chart.values("loss", chart.early)
    if len(early) < 4:
        return False, False
    start, later = early[0], middle(early[len(early) // 2 :])
    stuck = not later < 0.98 * start
    return stuck, not (max(losses[1:]) < jump * start) and start > 0


def dying(chart: Chart) -> bool:
    """Whether most units of a layer were alive at the start and are silent at the latest measurement."""
    start = chart.fact("silent") or next((r["silent"] for r in chart.probes if r.get("silent")), ())
    last = next((r["silent"] for r in reversed(chart.probes) if r.get("silent")), ())
    return any(a < 0.3 and b > 0.5 for a, b in zip(start, last, strict=False))


@diagnoses.register
def rate_too_low(chart: Chart, *, ratio: float = 3e-5, learned: float = 0.05) -> Finding | None:
    """TW302: Updates are so small that nothing is learnt: the learning rate is too low.

    What it means: At a hundred-thousandth of the weights per update, a hundred thousand updates are needed to change them.
    Evidence: The median over layers and early updates of the update as a share of the weights. Updates that are small because
        the gradient is clipped, vanishes, or the rate is still warming up have other names.
    Remedy: Multiply the learning rate by ten until the loss falls, or find it: `trainwell lr-find`.
    Reference: Karpathy's rule of thumb: updates of about 1e-3 of the weights; TheDeepChecker (ISSTA 2022).

    Args:
        ratio: smallest healthy update as a share of the weights.
        learned: share by which the loss must have fallen to be let pass.

    Example:
        >>> rows = [{"split": "probe", "step": i, "update": [1e-7], "weight": [1.0], "learning_rate": 1e-6} for i in range(12)]
        >>> rate_too_low(Chart.of(rows, layers=["0"])).measurement["ratio"]
        1e-07
    """
    rows = [r for r in chart.early if r.get("update")]
    rates = chart.values("learning_rate", rows)
    if len(rows) < 8 or (rates and rates[-1] > 1.5 * rates[0]):
        return None
    typical = [middle([u / max(w, 1e-12) for u, w in zip(r["update"], r["weight"], strict=True)]) for r in rows]
    found = middle(typical)
    lost = found == 0 and min(rates, default=0.0) > 0 and all(middle(r.get("gradient", ())) > 0 for r in rows)
    if not (0 < found < ratio or lost) or (chart.checks and chart.learned() > learned):
        return None
    text = f"a typical update changes a layer by {found:.1g} of its weights" if found else "updates are lost in rounding"
    return Finding(text, severity="error", measurement={"ratio": found, "learning_rate": rates[0] if rates else 0.0})


@diagnoses.register
def ascent(chart: Chart, *, falling: float = 0.3, small: float = 0.1) -> Finding | None:
    """TW303: Updates raise the loss of the very batch they were computed on.

    What it means: The sign of the loss is turned, or the update adds the gradient: the loss is climbed.
    Evidence: Loss of the same batch before and after its update, dropout off, for small updates only: a step of a thousandth of
        the weights cannot overshoot. Healthy runs descend in over 90% of such tests. Momentum may overshoot for a while as it
        falls; so a run whose batches have less and less loss before their updates is let pass.
    Remedy: Look for a minus before the loss, or `maximize=True` in the optimizer.
    Reference: TheDeepChecker (ISSTA 2022); mutation "inverted loss".

    Args:
        falling: largest share of falling tests that counts as climbing.
        small: largest update, as a share of the weights, that is tested.

    Example:
        >>> probe = {"split": "probe", "step": 1, "update": [0.01], "weight": [1.0], "before": 2.0, "after": 2.1}
        >>> ascent(Chart.of([probe] * 6, layers=["0"])).severity
        'error'
    """
    tested: list[tuple[float, float]] = []
    for row in chart.early:
        moved = max(update_ratios([row]), default=0.0)
        if moved > 3 * small:
            break  # what follows a wild step is its own story
        before, after = row.get("before"), row.get("after")
        if moved < small and before is not None and after is not None and before != after:
            tested.append((float(before), float(after)))
    seen = chart.values("before", chart.early)
    if len(tested) < 3 or middle(seen[len(seen) // 2 :]) < 0.9 * seen[0]:
        return None
    share = sum(after < before for before, after in tested) / len(tested)
    if share >= falling:
        return None
    text = f"only {share:.0%} of {len(tested)} small updates lower the loss of their own batch"
    return Finding(text, severity="error", measurement={"falling": share, "tests": len(tested)})


@diagnoses.register
def rate_gone(chart: Chart, *, left: float = 1e-3, share: float = 0.5) -> Finding | None:
    """TW304: The schedule has taken the learning rate away while there is still much to learn.

    What it means: A schedule meant for epochs is stepped every batch, or decays far too fast.
    Evidence: The rate over its largest value, in the first two thirds of the run, while the training loss is still most of what
        it was. A cosine that ends at zero does so at the end.
    Remedy: Call `scheduler.step()` once per epoch, or give the schedule the number of updates.
    Reference: PyTorch documentation, "How to adjust learning rate".

    Args:
        left: share of the rate that counts as gone.
        share: share of the first loss that counts as still much.

    Example:
        >>> rows = [{"split": "probe", "step": i, "learning_rate": 0.1 * 0.5**i} for i in range(40)]
        >>> rate_gone(Chart.of([*rows, {"split": "end"}])).measurement["rate"] < 1e-4
        True
    """
    points = [
        (int(r["step"]), float(r["learning_rate"]))
        for r in chart.rows
        if r.get("learning_rate") and "step" in r and r["split"] != "facts"
    ]
    if len(points) < 5 or not chart.finished:
        return None
    top, end = max(rate for _, rate in points), max(step for step, _ in points)
    gone = next((step for step, rate in points if rate < left * top and step > 5), None)
    if gone is None or gone > 0.67 * end or (chart.checks and chart.learned() > 1 - share):
        return None
    text = f"at update {gone} of {end} the rate has fallen to {left:.0e} of its top"
    return Finding(text, step=gone, measurement={"rate": points[-1][1], "top": top})


@diagnoses.register
def over_clipping(chart: Chart, *, share: float = 0.95, factor: float = 50.0) -> Finding | None:
    """TW305: Clipping cuts almost every gradient to a small part of itself.

    What it means: The limit, not the gradient, decides the length of every step: training walks in tiny steps of equal length.
    Evidence: Norm before and after clipping; both that nearly all updates are clipped and by how much. Clipping every update
        lightly is a known, healthy way to train.
    Remedy: Raise `clip_norm` to about the 90th percentile of the norms.
    Reference: Google's Deep Learning Tuning Playbook, section on gradient clipping.

    Args:
        share: share of clipped updates that is too much.
        factor: how far a typical gradient is cut.

    Example:
        >>> rows = [{"split": "probe", "step": i, "gradient_norm": 2.0, "clipped_norm": 1e-4} for i in range(6)]
        >>> over_clipping(Chart.of(rows)).measurement["factor"]
        20000.0
    """
    pairs = [(float(r["gradient_norm"]), float(r["clipped_norm"])) for r in chart.probes if r.get("clipped_norm")]
    cut = [before / after for before, after in pairs if after > 0 and before == before]
    if len(cut) < 5 or sum(c > 1.01 for c in cut) < share * len(cut) or middle(cut) < factor:
        return None
    # Adam divides by the gradient's own size, so there a cut of any depth changes nothing.
    if str(chart.fact("optimizer", "")).startswith(("adam", "nadam", "radam", "rmsprop", "lion", "adagrad")):
        return None
    text = f"{len(cut)} of {len(cut)} measured gradients are clipped, typically to 1/{middle(cut):.0f}"
    return Finding(text, measurement={"factor": middle(cut), "clipped_to": middle([after for _, after in pairs])})


@diagnoses.register
def momentum_too_high(chart: Chart, *, momentum: float = 0.99) -> Finding | None:
    """TW306: Momentum of plain gradient descent is so high that updates add up for hundreds of steps.

    What it means: A momentum of 0.995 multiplies the rate by 200: the network overshoots and swings.
    Evidence: The optimizer's option, for SGD. Adam's first beta is divided out and not meant.
    Remedy: Set `momentum=0.9`, or divide the rate by what momentum multiplies it with, 1 / (1 - momentum).
    Reference: Sutskever et al., "On the importance of initialization and momentum", 2013.

    Args:
        momentum: smallest momentum that counts.

    Example:
        >>> momentum_too_high(Chart.of(optimizer="sgd", momentum=0.995)).measurement["factor"]
        200.0
    """
    found = chart.number("momentum")
    if chart.fact("optimizer") != "sgd" or found < momentum:
        return None
    factor = round(1 / max(1e-9, 1 - found), 3)
    return Finding(f"momentum {found} multiplies the rate by {factor:.0f}", measurement={"momentum": found, "factor": factor})


@diagnoses.register
def not_finite(chart: Chart) -> Finding | None:
    """TW311: The loss or a gradient became NaN or infinite.

    What it means: After one such update every weight is NaN. It is a consequence: of a bad cell, of a rate that is too high,
        of an explosion, or of a logarithm or division in a loss of your own.
    Evidence: The first measured update whose loss or gradient is not finite.
    Remedy: Mend the cause named before it; where there is none, look for log(0), 0/0 and exp of large numbers in your own loss.
    Reference: TrainCheck (OSDI 2025).

    Example:
        >>> not_finite(Chart.of([{"split": "probe", "step": 12, "loss": float("nan")}])).step
        12
    """
    for row in chart.rows:
        numbers = [row.get("loss"), row.get("gradient_norm")] if row.get("split") in ("probe", "train") else []
        if any(isinstance(n, float) and not math.isfinite(n) for n in numbers) and _measured(chart):
            return Finding("the loss or a gradient is NaN or infinite", step=int(row["step"]), severity="error",
                           measurement={"loss": row.get("loss")})  # fmt: skip
    ended = any(r.get("status") == "not finite" for r in chart.part("end"))
    return Finding("the training ended with NaN or infinity", severity="error") if ended else None


def _measured(chart: Chart) -> bool:
    """Whether the loss could be seen at all: a watch without a loss writes NaN from the first update on."""
    losses = chart.values("loss")
    return len(losses) < 2 or any(math.isfinite(x) for x in losses) or chart.fact("loss_kind") is not None
