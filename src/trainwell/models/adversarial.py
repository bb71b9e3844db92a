"""Pairs of networks that learn to make pictures: a generator makes them from noise, a critic says how real they look.

B pictures, C channels of H x W pixels, Z numbers of noise, K classes (1 where classes do not matter).
"""

from __future__ import annotations

from math import ceil, log2

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from trainwell.core.shape import Shape
from trainwell.models.check import at_least, only
from trainwell.models.registry import models

#: Side of the coarsest grid, about: what lies between it and the picture is done by doublings.
COARSE = 7
#: Numbers by which a class is told to the generator.
TOLD = 16
#: What to use for other data.
OTHER_INPUTS = "Pictures alone can be made; for tables and texts train a network that predicts."


class Adversarial(nn.Module):
    """A generator and the critic that it is trained against.

    Called with pictures it gives the critic's opinions: how real each looks as each class. `make` gives new pictures.

    **Shape:** `(B, C, H, W)` in [0, 1] → `(B, K)`; `make`: `(B, Z)` and codes `(B,)` → `(B, C, H, W)` in [0, 1].

    Args:
        generator: makes pictures from noise and class codes.
        critic: judges pictures.
        noise: Z.
        classes: K.
    """

    def __init__(self, generator: nn.Module, critic: nn.Module, *, noise: int, classes: int) -> None:
        super().__init__()
        self.generator, self.critic, self.noise, self.classes = generator, critic, noise, classes

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.critic(x)
        return out

    def make(self, noise: Tensor, codes: Tensor) -> Tensor:
        """Pictures from noise `(B, Z)`, of the classes `codes` (B,); a network without classes does not look at them."""
        out: Tensor = self.generator(noise, codes)
        return out

    def judge(self, pictures: Tensor, codes: Tensor) -> Tensor:
        """How real each picture looks as one of its class, `(B,)`: above 0 is real."""
        opinions: Tensor = self.critic(pictures)
        return opinions[:, 0] if self.classes == 1 else opinions.gather(1, codes[:, None].long())[:, 0]


class Generator(nn.Module):
    """Noise and class → a coarse grid, doubled until it is the picture.

    Args:
        size: C, H, W.
        noise: Z.
        classes: K.
        width: channels before the last doubling; each coarser grid has twice those of the next.
    """

    def __init__(self, size: tuple[int, int, int], *, noise: int, classes: int, width: int) -> None:
        super().__init__()
        channels, self.height, self.width = size
        doublings = doublings_of(size)
        self.grid = tuple(ceil(length / 2**doublings) for length in size[1:])
        self.coarse = width << (doublings - 1)
        self.told = nn.Embedding(classes, TOLD) if classes > 1 else None
        self.start = nn.Linear(noise + (TOLD if classes > 1 else 0), self.coarse * self.grid[0] * self.grid[1], bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(self.coarse), nn.ReLU()]
        n = self.coarse
        for _ in range(doublings):
            after = max(n // 2, width // 2, 1)
            layers += [nn.ConvTranspose2d(n, after, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            n = after
        self.layers = nn.Sequential(*layers, nn.Conv2d(n, channels, 3, padding=1))

    def forward(self, noise: Tensor, codes: Tensor) -> Tensor:
        if self.told is not None:
            noise = torch.cat([noise, self.told(codes)], dim=1)
        x = self.start(noise).view(-1, self.coarse, *self.grid)  # (B, F, h, w)
        return torch.sigmoid(self.layers(x)[..., : self.height, : self.width])


def critic_of(size: tuple[int, int, int], *, classes: int, width: int, norm: str) -> nn.Sequential:
    """Convolutions that halve the picture, and one opinion per class.

    The opinion on a class is linear in what all classes share, as in a projection discriminator. Source: Miyato and Koyama,
    "cGANs with projection discriminator", ICLR 2018.

    Args:
        size: C, H, W.
        classes: K.
        width: channels after the first halving; each later one has twice those.
        norm: `spectral`, `batch`, `layer` or `none`.
    """
    limited = spectral_norm if norm == "spectral" else as_it_is
    n, (height, side) = size[0], size[1:]
    layers: list[nn.Module] = [Centre()]
    for stage in range(doublings_of(size)):
        after = width << stage
        layers += [limited(nn.Conv2d(n, after, 4, stride=2, padding=1)), *_between(norm, after, first=stage == 0)]
        layers += [nn.LeakyReLU(0.2), limited(nn.Conv2d(after, after, 3, padding=1)), nn.LeakyReLU(0.2)]
        n, height, side = after, height // 2, side // 2
    return nn.Sequential(*layers, nn.Flatten(), limited(nn.Linear(n * height * side, classes)))


class Centre(nn.Module):
    """Pictures in [0, 1] → [-1, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x - 1


def as_it_is(module: nn.Module) -> nn.Module:
    """A module without a limit on its weights."""
    return module


def _between(norm: str, width: int, *, first: bool) -> list[nn.Module]:
    """The norm after a halving; the first one has none, since it would hide how bright a picture is."""
    if first or norm in ("spectral", "none"):
        return []
    return [nn.BatchNorm2d(width) if norm == "batch" else nn.GroupNorm(1, width)]


def doublings_of(size: tuple[int, int, int]) -> int:
    """Doublings from the coarsest grid to the picture; a narrow one can be halved less often.

    Example:
        >>> [doublings_of((1, side, side)) for side in (8, 28, 64)], doublings_of((1, 4, 40))
        ([1, 2, 3], 2)
    """
    return min(max(1, round(log2(max(size[1:]) / COARSE))), int(log2(min(size[1:]))))


def _pair(
    shape: Shape, n_out: int, *, model: str, noise: int, width: int, critic_width: int, conditional: bool, norm: str
) -> Adversarial:
    for name, value in {"noise": noise, "width": width, "critic_width": critic_width}.items():
        at_least(name, value, 1)
    channels, height, side = only(shape, "picture", model=model, instead=OTHER_INPUTS).shape
    at_least("the shorter side of the pictures", min(height, side), 4)
    size, classes = (channels, height, side), max(1, n_out) if conditional else 1
    generator = Generator(size, noise=noise, classes=classes, width=width)
    critic = critic_of(size, classes=classes, width=critic_width, norm=norm)
    with torch.no_grad():
        for module in generator.modules():
            if isinstance(module, nn.ConvTranspose2d | nn.Linear):
                module.weight.normal_(0.0, 0.02)
    return Adversarial(generator, critic, noise=noise, classes=classes)


@models.register
def dcgan(
    shape: Shape,
    n_out: int,
    *,
    noise: int = 64,
    width: int = 32,
    critic_width: int = 32,
    conditional: bool = True,
    spectral: bool = True,
) -> Adversarial:
    """Deep convolutional GAN: makes pictures like those it is shown, of a wanted class where there are labels.

    **Shape:** pictures `(B, C, H, W)` of any size from 4 x 4 on; see `Adversarial`.

    Args:
        noise: random numbers that a picture is made from.
        width: channels of the generator before its last doubling.
        critic_width: channels of the critic after its first halving.
        conditional: whether pictures are made and judged by class; false does without labels.
        spectral: whether the critic's weights have spectral norm 1, which keeps it from winning; else it has batch norm.

    Source: Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
    networks", ICLR 2016; Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.

    Example:
        >>> from trainwell.core.shape import Input
        >>> pair = dcgan(Shape((Input("picture", "picture", (1, 28, 28)),)), 10, width=8, critic_width=8)
        >>> pair.make(torch.randn(2, 64), torch.tensor([3, 7])).shape, pair(torch.rand(2, 1, 28, 28)).shape
        (torch.Size([2, 1, 28, 28]), torch.Size([2, 10]))
    """
    norm = "spectral" if spectral else "batch"
    return _pair(
        shape, n_out, model="dcgan", noise=noise, width=width, critic_width=critic_width, conditional=conditional, norm=norm
    )


@models.register
def wgan_gp(
    shape: Shape, n_out: int, *, noise: int = 64, width: int = 32, critic_width: int = 32, conditional: bool = True
) -> Adversarial:
    """Wasserstein GAN with gradient penalty: the critic measures how far made pictures are from real ones, and never wins.

    **Shape:** pictures `(B, C, H, W)` of any size from 4 x 4 on; see `Adversarial`.

    Args:
        noise: random numbers that a picture is made from.
        width: channels of the generator before its last doubling.
        critic_width: channels of the critic after its first halving.
        conditional: whether pictures are made and judged by class; false does without labels.

    Source: Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017.

    Example:
        >>> from trainwell.core.shape import Input
        >>> wgan_gp(Shape((Input("picture", "picture", (3, 20, 13)),)), 1, width=8)(torch.rand(2, 3, 20, 13)).shape
        torch.Size([2, 1])
    """
    # Batch norm would tie a picture's opinion to its neighbours, whose gradient the penalty does not see.
    return _pair(
        shape,
        n_out,
        model="wgan_gp",
        noise=noise,
        width=width,
        critic_width=critic_width,
        conditional=conditional,
        norm="layer",
    )
