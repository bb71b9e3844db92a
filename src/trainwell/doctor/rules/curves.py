"""Diagnoses of the curves: too little, too much, too short."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from trainwell.doctor.chart import Chart
from trainwell.doctor.finding import Finding, Severity
from trainwell.doctor.registry import diagnoses


def curve(chart: Chart) -> list[Mapping[str, Any]]:
    """Evaluations with both losses, one after another."""
    return [r for r in chart.checks if r.get("valid_loss") is not None and r.get("train_loss") is not None]


@diagnoses.register
def overfitting(chart: Chart, *, errors: float = 3.0, checks: int = 3, lost: float = 0.5) -> Finding | None:
    """TW401: The validation loss rises while the training loss keeps falling.

    What it means: The network learns its training rows by heart. What it learns from here on holds for them alone.
    Evidence: The validation loss lies several standard errors, and a good part of itself, above its smallest value for some
        evaluations in a row, while the training loss is far below. A gap alone is no fault: all networks that learn have one.
    Remedy: Stop at the best evaluation (`early_stopping=5`), then more weight decay or dropout, augmentation, a smaller
        network.
    Reference: Prechelt, "Early stopping, but when?", 1998. A 10% rule flagged 106 of 118 healthy runs.

    Args:
        errors: standard errors above the smallest value; two thirds of them where the score has fallen, too.
        checks: evaluations in a row.
        lost: share above the smallest value; two thirds of it where the score has fallen, too.

    Example:
        >>> losses = [(2.0, 2.0), (0.5, 1.0), (0.2, 1.6), (0.1, 1.8), (0.01, 2.0)]
        >>> names = ("step", "train_loss", "valid_loss", "valid_se")
        >>> rows = [{"split": "check", **dict(zip(names, (9 * i, *x, 0.02)))} for i, x in enumerate(losses)]
        >>> overfitting(Chart.of([*rows, {"split": "end"}])).step
        18
    """
    rows = curve(chart)
    if len(rows) < checks + 1 or not chart.finished or _stops_early(chart):
        return None
    best = min(rows, key=lambda r: float(r["valid_loss"]))
    later = [r for r in rows if r["step"] > best["step"]]
    low, noise = float(best["valid_loss"]), float(best.get("valid_se") or 0.0)
    if later and _loses(best, later[-1]):  # two signs that agree need less of each
        errors, lost = errors * 2 / 3, lost * 2 / 3
    above = [r for r in later if float(r["valid_loss"]) > low + max(errors * noise, lost * abs(low))]
    if len(above) < checks or above[-checks:] != later[-checks:] or not later[-1]["train_loss"] < 0.7 * best["train_loss"]:
        return None
    end = float(later[-1]["valid_loss"])
    if end - low < errors * float(later[-1].get("valid_se") or 0.0) or not float(later[-1]["train_loss"]) < 0.5 * end:
        return None
    if not _costs(best, later[-1]):
        return None
    text = f"the validation loss has risen from {low:.3g} at update {best['step']} to {end:.3g}"
    kept: Severity = "advice" if any("best" in r for r in chart.part("valid")) else "warning"  # the best weights are kept
    measured = {"best": low, "last": end, "best_step": best["step"]}
    return Finding(text, step=int(above[0]["step"]), severity=kept, measurement=measured)


def _loses(best: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Whether the score has fallen, too."""
    before, after = best.get("valid_score"), last.get("valid_score")
    return before is not None and after is not None and after < before - 0.02


def _costs(best: Mapping[str, Any], last: Mapping[str, Any]) -> bool:
    """Whether it matters: a network that is right in nearly all rows may become surer of its few mistakes at no cost."""
    right = last.get("valid_score")
    return right is None or best.get("valid_score") is None or right < 0.93


def _stops_early(chart: Chart) -> bool:
    """Whether the best weights are kept anyway, so that the rise costs nothing."""
    return any(r.get("status") == "stopped early" for r in chart.part("end"))


@diagnoses.register
def underfitting(chart: Chart, *, below: float = 0.8, margin: float = 0.08, updates: int = 100) -> Finding | None:
    """TW110: The network does worse than a model without any depth, on training rows too.

    What it means: It is too small or too simple for the task, or was held back; the task itself is not the reason.
    Evidence: The best score of the run on training and on validation rows against nearest neighbours and a ridge line on the
        same split. Both must be far below: a network that fits its training rows, at the end or before a last bad update, is
        not too small.
    Remedy: Make it wider or deeper (`model.width=256`), train longer, and take regularisation back.
    Reference: Zinkevich, "Rules of machine learning", rule 4: keep the first model simple; a reference model tells what is
        possible.

    Args:
        below: largest standing between guessing (0) and the reference (1) that counts.
        margin: smallest distance to the reference in score; two standard errors where that is more.
        updates: shorter runs say nothing about what the network could learn.

    Example:
        >>> check = {"split": "check", "step": 900, "valid_score": 0.5, "train_score": 0.5}
        >>> underfitting(Chart.of([check, {"split": "end"}], reference=0.98, chance=0.5)).measurement["standing"]
        0.0
    """
    standing, train, score = chart.reached(), chart.best("train_score"), chart.best("valid_score")
    reference = chart.number("reference")
    if standing is None or train is None or not chart.finished or standing >= below:
        return None
    score = train if score is None else score
    if not chart.falls_short(max(train, score), margin) or chart.checks[-1]["step"] < updates:
        return None
    text = f"the network reaches {score:.2f} ({train:.2f} on training rows), {chart.fact('reference_name')} {reference:.2f}"
    measured = {"standing": standing, "train": train, "reference": reference}
    narrow, classes = chart.number("narrowest", 99), chart.number("classes")
    if 0 < narrow < classes:
        text += f"; a layer of {narrow:.0f} units is to tell {classes:.0f} classes apart"
        measured |= {"narrowest": narrow, "classes": classes}
    return Finding(text, measurement=measured)


@diagnoses.register
def undertrained(
    chart: Chart, *, falling: float = 0.25, standing: float = 0.9, margin: float = 0.08, updates: int = 32
) -> Finding | None:
    """TW309: The run ended while the losses were still falling.

    What it means: More updates would have brought more; the network has not shown what it can do.
    Evidence: How much of all progress of the least training loss so far falls into the last third of the updates: a run that
        has settled shows next to none there, and one bad update changes nothing. The validation loss falls with it, and the
        score is below that of a simple reference model. A run that was not looked at in its middle is let pass.
    Remedy: Train longer (`epochs` times three), or raise the rate and use a one-cycle schedule.
    Reference: Hoffer et al., "Train longer, generalize better", 2017.

    Args:
        falling: share of the progress that falls into the last third.
        standing: largest standing against the reference model that counts.
        margin: smallest distance to the reference in score; two standard errors where that is more.
        updates: shorter runs are trials, not trainings.

    Example:
        >>> losses = [(9 * i, 2 - 0.1 * i) for i in range(9)]
        >>> rows = [{"split": "check", "step": i, "train_loss": x, "valid_loss": x, "valid_score": 0.2} for i, x in losses]
        >>> undertrained(Chart.of([*rows, {"split": "end"}], reference=0.9, chance=0.1)).severity
        'warning'
    """
    rows = [r for r in chart.checks if r.get("train_loss") is not None]
    where = chart.reached()
    if len(rows) < 3 or not chart.finished or where is None or where >= standing or rows[-1]["step"] < updates:
        return None
    if not chart.falls_short(chart.best("valid_score") or 0.0, margin):
        return None
    end = int(rows[-1]["step"])
    before = [r for r in rows if r["step"] <= 0.67 * end] or rows[:1]
    if before[-1]["step"] < 0.3 * end:
        return None
    fell = valid = _late_progress(rows, before, "train_loss")
    if all(r.get("valid_loss") is not None for r in rows):
        valid = _late_progress(rows, before, "valid_loss")
    if fell < falling or valid < falling / 2:
        return None
    text = f"{fell:.0%} of the progress fell into the last third, and the score is {where:.0%} of the way to the reference"
    return Finding(text, step=end, measurement={"late_progress": fell, "standing": where})


def _late_progress(rows: list[Mapping[str, Any]], before: list[Mapping[str, Any]], name: str) -> float:
    """The share of a loss's fall that came after the rows `before`; 0 when it has not fallen by more than its noise.

    The least loss so far counts, not the latest: one bad update is no want of progress.
    """
    start, then, end = float(rows[0][name]), *(min((float(r[name]) for r in some), default=0.0) for some in (before, rows))
    noise = float(rows[-1].get(name.replace("loss", "se")) or 0.0)
    return (then - end) / (start - end) if start - end > 2 * noise and start > end else 0.0


@diagnoses.register
def few_updates(chart: Chart, *, updates: int = 60, rows: float = 0.5, standing: float = 0.9) -> Finding | None:
    """TW310: Very few updates are made, because a batch is almost the whole training set.

    What it means: Learning happens update by update. Batches of all rows give one update an epoch.
    Evidence: The batch as a share of the training rows, the number of updates, and a score below a simple reference model.
    Remedy: Take batches of 32 to 256 rows: `batch_size=64`; the same epochs then make many more updates.
    Reference: Masters and Luschi, "Revisiting small batch training", 2018; Keskar et al., 2017.

    Args:
        updates: number of updates that counts as very few.
        rows: share of the training rows in a batch that counts.
        standing: largest standing against the reference model that counts.

    Example:
        >>> check = {"split": "check", "step": 15, "valid_score": 0.2}
        >>> facts = {"rows_train": 1000, "batch_size": 1000, "reference": 0.9, "chance": 0.1}
        >>> few_updates(Chart.of([check, {"split": "end", "step": 15}], **facts)).severity
        'warning'
    """
    share = chart.number("batch_size") / max(1.0, chart.number("rows_train", 1e9))
    made = max((int(r.get("step", 0)) for r in chart.part("end")), default=0)
    where = chart.reached()
    if not 0 < made <= updates or share < rows or where is None or where >= standing:
        return None
    text = f"{made} updates in all, each with {share:.0%} of the training rows"
    return Finding(text, measurement={"updates": made, "share": share})


@diagnoses.register
def decayed_weights(
    chart: Chart, *, left: float = 0.5, standing: float = 0.8, margin: float = 0.08, explained: float = 0.3
) -> Finding | None:
    """TW402: Weight decay has pulled the weights towards zero faster than the data could hold them.

    What it means: The penalty is stronger than the loss: the network forgets what it learns.
    Evidence: The norm of the weights now over the start, together with a decay that explains it, and a score below the
        reference, or where there is none, little learnt. What decay alone takes away in a run is the sum of its rates times
        the decay.
    Remedy: Divide the weight decay by a hundred; 1e-4 for SGD and 1e-2 for AdamW are usual.
    Reference: Krogh and Hertz, "A simple weight decay can improve generalization", 1991; Loshchilov and Hutter, 2019.

    Args:
        left: share of the starting norm that counts as pulled away.
        standing: largest standing against the reference model that counts.
        margin: smallest distance to the reference in score; two standard errors where that is more.
        explained: share of the shrinking, in logarithms, that the decay itself must explain.

    Example:
        >>> rows = [{"split": "probe", "step": s, "weight": [w], "update": [0.0]} for s, w in [(0, 9.0), (500, 1.0)]]
        >>> check = {"split": "check", "step": 500, "valid_score": 0.1}
        >>> decayed_weights(Chart.of([*rows, check], weight_decay=0.3, reference=0.9, chance=0.1)).measurement["left"] < 0.2
        True
    """
    decay, where = chart.number("weight_decay"), chart.standing()
    norms = [r["weight"] for r in chart.probes if r.get("weight")]
    if decay < 1e-3 or len(norms) < 2 or (where is not None and where >= standing):
        return None
    if chart.learned() > 0.5 if where is None else not chart.falls_short(chart.score or 0.0, margin):
        return None  # it has learnt what there is to learn, with small weights
    kept = min(now / max(then, 1e-12) for then, now in zip(norms[0], norms[-1], strict=True))
    if kept > left or _decayed(chart, decay) < explained * -math.log(max(kept, 1e-12)):
        return None
    text = f"with weight_decay {decay:g} a layer's weights have shrunk to {kept:.0%} of their start"
    return Finding(text, measurement={"left": kept, "weight_decay": decay})


def _decayed(chart: Chart, decay: float) -> float:
    """How many times the weights are divided by e by decay alone; endless where it is part of the gradient of an Adam."""
    rule = str(chart.fact("optimizer", ""))
    if rule.startswith(("adam", "nadam", "radam", "rmsprop", "adagrad")) and rule != "adamw":
        return math.inf
    rates = [(int(r["step"]), float(r["learning_rate"])) for r in chart.probes if r.get("learning_rate") is not None]
    if not rates:
        return math.inf
    ends = [*(step for step, _ in rates[1:]), max(int(r["step"]) for r in chart.probes)]
    total = sum(rate * (end - step) for (step, rate), end in zip(rates, ends, strict=True))
    return decay * total / (max(1e-3, 1 - chart.number("momentum")) if rule == "sgd" else 1.0)


@diagnoses.register
def heavy_dropout(chart: Chart, *, dropout: float = 0.75, standing: float = 0.9) -> Finding | None:
    """TW403: Dropout removes so much that the network cannot learn the task.

    What it means: With nine of ten units gone, each update trains another, tiny network.
    Evidence: The largest dropout of a layer, and a score below the reference on training rows, too. Strong dropout on a network
        that reaches the reference is left alone.
    Remedy: Set dropout to 0.2 and raise it only against overfitting.
    Reference: Srivastava et al., "Dropout", 2014, figure 9; UMLAUT (CHI 2021).

    Args:
        dropout: smallest share that counts as heavy.
        standing: largest standing against the reference model that counts.

    Example:
        >>> check = {"split": "check", "step": 500, "valid_score": 0.5}
        >>> heavy_dropout(Chart.of([check, {"split": "end"}], dropout=0.9, reference=0.97, chance=0.1)).measurement["dropout"]
        0.9
    """
    found, where = chart.number("dropout"), chart.reached()
    if found < dropout or where is None or where >= standing or not chart.finished:
        return None
    return Finding(
        f"dropout {found:g}, and the score is {where:.0%} of the way to the reference",
        measurement={"dropout": found, "standing": where},
    )


@diagnoses.register
def oscillation(chart: Chart, *, share: float = 0.5, swing: float = 0.3, learned: float = 0.3) -> Finding | None:
    """TW307: The loss swings up and down from evaluation to evaluation instead of settling.

    What it means: Steps are too long for the valley: each one lands on its other side.
    Evidence: How often the change of the loss turns its sign over the second half of the run, how far it swings against its
        level, and how little has been learnt. A loss that is noisy but far below its start is none of this.
    Remedy: Lower the learning rate or let it decay (`schedule=cosine`); a larger batch helps where it is below 8.
    Reference: AUTOTRAINER (ICSE 2021), problem "oscillating loss", with a stricter rule: its own calls healthy runs sick.

    Args:
        share: share of changes that turn back.
        swing: size of the swings against the level.
        learned: share by which the loss must have fallen to be let pass.

    Example:
        >>> rows = [{"split": "check", "step": 9 * i, "train_loss": 1.0 + i % 2, "valid_loss": 1.0} for i in range(12)]
        >>> oscillation(Chart.of([*rows, {"split": "end"}])).severity
        'warning'
    """
    losses = chart.values("train_loss", chart.checks)
    half = losses[len(losses) // 2 :]
    changes = [b - a for a, b in pairwise(half)]
    turns = [a * b < 0 for a, b in pairwise(changes)]
    where = chart.standing()
    if len(turns) < 4 or not chart.finished or chart.learned() > learned or (where is not None and where > 0.5):
        return None
    level = sorted(half)[len(half) // 2]
    size = sorted(abs(c) for c in changes)[len(changes) // 2]
    if sum(turns) / len(turns) < share or size < swing * level:
        return None
    return Finding(f"the loss turns back in {sum(turns)} of {len(turns)} evaluations, by {size / level:.0%} of its level",
                   measurement={"turns": sum(turns) / len(turns), "swing": size / level})  # fmt: skip


@diagnoses.register
def one_answer(chart: Chart, *, entropy: float = 0.05) -> Finding | None:
    """TW404: The network gives the same answer for every row.

    What it means: It has learnt the most frequent class at best. This is a consequence: look at what else is named.
    Evidence: Entropy of the answers over fixed rows at the end of the run, where the rows have several classes.
    Remedy: Mend the cause named with it; where there is none, look at the inputs, which may be all the same.
    Reference: AUTOTRAINER and DeepDiagnosis report this symptom as a diagnosis; it has a dozen causes.

    Args:
        entropy: largest entropy in nats that counts as one answer.

    Example:
        >>> check = {"split": "check", "step": 500, "entropy": 0.0, "valid_score": 0.1}
        >>> one_answer(Chart.of([check, {"split": "end"}], reference=0.9, chance=0.1)).step
        500
    """
    last, where = chart.last_check("entropy"), chart.standing()
    if last is None or last >= entropy or not chart.finished or where is None or where > 0.3:
        return None
    return Finding("all rows get the same answer", step=int(chart.checks[-1]["step"]), measurement={"entropy": last})


@diagnoses.register
def starved_batch_norm(chart: Chart, *, rows: int = 4) -> Finding | None:
    """TW506: Batch normalisation works with batches of very few rows.

    What it means: Mean and deviation of two rows are noise: training and evaluation see different networks.
    Evidence: Batch norms in the network and the number of rows in a batch.
    Remedy: Use batches of 16 rows or more, or `nn.GroupNorm`, which does not look at the batch.
    Reference: Wu and He, "Group normalization", 2018, figure 1.

    Args:
        rows: largest batch that counts as starved.

    Example:
        >>> starved_batch_norm(Chart.of(batch_norms=2, batch_size=2)).measurement["batch_size"]
        2.0
    """
    size = chart.number("batch_size", 99)
    if not chart.number("batch_norms") or size > rows or chart.fact("trainable") == 0:
        return None
    return Finding(f"batch norm over batches of {size:.0f} rows", measurement={"batch_size": size})
