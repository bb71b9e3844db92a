"""Schedules: the learning rate as a factor of its top value, a pure function of the moment.

No schedule keeps state, so resuming needs none: the factor at step 1,000 is the same however often the run was stopped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from trainwell.core.errors import RecipeError
from trainwell.optim.registry import schedules


class Moment(NamedTuple):
    """Where a run is: its progress in [0, 1) and the validation scores so far, higher is better."""

    progress: float
    scores: Sequence[float] = ()


@schedules.register
def constant(moment: Moment, *, warmup: float = 0.0) -> float:
    """The top rate all along.

    Args:
        warmup: share of the run over which the rate rises linearly from 0.

    Example:
        >>> constant(Moment(0.5))
        1.0
    """
    return ramp(moment.progress, warmup)


@schedules.register
def step(moment: Moment, *, at: tuple[float, ...] = (0.5, 0.75), factor: float = 0.1, warmup: float = 0.0) -> float:
    """The rate falls by `factor` at given shares of the run.

    Args:
        at: shares of the run at which it falls.
        factor: what it is multiplied by each time.
        warmup: share of the run over which the rate rises linearly from 0.

    Example:
        >>> step(Moment(0.6), factor=0.5)
        0.5
    """
    falls = sum(moment.progress >= a for a in at)
    return ramp(moment.progress, warmup) * float(factor**falls)


@schedules.register
def exponential(moment: Moment, *, end: float = 0.01, warmup: float = 0.0) -> float:
    """The rate falls by the same factor each step, to `end` at the end of the run.

    Args:
        end: last factor.
        warmup: share of the run over which the rate rises linearly from 0.

    Example:
        >>> round(exponential(Moment(0.5), end=0.01), 6)
        0.1
    """
    return ramp(moment.progress, warmup) * float(end ** after(moment.progress, warmup))


@schedules.register
def polynomial(moment: Moment, *, power: float = 1.0, end: float = 0.0, warmup: float = 0.0, hold: float = 0.0) -> float:
    """The rate falls as a power of what is left of the run; `power: 1` is a straight line.

    Args:
        power: exponent of the remaining share.
        end: last factor.
        warmup: share of the run over which the rate rises linearly from 0.
        hold: share of the run after the warm-up over which the rate stays at the top.

    Example:
        >>> polynomial(Moment(0.25)), polynomial(Moment(0.25), hold=0.5), polynomial(Moment(0.75), hold=0.5)
        (0.75, 1.0, 0.5)
    """
    if not 0 <= hold < 1 - warmup:
        raise RecipeError(f"hold must be a share of the run in [0, 1 - warmup), however: {hold}", where="schedule.hold")
    left = float((1 - after(moment.progress, warmup + hold)) ** power)
    return ramp(moment.progress, warmup) * (end + (1 - end) * left)


@schedules.register
def cosine(moment: Moment, *, end: float = 0.0, warmup: float = 0.05) -> float:
    """Half a cosine wave from the top to `end`.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.

    Args:
        end: last factor.
        warmup: share of the run over which the rate rises linearly from 0.

    Example:
        >>> round(cosine(Moment(0.5), warmup=0.0), 6)
        0.5
    """
    return ramp(moment.progress, warmup) * (end + (1 - end) * wave(after(moment.progress, warmup)))


@schedules.register
def cosine_restarts(
    moment: Moment, *, cycles: int = 3, growth: float = 1.0, top: float = 1.0, end: float = 0.0, warmup: float = 0.0
) -> float:
    """Several half cosine waves, each from the top again: warm restarts, whose ends are good moments for snapshots.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.

    Args:
        cycles: number of waves.
        growth: length of each wave as a multiple of the one before.
        top: height of each wave as a multiple of the one before.
        end: last factor of a wave, as a share of its height.
        warmup: share of the run over which the rate rises linearly from 0, before the first wave.

    Example:
        >>> [round(cosine_restarts(Moment(p), cycles=2), 3) for p in (0.0, 0.25, 0.5, 0.75)]
        [1.0, 0.5, 1.0, 0.5]
    """
    if cycles < 1 or growth <= 0:
        raise RecipeError(f"cosine_restarts needs cycles >= 1 and growth > 0, however: {cycles}, {growth}", where="schedule")
    lengths = [growth**n for n in range(cycles)]
    passed = after(moment.progress, warmup) * sum(lengths)
    number = 0
    while number < cycles - 1 and passed >= lengths[number]:
        passed -= lengths[number]
        number += 1
    height = top**number
    return ramp(moment.progress, warmup) * height * (end + (1 - end) * wave(passed / lengths[number]))


@schedules.register
def one_cycle(moment: Moment, *, warmup: float = 0.3, start: float = 0.04, end: float = 1e-5) -> float:
    """From `start` up to the top in half a cosine, then down to `end` in another.

    Source: Smith and Topin, "Super-convergence", 2018. The defaults are those of `torch.optim.lr_scheduler.OneCycleLR`.

    Args:
        warmup: share of the run spent rising.
        start: first factor.
        end: last factor.

    Example:
        >>> round(one_cycle(Moment(0.3)), 6)
        1.0
    """
    if moment.progress < warmup:
        return 1 - (1 - start) * wave(moment.progress / warmup)
    return end + (1 - end) * wave(after(moment.progress, warmup))


@schedules.register
def plateau(
    moment: Moment,
    *,
    factor: float = 0.5,
    patience: int = 5,
    threshold: float = 1e-4,
    smallest: float = 1e-4,
    warmup: float = 0.0,
) -> float:
    """The rate falls by `factor` when the validation score has not risen for more than `patience` validations.

    Args:
        factor: what the rate is multiplied by each time.
        patience: validations without a better score that are borne.
        threshold: how much better counts as better.
        smallest: the factor never falls below this.
        warmup: share of the run over which the rate rises linearly from 0.

    Example:
        >>> plateau(Moment(0.5, scores=(0.7, 0.6, 0.6, 0.6)), patience=2)
        0.5
    """
    best, waited, current = -math.inf, 0, 1.0
    for score in moment.scores:
        if score > best + threshold:
            best, waited = score, 0
            continue
        waited += 1
        if waited > patience:
            current, waited = current * factor, 0
    return ramp(moment.progress, warmup) * max(current, smallest)


def ramp(progress: float, warmup: float) -> float:
    """1 after the warm-up; before, the share of it that has passed."""
    if not 0 <= warmup < 1:
        raise RecipeError(f"warmup must be a share of the run in [0, 1), however: {warmup}", where="schedule.warmup")
    return 1.0 if progress >= warmup else progress / warmup


def after(progress: float, warmup: float) -> float:
    """The share of what follows the warm-up that has passed."""
    return max(0.0, (progress - warmup) / (1 - warmup))


def wave(share: float) -> float:
    """Half a cosine wave: 1 at 0, 0 at 1."""
    return 0.5 + 0.5 * math.cos(math.pi * min(share, 1.0))
