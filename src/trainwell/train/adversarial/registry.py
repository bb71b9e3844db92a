"""The register of games: what critic and generator make small, and how their updates alternate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from trainwell.core.registry import Registry


@dataclass(frozen=True)
class Game:
    """The rules by which two networks train each other.

    Args:
        critic: opinions on real and on made pictures, each `(B,)` → what the critic makes small.
        generator: opinions on made pictures `(B,)` → what the generator makes small.
        penalty: strength of the critic's gradient penalty; 0 is off.
        critic_steps: updates of the critic for one of the generator.
        critic_rate: the critic's learning rate as a multiple of the generator's.
    """

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    penalty: float
    critic_steps: int
    critic_rate: float


@dataclass(frozen=True)
class Elbo:
    """What an autoencoder makes small, which has nobody to play with.

    Args:
        beta: weight of what codes tell.
    """

    beta: float


#: `game(*, options) -> Game`, or the `Elbo` of an autoencoder; a recipe names one as its `loss`.
games: Registry[Callable[..., Game | Elbo]] = Registry("game", home="trainwell.train.adversarial")
games.alias(
    bce="nonsaturating",
    binary_cross_entropy="nonsaturating",
    vanilla="nonsaturating",
    gan="nonsaturating",
    lsgan="least_squares",
    wgan="wasserstein",
    wgan_gp="wasserstein",
)
