"""The network layer by layer: output shape, parameters, cost, and what the numbers look like on their way through."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.core.shape import Input, Shape
from trainwell.models.autoencoder import PictureMaker
from trainwell.models.cyclegan import Translator


@dataclass(frozen=True)
class Layer:
    """One leaf module as it ran.

    Args:
        name: dotted path in the network.
        kind: class name.
        output: shape of its output, `B` for the batch axis.
        parameters: numbers it trains.
        multiplications: multiply-adds for one example.
        mean: mean of the output.
        deviation: standard deviation of the output.
        zeros: share of the output that is exactly zero.
    """

    name: str
    kind: str
    output: str
    parameters: int
    multiplications: int
    mean: float
    deviation: float
    zeros: float


class Layers(list[Layer]):
    """The layers of a network in the order of their calls; printed, they are a table with totals."""

    def __repr__(self) -> str:
        head = ("layer", "kind", "output", "parameters", "multiply-adds")
        lines = [(x.name, x.kind, x.output, f"{x.parameters:,}", f"{x.multiplications:,}") for x in self]
        total = (
            f"{len(self)} layers",
            "",
            "",
            f"{sum(x.parameters for x in self):,}",
            f"{sum(x.multiplications for x in self):,}",
        )
        widths = [max(map(len, column)) for column in zip(head, *lines, total, strict=True)]
        return "\n".join(_aligned(line, widths) for line in (head, *lines, total))


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    return "  ".join(c.rjust(w) if i > 2 else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True)))


def typical_inputs(shape: Shape, rows: int = 8) -> list[Tensor]:
    """Made-up inputs of a shape: normal numbers, uniform codes and pixels; the same at every call."""
    generator = torch.Generator().manual_seed(0)
    return [_typical(spec, rows, generator) for spec in shape.inputs]


def _typical(spec: Input, rows: int, generator: torch.Generator) -> Tensor:
    if spec.kind == "category":
        columns = [torch.randint(0, n, (rows,), generator=generator, dtype=torch.int32) for n in spec.cardinalities]
        return torch.stack(columns, dim=1)  # (B, C)
    if spec.kind == "picture":
        return torch.rand(rows, *spec.shape, generator=generator)
    if spec.dtype.startswith("int"):
        return torch.zeros(rows, *spec.shape, dtype=getattr(torch, spec.dtype))  # 0 is a token of every vocabulary
    return torch.randn(rows, *spec.shape, generator=generator)


def layers(network: nn.Module, inputs: Sequence[Tensor]) -> Layers:
    """Run one batch in evaluation mode and describe every module that works on it, in the order of the calls.

    A network that makes pictures first looks at the batch, then makes as many.

    A weight that is used twice is counted where it comes first. Weights of modules that are not called as such (attention
    calls its last layer as a function) stand in a line of their own, so that the total is the network's.

    Args:
        network: any module.
        inputs: a batch, as the network takes it.

    Example:
        >>> found = layers(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), [torch.randn(2, 4)])
        >>> found[0].kind, found[0].parameters, found[0].multiplications
        ('Linear', 40, 32)
    """
    watch = _Watch(rows=len(inputs[0]))
    own = {n: m for n, m in network.named_modules() if not list(m.children()) or list(m.parameters(recurse=False))}
    handles = [m.register_forward_hook(watch.hook(name or type(network).__name__)) for name, m in own.items()]
    modes = [(m, m.training) for m in network.modules()]
    try:
        with torch.no_grad():
            network.eval()(*inputs)
            if isinstance(network, PictureMaker):
                network.make(*_to_make(network, inputs[0]))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    if rest := watch.count(network.parameters()):
        watch.found.append(Layer("not called by themselves", "", "", rest, 0, math.nan, math.nan, math.nan))
    return watch.found


def _to_make(network: PictureMaker, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """What pictures are made from, and their classes: other pictures, or noise."""
    codes = torch.arange(len(pictures), device=pictures.device) % max(1, network.classes)
    if isinstance(network, Translator):
        return pictures, codes
    noise = torch.randn(len(pictures), network.noise, generator=torch.Generator().manual_seed(0))
    return noise.to(pictures.device), codes


class _Watch:
    """Collects what modules put out, and which weights were counted already."""

    def __init__(self, rows: int) -> None:
        self.rows, self.found = rows, Layers()
        self._counted: set[int] = set()

    def hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(module: nn.Module, given: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) and output else output  # recurrent layers give their state, too
            if isinstance(first, Tensor):
                self.found.append(self._describe(name, module, given, first.detach()))

        return note

    def count(self, parameters: Iterable[nn.Parameter]) -> int:
        """Trainable numbers among `parameters` that were not counted before."""
        new = {id(p): p.numel() for p in parameters if p.requires_grad and id(p) not in self._counted}
        self._counted |= new.keys()
        return sum(new.values())

    def _describe(self, name: str, module: nn.Module, given: Any, output: Tensor) -> Layer:
        values = output.float()
        return Layer(
            name=name,
            kind=type(module).__name__,
            output="(" + ", ".join(["B", *map(str, output.shape[1:])]) + ")",
            parameters=self.count(module.parameters(recurse=False)),
            multiplications=_multiplications(module, given, output) // self.rows,
            mean=values.mean().item(),
            deviation=values.std(correction=0).item(),
            zeros=(values == 0).float().mean().item(),
        )


def _multiplications(module: nn.Module, given: Any, output: Tensor) -> int:
    """Multiply-adds for the batch: every entry of a weight matrix works once per position."""
    weights = [p for p in module.parameters(recurse=False) if p.ndim >= 2]
    if not weights or isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return 0
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        return output.numel() * weights[0][0].numel()
    if isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        return int(given[0].numel()) * weights[0][0].numel()
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    positions = output.numel() // output.shape[-1] if isinstance(module, nn.RNNBase) else output.shape[0]
    return positions * sum(w.numel() for w in weights)
