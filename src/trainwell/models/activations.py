"""Activations by name; each name gives a new module, so that a learned slope is never shared by accident."""

from __future__ import annotations

from torch import nn

from trainwell.models.registry import activations


@activations.register
def relu() -> nn.Module:
    """max(0, x): the usual choice where nothing speaks against it.

    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.

    Example:
        >>> import torch
        >>> relu()(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    return nn.ReLU()


@activations.register
def leaky_relu(*, slope: float = 0.01) -> nn.Module:
    """x above zero, slope · x below: units cannot die.

    Args:
        slope: slope below zero; 0.01 as in the paper.

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.

    Example:
        >>> import torch
        >>> leaky_relu()(torch.tensor([-1.0, 2.0]))
        tensor([-0.0100,  2.0000])
    """
    return nn.LeakyReLU(slope)


@activations.register
def prelu(*, slope: float = 0.25) -> nn.Module:
    """Leaky ReLU with one learned slope per layer.

    Args:
        slope: slope at the start; 0.25 as in the paper.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015.

    Example:
        >>> import torch
        >>> prelu()(torch.tensor([-1.0, 2.0])).detach()
        tensor([-0.2500,  2.0000])
    """
    return nn.PReLU(init=slope)


@activations.register
def elu(*, alpha: float = 1.0) -> nn.Module:
    """x above zero, alpha · (exp(x) - 1) below: mean activations close to zero.

    Args:
        alpha: depth of the floor at -alpha.

    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by ELUs", ICLR 2016.

    Example:
        >>> import torch
        >>> elu()(torch.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    return nn.ELU(alpha)


@activations.register
def selu() -> nn.Module:
    """ELU scaled so that activations keep mean 0 and deviation 1; meant for `lecun_normal` and no norm.

    Source: Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.

    Example:
        >>> import torch
        >>> selu()(torch.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """
    return nn.SELU()


@activations.register
def gelu() -> nn.Module:
    """x times the normal distribution function of x: smooth, common in transformers.

    Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    Example:
        >>> import torch
        >>> gelu()(torch.tensor([-1.0, 2.0]))
        tensor([-0.1587,  1.9545])
    """
    return nn.GELU()


@activations.register
def silu() -> nn.Module:
    """x times sigmoid(x), also called swish: smooth, common in small convolutional networks.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units", 2018.

    Example:
        >>> import torch
        >>> silu()(torch.tensor([-1.0, 2.0]))
        tensor([-0.2689,  1.7616])
    """
    return nn.SiLU()


@activations.register
def mish() -> nn.Module:
    """x times tanh(softplus(x)): smooth, a little dearer than SiLU.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.

    Example:
        >>> import torch
        >>> mish()(torch.tensor([-1.0, 2.0]))
        tensor([-0.3034,  1.9440])
    """
    return nn.Mish()


@activations.register
def sigmoid() -> nn.Module:
    """1 / (1 + exp(-x)): saturates on both sides; for gates and probabilities rather than hidden layers.

    Example:
        >>> import torch
        >>> sigmoid()(torch.tensor([-1.0, 2.0]))
        tensor([0.2689, 0.8808])
    """
    return nn.Sigmoid()


@activations.register
def tanh() -> nn.Module:
    """Hyperbolic tangent: centred, saturates on both sides.

    Example:
        >>> import torch
        >>> tanh()(torch.tensor([-1.0, 2.0]))
        tensor([-0.7616,  0.9640])
    """
    return nn.Tanh()


@activations.register
def identity() -> nn.Module:
    """No activation: the network stays linear.

    Example:
        >>> import torch
        >>> identity()(torch.tensor([-1.0, 2.0]))
        tensor([-1.,  2.])
    """
    return nn.Identity()


#: The classes of all modules above that are not linear; a layer before one of them is drawn with that activation's gain.
ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh)
