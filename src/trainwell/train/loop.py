"""The loop. One visible `for`; everything else is a function of the step number, the history, or the engine's tensors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count

from trainwell.core.history import History
from trainwell.optim.schedules import Moment
from trainwell.train.interrupt import Interruption
from trainwell.train.job import Ending, Job, Member, announce, announce_plan
from trainwell.train.saving import begin, due_to_save, save


def train(job: Job, interruption: Interruption) -> None:
    """Train until every network's plan is done, its score stalls, an observer or a signal says stop, or it is not finite."""
    engine, batches = job.engine, job.batches
    start = begin(job)
    for member in job.members:
        announce_plan(member, start)
    saved = time.monotonic()
    clock = saved - job.seconds
    active = job.active()
    for step in count(start):
        if interruption or due_to_save(job, saved, step):
            job.seconds = time.monotonic() - clock
            saved = save(job, active, step)
        if interruption:
            return end(active, step, "interrupted")
        active = judge(job, active, step, interruption)
        if not active:
            break
        inputs, target = batches[step]
        rates = [m.rate(Moment(step / m.plan.steps, m.at.scores)) for m in active]
        losses = engine.step(inputs, target, rates=rates, number=step)
        job.seconds = time.monotonic() - clock
        active = note(job, active, losses, rates, step)
    job.seconds = time.monotonic() - clock
    if any(m.at.ending != "not finite" for m in job.members):
        save(job, active, step)
    return None


def judge(job: Job, active: list[Member], step: int, interruption: Interruption) -> list[Member]:
    """Validate those whose time it is; the networks that go on, and the engine left by the others."""
    endings = [_verdict(job, m, step, interruption) if _due(m, step) else None for m in active]
    return part_with(job, active, endings, step)


def _due(member: Member, step: int) -> bool:
    return step >= member.plan.steps or member.plan.validates(step)


def _verdict(job: Job, member: Member, step: int, interruption: Interruption) -> Ending | None:
    """Why this network should end here, after validating it; None if it should go on."""
    if not _validated(member.history, step):
        with job.engine.evaluating(member.number) as network:
            scores = member.validate(network, interruption)
        if scores is None:
            return "interrupted"
        if record_scores(job, member, scores, step):
            return "stopped by an observer"
    if stalled(member.at.scores, member.plan.patience):
        return "stopped early"
    return "finished" if step >= member.plan.steps else None


def note(job: Job, active: list[Member], losses: Sequence[float | None], rates: Sequence[float], step: int) -> list[Member]:
    """Count what a step gave, write it where it is time to; the networks that go on."""
    endings: list[Ending | None] = []
    for member, loss, rate in zip(active, losses, rates, strict=True):
        ending: Ending | None = None
        if loss is None:
            ending = "not finite"
        else:
            member.at.loss += loss
            member.at.count += 1
            if (step + 1) % member.plan.log_every == 0 and record_loss(job, member, rate, step + 1):
                ending = "stopped by an observer"
        endings.append(ending)
    return part_with(job, active, endings, step if None in losses else step + 1) if any(endings) else active


def part_with(job: Job, active: list[Member], endings: Sequence[Ending | None], step: int) -> list[Member]:
    """Note how networks ended and take them out of the engine; those that go on."""
    if not any(endings):
        return active
    if "interrupted" in endings:
        end(active, step, "interrupted")
        return []
    leaving = [(m, e) for m, e in zip(active, endings, strict=True) if e is not None]
    for member, ending in leaving:
        end([member], step, ending)
    staying = [m for m in active if m.at.ending is None]
    if staying:
        job.engine.keep([m.number for m in staying])
    return staying


def end(members: Sequence[Member], step: int, ending: Ending) -> None:
    """Note that these networks ended here."""
    for member in members:
        member.at.step, member.at.ending = step, ending


def record_loss(job: Job, member: Member, rate: float, step: int) -> bool:
    """A history line with the mean training loss since the last one; True if an observer wants to stop."""
    at = member.at
    row = {"step": step, "epoch": round(member.plan.epoch(step), 4), "split": "train", "loss": at.loss / at.count}
    row |= member.besides() | {"learning_rate": rate, "seconds": round(job.seconds, 3)}
    at.loss, at.count = 0.0, 0
    return agreed(job, announce(member, row))


def record_scores(job: Job, member: Member, scores: dict[str, float], step: int) -> bool:
    """A history line with validation scores; remembers the best weights; True if an observer wants to stop."""
    at, plan = member.at, member.plan
    score = oriented(scores[plan.monitor], plan.higher_is_better)
    # Of equal scores the later one wins: it has seen more data. A first score that is NaN still has to be kept.
    best = score >= max(at.scores, default=float("-inf"))
    if best or not at.scores:
        at.best_step = step
        job.engine.keep_best(member.number)
    at.scores.append(score)
    row = {"step": step, "epoch": round(plan.epoch(step), 4), "split": "valid", **scores}
    return agreed(job, announce(member, row | {"best": best}))


def agreed(job: Job, stop: bool) -> bool:
    """Whether to stop, as the first process of a team says: it alone has observers."""
    return stop if job.team is None else job.team.share(lambda: stop)


def stalled(scores: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` scores brought nothing better than what came before them.

    Example:
        >>> stalled([0.5, 0.7, 0.6, 0.7], patience=2)
        True
    """
    return 0 < patience < len(scores) and max(scores[-patience:]) <= max(scores[:-patience])


def oriented(score: float, higher_is_better: bool) -> float:
    """The score turned so that higher is better."""
    return score if higher_is_better else -score


def _validated(history: History, step: int) -> bool:
    last = next((r for r in reversed(history.rows) if r["split"] == "valid"), None)
    return last is not None and last["step"] == step
