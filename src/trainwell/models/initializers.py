"""Initialisation of weight matrices by name, matched to the activation that follows them.

A weight is seen as a matrix `(n_out, n_in)`; that of a convolution has `n_in = C_in · H · W`. The gain of an activation f is
`1 / sqrt(mean of f(z)²)` for normally distributed z, so that signals keep their size from layer to layer: the square root of 2
for ReLU, as in He et al.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from trainwell.models.activations import ACTIVATIONS
from trainwell.models.many_linear import ManyLinear
from trainwell.models.registry import Named, initializers, name_and_options


def initialize(network: nn.Module, initializer: Named) -> nn.Module:
    """Draw every weight matrix of `network` anew and set the biases beside them to zero; returns the network.

    Linear layers and convolutions are concerned, also those of many members; embeddings, norms and adapters keep their start.
    Random numbers come from torch's default generator: seed it first.

    Args:
        network: changed in place.
        initializer: a registered name, or a mapping with `name` and options.

    Example:
        >>> import torch
        >>> network = initialize(nn.Sequential(nn.Linear(1000, 1000), nn.ReLU()), "he_normal")
        >>> round(network[0].weight.std().item() ** 2 * 1000, 1)
        2.0
    """
    name, options = name_and_options(initializer, "initializer")
    draw = initializers.bind(name, options)
    with torch.no_grad():
        for layer, gain in _layers(network):
            for matrix in _matrices(layer):
                draw(matrix, gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def gain_of(activation: nn.Module | None) -> float:
    """The factor that undoes how much an activation shrinks a normal signal; 1 for none.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015, section 2.2, for any activation by Gauss-Hermite quadrature.

    Example:
        >>> round(gain_of(nn.ReLU()), 4)
        1.4142
    """
    if activation is None:
        return 1.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    with torch.no_grad():
        values = activation(torch.from_numpy(nodes).to(_dtype(activation))).double().numpy()
    return 1.0 / sqrt(float((weights * values**2).sum() / weights.sum()))


def _dtype(activation: nn.Module) -> torch.dtype:
    return next((p.dtype for p in activation.parameters()), torch.float64)


Weighted = nn.Linear | _ConvNd | ManyLinear


def _layers(network: nn.Module) -> Iterator[tuple[Weighted, float]]:
    """Each layer with a weight matrix, and the gain of the first activation before the next such layer."""
    waiting: Weighted | None = None
    for module in network.modules():
        if isinstance(module, nn.Linear | _ConvNd | ManyLinear):
            if waiting is not None:
                yield waiting, 1.0
            waiting = module
        elif isinstance(module, ACTIVATIONS) and waiting is not None:
            yield waiting, gain_of(module)
            waiting = None
    if waiting is not None:
        yield waiting, 1.0


def _matrices(layer: Weighted) -> Iterator[Tensor]:
    """The weight as matrices `(n_out, n_in, …)`; views, so that filling them fills the layer."""
    if isinstance(layer, ManyLinear):
        yield from layer.weight.transpose(1, 2).unbind(0)
    else:
        yield layer.weight


def _fans(weight: Tensor) -> tuple[int, int]:
    """Numbers of connections into and out of one unit."""
    pixels = weight[0, 0].numel()
    return weight.shape[1] * pixels, weight.shape[0] * pixels


def _spread(weight: Tensor, deviation: float, *, uniform: bool) -> Tensor:
    if uniform:
        return weight.uniform_(-sqrt(3.0) * deviation, sqrt(3.0) * deviation)
    return weight.normal_(0.0, deviation)


@initializers.register
def xavier_uniform(weight: Tensor, gain: float) -> Tensor:
    """Uniform, variance `gain² · 2 / (n_in + n_out)`: a compromise between signals forwards and gradients backwards.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Example:
        >>> import torch
        >>> round(xavier_uniform(torch.empty(400, 400), 1.0).std().item(), 2)
        0.05
    """
    return _spread(weight, gain * sqrt(2.0 / sum(_fans(weight))), uniform=True)


@initializers.register
def xavier_normal(weight: Tensor, gain: float) -> Tensor:
    """Normal, variance `gain² · 2 / (n_in + n_out)`.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Example:
        >>> import torch
        >>> round(xavier_normal(torch.empty(400, 400), 1.0).std().item(), 2)
        0.05
    """
    return _spread(weight, gain * sqrt(2.0 / sum(_fans(weight))), uniform=False)


@initializers.register
def he_uniform(weight: Tensor, gain: float) -> Tensor:
    """Uniform, variance `gain² / n_in`: signals keep their size through any number of layers.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015.

    Example:
        >>> import torch
        >>> round(he_uniform(torch.empty(400, 400), 2**0.5).std().item(), 2)
        0.07
    """
    return _spread(weight, gain / sqrt(_fans(weight)[0]), uniform=True)


@initializers.register
def he_normal(weight: Tensor, gain: float) -> Tensor:
    """Normal, variance `gain² / n_in`: signals keep their size through any number of layers.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015.

    Example:
        >>> import torch
        >>> round(he_normal(torch.empty(400, 400), 2**0.5).std().item(), 2)
        0.07
    """
    return _spread(weight, gain / sqrt(_fans(weight)[0]), uniform=False)


@initializers.register
def lecun_normal(weight: Tensor, gain: float) -> Tensor:  # noqa: ARG001 - defined without a gain
    """Normal, variance `1 / n_in` whatever the activation: meant for SELU.

    Source: LeCun et al., "Efficient backprop", 1998.

    Example:
        >>> import torch
        >>> round(lecun_normal(torch.empty(400, 400), 1.0).std().item(), 2)
        0.05
    """
    return _spread(weight, 1.0 / sqrt(_fans(weight)[0]), uniform=False)


@initializers.register
def lecun_uniform(weight: Tensor, gain: float) -> Tensor:  # noqa: ARG001 - defined without a gain
    """Uniform, variance `1 / n_in` whatever the activation.

    Source: LeCun et al., "Efficient backprop", 1998.

    Example:
        >>> import torch
        >>> round(lecun_uniform(torch.empty(400, 400), 1.0).std().item(), 2)
        0.05
    """
    return _spread(weight, 1.0 / sqrt(_fans(weight)[0]), uniform=True)


@initializers.register
def orthogonal(weight: Tensor, gain: float) -> Tensor:
    """Orthogonal rows or columns times the gain: no direction grows or shrinks.

    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    networks", ICLR 2014.

    Example:
        >>> import torch
        >>> round(orthogonal(torch.empty(400, 400), 1.0).std().item(), 2)
        0.05
    """
    return weight.copy_(nn.init.orthogonal_(torch.empty(weight.shape), gain))


@initializers.register
def lsuv(weight: Tensor, gain: float) -> Tensor:  # noqa: ARG001 - scaled by what the layers give, not by a formula
    """Orthogonal, then scaled so that every layer's output has variance 1 on training rows, whatever stands between the layers.

    Source: Mishkin and Matas, "All you need is a good init", ICLR 2016.

    Example:
        >>> import torch
        >>> round(lsuv(torch.empty(400, 400), 1.0).std().item(), 2)
        0.05
    """
    return orthogonal(weight, 1.0)


@initializers.register
def normal(weight: Tensor, gain: float, *, deviation: float = 0.02) -> Tensor:  # noqa: ARG001 - fixed spread
    """Normal with a fixed deviation.

    Args:
        deviation: standard deviation; 0.02 as in GPT-2.

    Example:
        >>> import torch
        >>> round(normal(torch.empty(400, 400), 1.0).std().item(), 2)
        0.02
    """
    return _spread(weight, deviation, uniform=False)


@initializers.register
def constant(weight: Tensor, gain: float, *, value: float = 0.01) -> Tensor:  # noqa: ARG001 - fixed value
    """Every weight the same: all units stay equal, which is a lesson rather than a good start.

    Args:
        value: the weight.

    Example:
        >>> import torch
        >>> round(constant(torch.empty(400, 400), 1.0).std().item(), 2)
        0.0
    """
    return weight.fill_(value)


@initializers.register
def zero(weight: Tensor, gain: float) -> Tensor:  # noqa: ARG001 - fixed value
    """Every weight 0: a network with hidden layers cannot learn from it.

    Example:
        >>> import torch
        >>> round(zero(torch.empty(400, 400), 1.0).std().item(), 2)
        0.0
    """
    return weight.fill_(0.0)
