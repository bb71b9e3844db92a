"""Is an augmentation safe here: is the changed example still recognised as what it is, and does training with it hurt?

A six turned upside down is a nine. A network that was trained without a transform, and on other rows, says whether examples are
still recognised. That alone may only mean that it has never seen the like, so a transform is refused only if networks trained
with it are told to be worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from trainwell.core.atomic import write_json
from trainwell.core.errors import UsageError
from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval, bootstrap_mean
from trainwell.data.augment.registry import mixes
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.evaluate.run import seen_by
from trainwell.study.compare import judge_many
from trainwell.study.power import fewest_pairs
from trainwell.study.repeats import repeats as orders_of
from trainwell.study.scores import higher_is_better, metric_of, score_runs
from trainwell.study.treat import PAIRS, pinned
from trainwell.study.verdict import Verdict
from trainwell.train.compile import bind_augment
from trainwell.train.job import Observer
from trainwell.train.many import fit_orders
from trainwell.train.predict import finish
from trainwell.train.run import Run
from trainwell.train.steps import as_floats, infer

Judgement = Literal["safe", "doubtful", "refused"]

#: Below this share of recognised examples a transform is put to the test; likewise a single class, of so many examples.
RECOGNISED, RECOGNISED_IN_CLASS, CLASS_ROWS = 0.9, 0.6, 10
#: Examples that go through a network at a time.
ROWS = 256
#: What is looked at when nobody says: usual strengths and, of some, strengths that change meanings.
USUAL: tuple[dict[str, Any], ...] = (
    {"name": "flip"},
    {"name": "flip_vertical"},
    {"name": "rotate", "degrees": 15.0},
    {"name": "rotate", "degrees": 180.0},
    {"name": "crop"},
    {"name": "zoom"},
    {"name": "shear"},
    {"name": "erase"},
    {"name": "noise"},
)


@dataclass(frozen=True)
class Safety:
    """One transform at one strength.

    Args:
        transform: name and options.
        recognised: share of the examples that are answered rightly as they are and still are when transformed.
        worst: the class that is recognised least.
        worst_share: how much of it is.
        taken_for: what it is most often answered instead; empty if nothing is.
        verdict: the recipe with the transform against the recipe without any; None where nothing was suspected.
        judgement: "safe" where it is recognised, or training with it is told to help; "refused" where training with it is told
            to hurt; "doubtful" where neither could be told.
    """

    transform: str
    recognised: Interval
    worst: str
    worst_share: float
    taken_for: str
    verdict: Verdict | None
    judgement: Judgement

    def __str__(self) -> str:
        instead = f", taken for {self.taken_for!r}" if self.taken_for else ""
        seen = f"recognised {self.recognised.text()}, least {self.worst!r} ({self.worst_share:.0%}{instead})"
        return f"{self.transform}: {self.judgement}; {seen}" + (f"; trained with it {self.verdict}" if self.verdict else "")


@dataclass(frozen=True)
class AugmentSafety:
    """What a set of transforms does to these data.

    Args:
        metric: the score of the networks trained with and without.
        reference: share of the examples that the references answer rightly as they are.
        transforms: one each.
        runs: networks that were trained.
    """

    metric: str
    reference: float
    transforms: list[Safety]
    runs: int

    @property
    def refused(self) -> list[str]:
        """Transforms that are told to hurt."""
        return [t.transform for t in self.transforms if t.judgement == "refused"]

    def __str__(self) -> str:
        return "\n".join(str(t) for t in self.transforms)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"refused": self.refused}

    def save(self, folder: str | Path) -> Path:
        """Write `augment-safety.json` into a folder."""
        return write_json(Path(folder) / "augment-safety.json", self.to_dict(), indent=1)


def safe_augment(
    recipe: Recipe,
    data: Data,
    transforms: Sequence[Part | dict[str, Any] | str] = (),
    *,
    folds: int = 3,
    repeats: int | None = None,
    draws: int = 2,
    metric: str | None = None,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> AugmentSafety:
    """Say of each transform whether it keeps examples what they are, and refuse those that are proved to hurt.

    References are trained without augmentation on all folds but one, and asked about the examples of that one, plain and
    transformed. Only transforms that are recognised too seldom, over all or in one class, are then trained with and without,
    in pairs; a transform that is told to hurt is refused. Test rows are not looked at.

    Args:
        recipe: how to train; its own augmentation is what is asked about when `transforms` is empty.
        data: pictures or whole series with classes.
        transforms: augmentations with their strengths; none takes the recipe's, or else usual ones.
        folds: of the references.
        repeats: pairs of the confirmation; None is 8, or as many as it takes for one among the doubted to be told at all.
        draws: times that each example is transformed.
        metric: what to score; None is the recipe's monitor or first metric.
        folder: where the runs and `augment-safety.json` are kept.
        observers: as in `fit_many`.

    Raises:
        UsageError: the target is no class, or a transform mixes examples.

    Example:
        >>> from trainwell.data.load import load
        >>> quick = Recipe(model={"name": "cnn", "width": 8, "stages": 2}, epochs=2, threads=1)
        >>> found = safe_augment(quick, load("digits"), ["flip_vertical"], folds=2)
        >>> found.transforms[0].recognised.value < 0.9
        True
    """
    demand(data, recipe)
    whole = pinned(recipe, data)
    asked = parts_of(transforms or whole.augment or USUAL, data)
    plain = whole.but(augment=[])
    orders = [(plain.but(split__fold=fold, split__folds=folds), 0) for fold in range(folds)]
    references = fit_orders(orders, data, folder=folder, observers=observers)
    seen = [look(references, data, part, draws) for part in asked]
    doubted = [part for part, one in zip(asked, seen, strict=True) if one.doubtful]
    name = metric or metric_of(whole)
    pairs = repeats or max(PAIRS, fewest_pairs(0.05 / max(1, len(doubted))))
    verdicts, runs = _confirmed(plain, data, doubted, repeats=pairs, metric=name, folder=folder, observers=observers)
    found = AugmentSafety(
        metric=name,
        reference=float(np.mean([one.reference for one in seen])),
        transforms=[_safety(part, one, verdicts.get(told(part))) for part, one in zip(asked, seen, strict=True)],
        runs=len(references) + runs,
    )
    if folder is not None:
        found.save(folder)
    return found


def parts_of(transforms: Sequence[Any], data: Data) -> list[Part]:
    """Transforms as parts, checked against the data.

    Raises:
        UsageError: the target is no class, or a transform mixes examples, so that no example keeps its label.
    """
    if data.task != "classification":
        raise UsageError("the target is a number, and no number is recognised", remedy="Compare recipes with and without it.")
    parts = [Part.of(t) for t in transforms]
    mixed = next((part.name for part in parts if part.name in mixes), "")
    if mixed:
        raise UsageError(f"{mixed} changes labels together with examples", remedy="Compare recipes with and without it.")
    return parts


def told(part: Part) -> str:
    """A transform in few words.

    Example:
        >>> told(Part.of({"name": "rotate", "degrees": 180.0}))
        'rotate degrees=180'
    """
    options = (f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in part.options.items())
    return " ".join([part.name, *options])


@dataclass(frozen=True)
class Look:
    """What the references say about one transform.

    Args:
        labels: class codes of the examples that are answered rightly as they are, `(n,)`.
        answers: what they are answered when transformed, `(n,)`.
        reference: share of all examples that are answered rightly as they are.
        classes: names of the codes.
    """

    labels: np.ndarray
    answers: np.ndarray
    reference: float
    classes: tuple[str, ...]

    @property
    def right(self) -> np.ndarray:
        """1 where a transformed example is still recognised, `(n,)`."""
        return (self.labels == self.answers).astype(np.float64)

    def worst(self) -> tuple[int, float]:
        """The class that is recognised least, of those with enough examples, and how much of it is."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        shares = np.bincount(self.labels, weights=self.right, minlength=len(self.classes)) / counts.clip(min=1)
        shares[counts < min(CLASS_ROWS, counts.max())] = 2.0
        code = int(shares.argmin())
        return code, float(shares[code])

    @property
    def doubtful(self) -> bool:
        """Whether too few examples, over all or in one class, are still recognised."""
        return self.right.mean() < RECOGNISED or self.worst()[1] < RECOGNISED_IN_CLASS


def look(references: Sequence[Run], data: Data, part: Part, draws: int) -> Look:
    """Ask every reference about the examples it has not seen, plain and transformed.

    Args:
        references: one per fold, trained without augmentation.
        data: under any recipe.
        part: the transform.
        draws: times that each example is transformed.
    """
    labels, answers, right = [], [], []
    for run in references:
        own = seen_by(run, data.under(run.recipe))
        for target, plain, changed in _answers(run, own, part, draws):
            kept = plain == target
            right.append(kept)
            labels.append(target[kept])
            answers.append(changed[kept])
    classes = tuple(data.classes or ())
    return Look(np.concatenate(labels), np.concatenate(answers), float(np.concatenate(right).mean()), classes)


def _answers(run: Run, own: Data, part: Part, draws: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Targets, answers to plain examples, and answers to transformed ones, a slice of the fold at a time."""
    augment = bind_augment(run.recipe.but(augment=[_always(part)]), own, seed=run.plan.seed)
    assert augment is not None
    rows, number = own.rows["valid"], 0
    for start in range(0, len(rows), ROWS):
        chosen = rows[start : start + ROWS]
        arrays = [torch.from_numpy(np.ascontiguousarray(own.arrays[name][chosen])) for name in own.shape.names]
        target = torch.from_numpy(np.asarray(own.arrays["target"][chosen]))
        plain = _classes(run, tuple(arrays))
        for _ in range(draws):
            inputs, _same = augment(as_floats(tuple(arrays)), target, number)
            number += 1
            yield target.numpy(), plain, _classes(run, inputs)


def _always(part: Part) -> Part:
    """The transform for every example: a chance of one half would hide half of what it does."""
    from trainwell.data.augment.registry import augmentations, motions, warps

    registry = next((r for r in (augmentations, warps, motions) if part.name in r), augmentations)
    return part.but(chance=1.0) if "chance" in registry.options(part.name) else part


def _classes(run: Run, inputs: tuple[torch.Tensor, ...]) -> np.ndarray:
    device = next(run.network.parameters()).device
    output = infer(run.network, tuple(x.to(device) for x in inputs)).cpu()
    return finish(output, "classification").argmax(axis=1)


def _confirmed(
    plain: Recipe,
    data: Data,
    doubted: Sequence[Part],
    *,
    repeats: int,
    metric: str,
    folder: str | Path | None,
    observers: Sequence[Observer],
) -> tuple[dict[str, Verdict], int]:
    """Verdicts on training with each doubted transform against without any, and how many networks that took."""
    if not doubted:
        return {}, 0
    arms = [plain, *(plain.but(augment=[part]) for part in doubted)]
    runs = fit_orders([o for arm in arms for o in orders_of(arm, repeats)], data, folder=folder, observers=observers)
    scores = score_runs(runs, data, metric=metric).reshape(len(arms), repeats)
    pairs = {told(part): (scores[i + 1], scores[0]) for i, part in enumerate(doubted)}
    return judge_many(pairs, higher_is_better=higher_is_better(metric), base="without"), len(runs)


def _safety(part: Part, seen: Look, verdict: Verdict | None) -> Safety:
    code, share = seen.worst()
    missed = seen.answers[(seen.labels == code) & (seen.answers != code)]
    instead = seen.classes[int(np.bincount(missed).argmax())] if len(missed) else ""
    judgement: Judgement = "safe"
    if verdict is not None and verdict.word != "helps":
        judgement = "refused" if verdict.word == "hurts" else "doubtful"
    return Safety(told(part), bootstrap_mean(seen.right), seen.classes[code], share, instead, verdict, judgement)
