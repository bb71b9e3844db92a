"""Carry out a claim of the lab: pairs of small trainings, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainwell.core.errors import UnknownName, did_you_mean
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.study.compare import judge
from trainwell.study.cost import seconds_of
from trainwell.study.lab.claim import Claim, Lesson, Scene, Tried, outcome_of
from trainwell.study.lab.claims import CLAIMS
from trainwell.study.lab.measures import MEASURES
from trainwell.study.repeats import repeats as orders_of
from trainwell.train.job import Observer
from trainwell.train.many import fit_orders, order_name
from trainwell.train.run import Run

#: Of a demonstration in numbers: the share by which the foretold may miss.
CLOSE = 0.05


def lab(
    name: str,
    *,
    data: Data | None = None,
    repeats: int = 8,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Lesson:
    """Try a claim of the craft: two recipes that differ in one thing, in pairs, here and where the claim fails.

    Args:
        name: of the claim; `CLAIMS` has them all.
        data: your own, with classes; None takes the small set of the claim, which is bundled.
        repeats: pairs; each has its own split, initialisation and order of rows.
        folder: where the runs are kept; None keeps them in memory.
        observers: as in `fit_many`.

    Returns:
        What came out of each scene, with interval and p.

    Raises:
        UnknownName: there is no such claim.

    Example:
        >>> lesson = lab("one-update")
        >>> lesson.scenes[0].outcome
        'holds'
    """
    if name not in CLAIMS:
        raise UnknownName(f"there is no claim {name!r}", remedy=did_you_mean(name, CLAIMS))
    claim = CLAIMS[name]
    if claim.numbers:
        return _in_numbers(claim, repeats)
    data = load(claim.source) if data is None else data
    arms = [orders_of(r, repeats) for scene in claim.scenes for r in (scene.one, scene.other)]
    runs = fit_orders([order for arm in arms for order in arm], data, folder=folder, observers=observers)
    known = {order_name(order): run for order, run in zip((o for arm in arms for o in arm), runs, strict=True)}
    scenes = []
    for place, scene in enumerate(claim.scenes):
        one, other = ([known[order_name(o)] for o in arms[2 * place + side]] for side in (0, 1))
        scenes.append(_tried(scene, one, other, data))
    return Lesson(name, claim.origin, data.card.origin, scenes, {}, seconds_of(list(known.values())))


def _tried(scene: Scene, one: Sequence[Run], other: Sequence[Run], data: Data) -> Tried:
    measure = MEASURES[scene.measure]
    a, b = ([measure(run, data) for run in runs] for runs in (one, other))
    verdict = judge(a, b, higher_is_better=True, names=("with it", "without"))
    return Tried(
        name=scene.name,
        measure=scene.measure,
        says=scene.says,
        changes=dict(scene.one.diff(scene.other)),
        one=a,
        other=b,
        verdict=verdict,
        outcome=outcome_of(verdict, scene.says, scene.margin),
    )


def _in_numbers(claim: Claim, repeats: int) -> Lesson:
    scenes, lines = [], claim.numbers[0](0).lines
    for name, calculate in zip(("here", "limit"), claim.numbers, strict=False):
        found = [calculate(seed) for seed in range(repeats)]
        happened, foretold = ([getattr(n, side) / n.foretold for n in found] for side in ("happened", "foretold"))
        verdict = judge(happened, foretold, higher_is_better=True, names=("happened", "foretold"))
        outcome = outcome_of(verdict, "same", CLOSE)
        scenes.append(Tried(name, "share_of_foretold", "same", {}, happened, foretold, verdict, outcome))
    return Lesson(claim.name, claim.origin, "32 random rows", scenes, lines, 0.0)
