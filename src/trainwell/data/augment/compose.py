"""A recipe's list of augmentations as one function of batch and step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from trainwell.core.errors import RecipeError, UnknownName, did_you_mean
from trainwell.core.part import Part
from trainwell.core.seeds import at_step, purpose_key
from trainwell.core.shape import UNJUDGED
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.registry import MOVING, augmentations, mixes, motions, warps
from trainwell.data.augment.warp import frame_of, resample

Inputs = tuple[Tensor, ...]
Augment = Callable[[Inputs, Tensor, int], tuple[Inputs, Tensor]]
Drawer = Callable[["Stage"], Draw]


@dataclass(frozen=True)
class Stage:
    """One entry of the list, its options filled in.

    Args:
        name: the registered name.
        what: which of the four registries it is from.
        change: the function with its options bound.
        key: of its draws; made of its name, so that removing another entry moves none of them.
    """

    name: str
    what: Literal["augmentation", "warp", "mix", "motion"]
    change: Callable[..., Any]
    key: int


def build_augment(
    parts: Sequence[Part], *, n_classes: int | None, position: int = 0, seed: int = 0, series: bool = False, masks: bool = False
) -> Augment:
    """All `parts` in their order as one function `(inputs, target, step) -> (inputs, target)`.

    The draws of a step are a function of (seed, entry, step): the same step gives the same bits, and taking an entry out of the
    list leaves the draws of the others. Warps that follow each other are multiplied and resampled once. Before the first mix,
    class codes `(B,)` become probabilities `(B, n_classes)`.

    Args:
        parts: names of augmentations, warps and mixes with their options.
        n_classes: number of classes; None for a target of numbers.
        position: which of the inputs holds the pictures, `(B, C, H, W)` floats in [0, 1].
        seed: the run's seed.
        series: whether that input holds series `(B, C, L)`, which are changed by motions alone.
        masks: whether the target is the class of every pixel `(B, H, W)`, which is moved with the picture.

    Raises:
        UnknownName: a name or option that nobody registered.
        RecipeError: an option has an impossible value, or an entry is for pictures and the data are series, or the reverse.

    Example:
        >>> augment = build_augment([Part.of("flip"), Part.of({"name": "mixup", "alpha": 1.0})], n_classes=3)
        >>> (x,), y = augment((torch.rand(4, 1, 8, 8),), torch.tensor([0, 1, 2, 0]), 0)
        >>> x.shape, y.shape
        (torch.Size([4, 1, 8, 8]), torch.Size([4, 3]))
    """
    stages = _stages(parts, seed)
    _fitting(stages, series)
    generators: dict[torch.device, torch.Generator] = {}

    def augment(inputs: Inputs, target: Tensor, step: int) -> tuple[Inputs, Tensor]:
        x = inputs[position]
        if len(inputs) > 1 and any(stage.what == "mix" for stage in stages):
            raise RecipeError(
                "mixes blend pictures alone, and these data have other inputs too", remedy="Take them out of augment."
            )
        generator = generators.setdefault(x.device, torch.Generator(x.device))

        def drawer(stage: Stage) -> Draw:
            return Draw(generator.manual_seed(at_step(stage.key, step)))

        x, target = (_apply_beside if masks else _apply)(stages, x, target, drawer, n_classes)
        return (*inputs[:position], x, *inputs[position + 1 :]), target

    if masks and any(stage.what == "mix" for stage in stages):
        raise RecipeError("mixes blend pictures, and masks cannot be blended", remedy="Take mixup and cutmix out of augment.")
    _try(stages, None if masks else n_classes, torch.zeros(2, 3, 16) if series else torch.zeros(2, 3, 4, 4))
    return augment


def _fitting(stages: Sequence[Stage], series: bool) -> None:
    """Refuses motions of pictures, and anything else of series."""
    for stage in stages:
        if (stage.what == "motion") != series:
            has, for_what, known = ("series", "pictures", motions) if series else ("pictures", "series", augmentations)
            raise RecipeError(
                f"the augmentation {stage.name!r} is for {for_what}, and the data have {has}",
                remedy=f"Use some of: {', '.join(known.names())}.",
            )


def _stages(parts: Sequence[Part], seed: int) -> list[Stage]:
    seen: Counter[str] = Counter()
    stages = []
    for part in parts:
        key = purpose_key(seed, f"augment {part.name} {seen[part.name]}")
        seen[part.name] += 1
        stages.append(_stage(part, key))
    return stages


def _stage(part: Part, key: int) -> Stage:
    if part.name in augmentations:
        return Stage(part.name, "augmentation", augmentations.bind(part.name, part.options), key)
    if part.name in warps:
        return Stage(part.name, "warp", warps.bind(part.name, part.options), key)
    if part.name in mixes:
        return Stage(part.name, "mix", mixes.bind(part.name, part.options), key)
    if part.name in motions:
        return Stage(part.name, "motion", motions.bind(part.name, part.options), key)
    known = [*augmentations.names(), *warps.names(), *mixes.names(), *motions.names()]
    raise UnknownName(f"there is no augmentation {part.name!r}", remedy=did_you_mean(part.name, known))


def _apply(stages: Sequence[Stage], x: Tensor, target: Tensor, drawer: Drawer, n_classes: int | None) -> tuple[Tensor, Tensor]:
    for what, group in groupby(stages, key=lambda stage: stage.what):
        if what == "warp":
            matrices = [stage.change(frame_of(x), drawer(stage)) for stage in group]
            x = resample(x, reduce(torch.matmul, matrices))
        elif what in ("augmentation", "motion"):
            for stage in group:
                x = stage.change(x, drawer(stage))
        else:
            target = probabilities(target, n_classes)
            for stage in group:
                x, target = stage.change(x, target, drawer(stage))
    return x, target


def _apply_beside(
    stages: Sequence[Stage], x: Tensor, target: Tensor, drawer: Drawer, n_classes: int | None
) -> tuple[Tensor, Tensor]:
    """Pictures and masks `(B, H, W)` moved alike: every draw is made twice, and the largest of the moved classes stays.

    Masks are moved as pictures of a channel for each class and one for pixels without a class.
    """
    assert n_classes is not None
    codes = target.long().clamp(max=n_classes)
    layers = F.one_hot(codes, n_classes + 1).permute(0, 3, 1, 2).to(x.dtype)  # (B, K + 1, H, W)
    for what, group in groupby(stages, key=lambda stage: stage.what):
        if what == "warp":
            matrices = reduce(torch.matmul, [stage.change(frame_of(x), drawer(stage)) for stage in group])
            x, layers = resample(x, matrices), resample(layers, matrices)
            continue
        for stage in group:
            x = stage.change(x, drawer(stage))
            layers = stage.change(layers, drawer(stage)) if augmentations[stage.name] in MOVING else layers
    largest = layers.argmax(1)
    return x, torch.where(largest == n_classes, UNJUDGED, largest).to(target.dtype)


def probabilities(target: Tensor, n_classes: int | None) -> Tensor:
    """Class codes `(B,)` as `(B, n_classes)` float32; probabilities and numbers stay as they are."""
    return target if n_classes is None or target.is_floating_point() else F.one_hot(target, n_classes).float()


def _try(stages: Sequence[Stage], n_classes: int | None, x: Tensor) -> None:
    """Two black pictures, or flat series, through every stage: an impossible option speaks now, not at the first step."""
    target = torch.zeros(2, 1) if n_classes is None else torch.zeros(2, dtype=torch.int64)
    _apply(stages, x, target, lambda _: Draw(torch.Generator()), n_classes)
