"""What a generator makes its pictures from, noise or other pictures, and what it owes to them.

B pictures, C channels of H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from trainwell.models.adversarial import Adversarial
from trainwell.models.cyclegan import Translator
from trainwell.train.steps import Augment


@dataclass(frozen=True)
class Shown:
    """What a critic learns from: real pictures of the classes `codes` (B,), and made ones of the classes `wanted` (B,)."""

    real: Tensor
    codes: Tensor
    made: Tensor
    wanted: Tensor


@dataclass(frozen=True)
class Made:
    """What a generator learns from.

    Args:
        pictures: (B, C, H, W).
        wanted: their classes (B,).
        owed: what is made small beside the critic's opinion of them, `()`.
        measured: what is worth a line in the history.
    """

    pictures: Tensor
    wanted: Tensor
    owed: Tensor | float = 0.0
    measured: Mapping[str, float] = field(default_factory=dict)


class Maker(Protocol):
    """Where made pictures come from."""

    #: What it measures, by name.
    measures: tuple[str, ...]
    #: What a checkpoint needs of it, filled in place.
    tensors: Mapping[str, Tensor]

    def shown(self, pictures: Tensor, codes: Tensor, number: int) -> Shown:
        """What the critic sees at update `number`, without a gradient for the generator."""

    def made(self, pictures: Tensor, codes: Tensor, number: int) -> Made:
        """What the generator answers for at update `number`."""


class FromNoise:
    """New pictures of the classes of the real ones; the critic sees both changed alike.

    Source: Zhao et al., "Differentiable augmentation for data-efficient GAN training", NeurIPS 2020.
    """

    measures: tuple[str, ...] = ()

    def __init__(self, network: Adversarial, augment: Augment | None) -> None:
        self.network, self._augment = network, augment
        self.tensors: Mapping[str, Tensor] = {}

    def shown(self, pictures: Tensor, codes: Tensor, number: int) -> Shown:
        with torch.no_grad():
            made = self._drawn(codes)
        real = changed(self._augment, pictures, codes, number)
        return Shown(real, codes, changed(self._augment, made, codes, number), codes)

    def made(self, pictures: Tensor, codes: Tensor, number: int) -> Made:  # noqa: ARG002  noise is enough
        return Made(changed(self._augment, self._drawn(codes), codes, number), codes)

    def _drawn(self, codes: Tensor) -> Tensor:
        return self.network.make(torch.randn(len(codes), self.network.noise, device=codes.device), codes)


class FromPictures:
    """Each picture as one of the other class; turned back it should be what it was, and turned into its own class, too.

    Source: Zhu et al., "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV 2017. Losses are
    of pixels in [-1, 1], as there.
    """

    measures: tuple[str, ...] = ("cycle_error",)

    def __init__(self, network: Translator, augment: Augment | None) -> None:
        device = next(network.parameters()).device
        self.network, self._augment, self._past = network, augment, Past(network.history, network.size, device)
        self.tensors: Mapping[str, Tensor] = {"past.pictures": self._past.pictures, "past.counts": self._past.counts}

    def shown(self, pictures: Tensor, codes: Tensor, number: int) -> Shown:
        pictures = changed(self._augment, pictures, codes, number)
        with torch.no_grad():
            made = self.network.make(pictures, 1 - codes)
        return Shown(pictures, codes, self._past.exchanged(made, 1 - codes), 1 - codes)

    def made(self, pictures: Tensor, codes: Tensor, number: int) -> Made:
        pictures = changed(self._augment, pictures, codes, number)
        turned = self.network.make(pictures, 1 - codes)
        given = [turned, pictures] if self.network.identity else [turned]  # what should become, or stay, the pictures
        error, *stayed = self._errors(given, pictures, codes)
        owed = 2 * self.network.cycle * error + 2 * self.network.identity * sum(stayed)
        return Made(turned, 1 - codes, owed, {"cycle_error": error.item()})

    def _errors(self, given: list[Tensor], pictures: Tensor, codes: Tensor) -> list[Tensor]:
        """How far each of these is from the pictures when it is turned into their classes, in one pass."""
        made = self.network.make(torch.cat(given), codes.repeat(len(given)))
        return [(piece - pictures).abs().mean() for piece in made.chunk(len(given))]


class Past:
    """Made pictures of earlier updates, so that critics do not forget what they could tell once.

    Source: Shrivastava et al., "Learning from simulated and unsupervised images through adversarial training", CVPR 2017.

    Args:
        most: pictures kept of each class; 0 keeps none.
        size: C, H, W.
        device: where they are kept.
    """

    def __init__(self, most: int, size: tuple[int, int, int], device: torch.device) -> None:
        self.pictures = torch.zeros(2, most, *size, device=device)
        self.counts = torch.zeros(2, dtype=torch.int64)

    def exchanged(self, made: Tensor, codes: Tensor) -> Tensor:
        """The made pictures (B, C, H, W), about half of them in exchange for older ones of their class once these are many."""
        most = self.pictures.shape[1]
        if most == 0:
            return made
        swapped, places = torch.rand(len(made)) < 0.5, torch.randint(most, (len(made),))
        found = made.clone()
        for i, (code, swap, place) in enumerate(zip(codes.tolist(), swapped.tolist(), places.tolist(), strict=True)):
            known = int(self.counts[code])
            if known < most:
                self.pictures[code, known] = made[i]
                self.counts[code] += 1
            elif swap:
                found[i] = self.pictures[code, place]
                self.pictures[code, place] = made[i]
        return found


def changed(augment: Augment | None, pictures: Tensor, codes: Tensor, number: int) -> Tensor:
    """Pictures as augmentation changes those of update `number`."""
    return pictures if augment is None else augment((pictures,), codes, number)[0][0]
