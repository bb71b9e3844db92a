"""What an autoencoder makes small: how far a picture is from what its code gives back, and how much the code tells.

B pictures of D numbers, Z numbers of a code.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainwell.models.autoencoder import Autoencoder
from trainwell.train.adversarial.registry import Elbo, games
from trainwell.train.steps import Augment, Inputs, Step, as_floats

#: Variance of what rounding to 256 levels hides: no error is worth less.
ROUNDING = 1 / 255**2 / 12


@games.register
def elbo(*, beta: float = 1.0) -> Elbo:
    """Evidence lower bound of an autoencoder: an error whose size is estimated from the batch, and what codes tell.

    Args:
        beta: weight of what the codes tell beyond a normal distribution; 0 is a plain autoencoder, whose codes cannot be drawn.

    Source: Rybkin, Daniilidis and Levine, "Simple and effective VAE training with calibrated decoders", ICML 2021; Higgins et
    al., "beta-VAE", ICLR 2017.

    Example:
        >>> elbo().beta
        1.0
    """
    return Elbo(beta)


def autoencoding(network: Autoencoder, rule: Elbo, augment: Augment | None) -> Step:
    """The step of an autoencoder: its loss in nats for each number of a picture."""

    def step(inputs: Inputs, target: Tensor, number: int) -> Tensor:
        (pictures,) = as_floats(inputs)
        if augment is not None:
            (pictures,), _ = augment((pictures,), target, number)
        codes = target if network.classes > 1 else torch.zeros_like(target)
        error, told = terms(network, pictures, codes)
        return 0.5 * torch.log(error + ROUNDING) + rule.beta * told / pictures[0].numel()

    return step


def terms(network: Autoencoder, pictures: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """The mean squared error of the pictures that drawn codes give back, and how many nats the codes tell; both `()`."""
    mean, log_variance = network.encode(pictures, codes)  # (B, Z)
    drawn = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    if network.training:
        network.note(drawn, codes)
    error = (network.decode(drawn, codes) - pictures).square().mean()
    told = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
    return error, told
