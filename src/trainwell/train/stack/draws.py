"""The random numbers of a stack: every member draws what it would draw alone, and the network takes them as inputs.

K members, S calls of dropout in one forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from trainwell.core.seeds import at_step
from trainwell.models.dropout import drop, threshold
from trainwell.train.stack.recurrent import CELLS, unrolled

#: torch's dropouts that zero single entries, and those that zero whole channels.
ENTRIES = (F.dropout, torch.dropout)
CHANNELS = (F.dropout1d, F.dropout2d, F.dropout3d)


@dataclass(frozen=True)
class Site:
    """One call of dropout in the forward pass.

    Args:
        how: `words` draws 16 bits an entry, `bernoulli` as torch does.
        shape: of the factors of one member's batch.
    """

    how: Literal["words", "bernoulli"]
    shape: tuple[int, ...]


class Recording(TorchFunctionMode):
    """While active, every dropout passes its input through and is noted: `sites` and their `rates`, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.sites: list[Site] = []
        self.rates: list[float] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = dropout_of(func, args, kwargs or {})
        if found is None:
            return func(*args, **(kwargs or {}))
        x, rate, site = found
        self.sites.append(site)
        self.rates.append(rate)
        return x


class Replaying(TorchFunctionMode):
    """While active, every dropout multiplies by the next of `factors`, and does nothing where that is None.

    Recurrent layers are written out.
    """

    def __init__(self, factors: Iterator[Tensor | None]) -> None:
        super().__init__()
        self.factors = factors

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in CELLS:
            return unrolled(CELLS[func], *args, **(kwargs or {}))
        found = dropout_of(func, args, kwargs or {})
        if found is None:
            return func(*args, **(kwargs or {}))
        factor = next(self.factors)
        return found[0] if factor is None else found[0] * factor


def dropout_of(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Tensor, float, Site] | None:
    """Input, rate and site of a call that is a dropout in training mode; None for every other call."""
    if func is drop:
        x, rate = args
        return x, rate, Site("words" if x.device.type == "cpu" else "bernoulli", tuple(x.shape))
    if func not in ENTRIES and func not in CHANNELS:
        return None
    x, rate, training = (*args, 0.5, True)[:3] if len(args) < 3 else args[:3]
    rate, training = kwargs.get("p", rate), kwargs.get("training", training)
    if not training:
        return None
    shape = tuple(x.shape) if func in ENTRIES else (*x.shape[:2], *(1 for _ in x.shape[2:]))
    return x, rate, Site("bernoulli", shape)


class Draws:
    """The factors of every dropout of every member, drawn anew for each step.

    Args:
        sites: the S calls.
        rates: `(K, S)` rates; members may differ, 0 draws nothing, as alone.
        keys: K keys of the members' draws.
        device: where the factors lie.
    """

    def __init__(
        self, sites: Sequence[Site], rates: Sequence[Sequence[float]], keys: Sequence[int], device: torch.device
    ) -> None:
        self._keys = keys
        self._generators = [torch.Generator(device) for _ in keys]
        made = [_site(site, [own[s] for own in rates], self._generators, device) for s, site in enumerate(sites)]
        self.factors = [m.factor if m is not None else None for m in made]
        self._sites = [m for m in made if m is not None]

    def fill(self, number: int) -> None:
        """Draw for update `number`; the factors' memory stays the same."""
        if not self._sites:
            return
        for generator, key in zip(self._generators, self._keys, strict=True):
            generator.manual_seed(at_step(key, number))
        for site in self._sites:
            site.fill()


@dataclass(frozen=True)
class _Made:
    factor: Tensor
    fill: Callable[[], None]


def _site(site: Site, rates: Sequence[float], generators: Sequence[torch.Generator], device: torch.device) -> _Made | None:
    drawing = [(k, g) for k, (rate, g) in enumerate(zip(rates, generators, strict=True)) if rate > 0]
    if not drawing:
        return None
    make = _words if site.how == "words" else _bernoulli
    return make(site.shape, rates, drawing, device)


def _words(
    shape: tuple[int, ...], rates: Sequence[float], drawing: Sequence[tuple[int, torch.Generator]], device: torch.device
) -> _Made:
    k, n = len(rates), prod(shape)
    words = torch.full((k, (n + 3) // 4), 2**63 - 1, dtype=torch.int64, device=device)
    bits = words.view(torch.int16)[:, :n]  # (K, n)
    cuts, scales = zip(*(threshold(rate) for rate in rates), strict=True)
    cut = torch.tensor(cuts, dtype=torch.int16, device=device)[:, None]
    scale = torch.tensor(scales, device=device)[:, None]
    factor = torch.empty(k, n, device=device)
    rows = [(words[i], generator) for i, generator in drawing]

    def fill() -> None:
        for row, generator in rows:
            row.random_(-(2**63), None, generator=generator)
        torch.ge(bits, cut, out=factor).mul_(scale)

    return _Made(factor.view(k, *shape), fill)


def _bernoulli(
    shape: tuple[int, ...], rates: Sequence[float], drawing: Sequence[tuple[int, torch.Generator]], device: torch.device
) -> _Made:
    factor = torch.ones(len(rates), *shape, device=device)
    keep = 1.0 - torch.tensor(rates, device=device)
    keep = keep.view(-1, *(1 for _ in shape))
    rows = [(factor[i], 1 - rates[i], generator) for i, generator in drawing]

    def fill() -> None:
        for row, share, generator in rows:
            row.bernoulli_(share, generator=generator)
        factor.div_(keep)

    def fill_all() -> None:
        for i, rate in enumerate(rates):
            if rate == 0:
                factor[i].fill_(1.0)
        fill()

    return _Made(factor, fill_all)
