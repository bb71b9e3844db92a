"""Four games that a critic and a generator can play."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu, softplus

from trainwell.core.errors import RecipeError
from trainwell.train.adversarial.registry import Game, games


@games.register
def hinge(*, penalty: float = 0.0, critic_steps: int = 1, critic_rate: float = 1.0) -> Game:
    """Hinge: the critic pushes opinions beyond 1 on real and -1 on made pictures, the generator pushes up those on its own.

    Args:
        penalty: strength of the critic's gradient penalty; 0 is off.
        critic_steps: updates of the critic for one of the generator.
        critic_rate: the critic's learning rate as a multiple of the generator's.

    Source: Lim and Ye, "Geometric GAN", 2017.

    Example:
        >>> import torch
        >>> hinge().critic(torch.tensor([2.0, 0.0]), torch.tensor([-2.0, -1.0])).item()
        0.5
    """

    def critic(real: Tensor, made: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + made).mean()

    return _checked(Game(critic, _raised, penalty, critic_steps, critic_rate))


@games.register
def least_squares(*, penalty: float = 0.0, critic_steps: int = 1, critic_rate: float = 1.0) -> Game:
    """Least squares: the critic pulls its opinions to 1 on real and 0 on made pictures, the generator those on its own to 1.

    Args:
        penalty: strength of the critic's gradient penalty; 0 is off.
        critic_steps: updates of the critic for one of the generator.
        critic_rate: the critic's learning rate as a multiple of the generator's.

    Source: Mao et al., "Least squares generative adversarial networks", ICCV 2017.

    Example:
        >>> import torch
        >>> least_squares().critic(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 0.0])).item()
        1.25
    """

    def critic(real: Tensor, made: Tensor) -> Tensor:
        return ((real - 1).square().mean() + made.square().mean()) / 2

    def generator(made: Tensor) -> Tensor:
        return (made - 1).square().mean()

    return _checked(Game(critic, generator, penalty, critic_steps, critic_rate))


@games.register
def nonsaturating(*, penalty: float = 0.0, critic_steps: int = 1, critic_rate: float = 1.0) -> Game:
    """Cross-entropy: the critic tells real from made; the generator wants its own called real.

    Args:
        penalty: strength of the critic's gradient penalty; 0 is off.
        critic_steps: updates of the critic for one of the generator.
        critic_rate: the critic's learning rate as a multiple of the generator's.

    Source: Goodfellow et al., "Generative adversarial nets", NeurIPS 2014.

    Example:
        >>> import torch
        >>> round(nonsaturating().generator(torch.zeros(2)).item(), 4)
        0.6931
    """

    def critic(real: Tensor, made: Tensor) -> Tensor:
        return softplus(-real).mean() + softplus(made).mean()

    def generator(made: Tensor) -> Tensor:
        return softplus(-made).mean()

    return _checked(Game(critic, generator, penalty, critic_steps, critic_rate))


@games.register
def wasserstein(*, penalty: float = 10.0, critic_steps: int = 3, critic_rate: float = 1.0) -> Game:
    """Wasserstein: the critic's mean opinion on real less that on made pictures, its slope held near 1, is their distance.

    Args:
        penalty: strength of the critic's gradient penalty; without it the distance means nothing.
        critic_steps: updates of the critic for one of the generator.
        critic_rate: the critic's learning rate as a multiple of the generator's.

    Source: Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017.

    Example:
        >>> import torch
        >>> wasserstein().critic(torch.tensor([2.0]), torch.tensor([0.5])).item()
        -1.5
    """

    def critic(real: Tensor, made: Tensor) -> Tensor:
        return made.mean() - real.mean()

    return _checked(Game(critic, _raised, penalty, critic_steps, critic_rate))


def _raised(made: Tensor) -> Tensor:
    return -made.mean()


def _checked(game: Game) -> Game:
    if game.critic_steps < 1 or not game.penalty >= 0 or not game.critic_rate > 0:
        given = f"penalty={game.penalty:g}, critic_steps={game.critic_steps}, critic_rate={game.critic_rate:g}"
        raise RecipeError(
            f"a game needs penalty >= 0, critic_steps >= 1 and critic_rate > 0, however: {given}", where="recipe key 'loss'"
        )
    return game
