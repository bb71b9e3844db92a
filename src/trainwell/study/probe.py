"""What is measured on a network without training it: gradients layer by layer, units that do nothing, noise, time of a step.

Everything is measured on a copy or in a context that leaves no trace, on rows that are the same for every network compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from trainwell.core.seeds import draw_seed
from trainwell.core.stats import Floats, Interval, percentile_interval
from trainwell.data.data import Data
from trainwell.data.splits import spread
from trainwell.models.many_linear import ManyLinear
from trainwell.train.signs.activations import look_through
from trainwell.train.signs.quiet import undisturbed
from trainwell.train.steps import Inputs, Loss, batch_of, member_loss

#: Rows that every probe looks at.
ROWS = 256


def probe_rows(data: Data, part: str = "valid") -> np.ndarray:
    """At most 256 rows, evenly spread over the part, or over the training rows where it is empty."""
    rows = data.rows[part] if len(data.rows[part]) else data.rows["train"]
    return spread(rows, ROWS)


@dataclass(frozen=True)
class Idle:
    """Units that do no work.

    Args:
        dead: share of the units behind rectifiers that are zero for every row; NaN without rectifiers.
        saturated: share of the outputs of tanh and sigmoid that lie on a flat end; NaN without them.
    """

    dead: float
    saturated: float


def idle_units(network: nn.Module, inputs: Inputs) -> Idle:
    """Dead and saturated shares over all hidden layers.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Example:
        >>> layer = nn.Linear(2, 4)
        >>> with torch.no_grad():
        ...     _ = layer.bias.copy_(torch.tensor([-9.0, -9.0, 9.0, 9.0]))
        >>> idle_units(nn.Sequential(layer, nn.ReLU()), (torch.rand(8, 2),)).dead
        0.5
    """
    copy = deepcopy(network).cpu()
    with undisturbed(copy):
        look = look_through(copy, inputs)
    dead = [share for share, kind in zip(look.silent, look.kinds, strict=True) if kind == "rectifier"]
    flat = [share for share, kind in zip(look.saturated, look.kinds, strict=True) if kind == "squasher"]
    return Idle(float(np.mean(dead)) if dead else float("nan"), float(np.mean(flat)) if flat else float("nan"))


def copied(network: nn.Module) -> nn.Module:
    """A copy for backward passes: no dropout, batch norms under the statistics of the batch, as in training."""
    copy = deepcopy(network).cpu().eval()
    for module in copy.modules():
        module.training = isinstance(module, _BatchNorm)
    return copy.requires_grad_(True)


def gradients(network: nn.Module, inputs: Inputs, target: Tensor, loss: Loss) -> list[Tensor]:
    """The gradient of the mean loss for every parameter that has one; the network should be a copy."""
    used = [p for p in network.parameters() if p.requires_grad]
    with torch.enable_grad():
        found = torch.autograd.grad(member_loss(loss, network(*inputs), target), used, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(used, found, strict=True)]


def gradient_by_layer(network: nn.Module, inputs: Inputs, target: Tensor, loss: Loss) -> dict[str, float]:
    """The norm of the gradient of each weight matrix, from the inputs to the output.

    Example:
        >>> network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
        >>> found = gradient_by_layer(network, (torch.ones(2, 3),), torch.ones(2, 1), nn.functional.mse_loss)
        >>> list(found)
        ['0', '1']
    """
    copy = copied(network)
    layers = {name: m for name, m in copy.named_modules() if isinstance(m, nn.Linear | _ConvNd | ManyLinear)}
    found = dict(zip([id(p) for p in copy.parameters()], gradients(copy, inputs, target, loss), strict=True))
    return {name: float(found[id(layer.weight)].norm()) for name, layer in layers.items()}


@dataclass(frozen=True)
class NoiseScale:
    """How noisy the gradient of one row is against the gradient of all.

    Args:
        scale: rows of the batch at which noise and signal are alike: the sum of the variances of a row's gradient over the
            squared length of the true one. Much smaller batches waste updates, much larger ones waste rows.
        signal: the squared length of the true gradient.
        noise: the sum of the variances of one row's gradient.
    """

    scale: Interval
    signal: float
    noise: float

    def __str__(self) -> str:
        if not np.isfinite(self.scale.high):
            return f"above {self.scale.low:,.0f} rows"
        return f"{self.scale.value:,.0f} rows ({self.scale.limits()})"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def noise_scale(
    gradient: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    *,
    small: int,
    times: int = 8,
    draws: int = 16,
    seed: int = 0,
) -> NoiseScale:
    """The simple gradient noise scale from batches of two sizes.

    The squared length of a batch's gradient is that of the true one plus noise over batch size, so two sizes give both. The
    large batch is made of `times` small ones, so nothing is computed twice.

    Args:
        gradient: the mean gradient of some rows as one vector.
        rows: row numbers to draw from, with replacement.
        small: rows of a small batch.
        times: small batches in a large one.
        draws: large batches; the interval comes from resampling them.
        seed: of the draws.

    Source: McCandlish, Kaplan, Amodei et al., "An empirical model of large-batch training", 2018, appendix A.1.

    Example:
        >>> x = np.random.default_rng(0).normal(2.0, 1.0, 4000)      # loss (w - x)² / 2 at w = 0: signal 4, noise 1
        >>> found = noise_scale(lambda rows: -x[rows].mean(keepdims=True), np.arange(4000), small=4)
        >>> found.scale.low < 0.25 < found.scale.high
        True
    """
    rng = np.random.default_rng(draw_seed(seed, "noise scale"))
    large = small * times
    lengths = np.empty((draws, 2))  # squared lengths: mean of the small batches', the large batch's
    for draw in range(draws):
        parts = [np.asarray(gradient(rng.choice(rows, small)), np.float64) for _ in range(times)]
        lengths[draw] = np.mean([float(p @ p) for p in parts]), float(np.square(np.mean(parts, axis=0)).sum())
    signal, noise = _parts(lengths.mean(axis=0), small, large)
    drawn = np.array([_ratio(*_parts(lengths[rng.integers(0, draws, draws)].mean(axis=0), small, large)) for _ in range(1000)])
    found = percentile_interval(_ratio(signal, noise), np.where(np.isfinite(drawn), drawn, 1e300), draws)
    high = found.high if found.high < 1e299 else float("inf")
    return NoiseScale(Interval(found.value, max(0.0, found.low), high, draws), signal, noise)


def _parts(lengths: Floats, small: int, large: int) -> tuple[float, float]:
    """Signal and noise from the mean squared lengths of two batch sizes."""
    one, many = float(lengths[0]), float(lengths[1])
    return (large * many - small * one) / (large - small), (one - many) / (1 / small - 1 / large)


def _ratio(signal: float, noise: float) -> float:
    """Noise over signal; infinite where the signal is lost in the noise."""
    return max(0.0, noise) / signal if signal > 0 else float("inf")


def network_noise(network: nn.Module, data: Data, loss: Loss, *, small: int, seed: int = 0) -> NoiseScale:
    """The gradient noise scale of a network on training rows.

    Args:
        network: left untouched.
        data: as the network was trained to see it.
        loss: `(output, target) -> ()`.
        small: rows of the smaller of the two batch sizes; the larger has eight times as many.
        seed: of the draws.
    """
    copy = copied(network)

    def gradient(rows: np.ndarray) -> np.ndarray:
        found = gradients(copy, *batch_of(data, rows), loss)
        return torch.cat([g.flatten() for g in found]).double().numpy()

    return noise_scale(gradient, data.rows["train"], small=small, seed=seed)


def step_seconds(network: nn.Module, inputs: Inputs, target: Tensor, loss: Loss, *, laps: int = 5) -> float:
    """Median seconds of one forward and backward pass of this batch, on one thread."""
    copy, threads = copied(network), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        gradients(copy, inputs, target, loss)
        times: list[float] = []
        for _ in range(laps):
            start = time.perf_counter()
            gradients(copy, inputs, target, loss)
            times.append(time.perf_counter() - start)
        return statistics.median(times)
    finally:
        torch.set_num_threads(threads)


def parameters_of(network: nn.Module) -> int:
    """Trained numbers of a network."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
