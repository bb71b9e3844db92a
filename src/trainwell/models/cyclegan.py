"""Networks that turn pictures of one class into pictures of another and back, learnt without pairs.

B pictures, C channels of H x W pixels, P patches that a critic judges, F channels of features.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log2
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.parametrizations import spectral_norm

from trainwell.core.errors import CompileError
from trainwell.core.shape import Shape
from trainwell.models.adversarial import OTHER_INPUTS, Adversarial, Centre, as_it_is
from trainwell.models.check import at_least, only
from trainwell.models.registry import models

#: Shortest sides of the coarsest grid: residual blocks see much of the picture on it, a U-Net all of it.
RESIDUAL_GRID, UNET_GRID = 4, 2
#: Most halvings: of residual blocks, whose grid keeps the layout, of a critic, whose patches stay patches, of a U-Net.
RESIDUAL_HALVINGS, CRITIC_HALVINGS, UNET_HALVINGS = 2, 3, 6


class Translator(nn.Module):
    """A generator into each of two classes, and a critic of each class.

    Called with pictures it gives the critics' opinions: how real each looks as each class. `make` turns pictures into others.

    **Shape:** `(B, C, H, W)` in [0, 1] → `(B, 2)`; `make`: pictures and the codes of the classes they shall become `(B,)` →
    `(B, C, H, W)` in [0, 1].

    Args:
        generator: called with pictures and codes.
        critic: likewise; gives an opinion of each patch.
        size: C, H, W.
        cycle: weight of the loss of pictures that were turned and turned back.
        identity: weight of the loss of pictures that were turned into what they are.
        history: made pictures of each class from earlier updates, of which the critics see some again.
    """

    classes = 2

    def __init__(
        self, generator: ByClass, critic: ByClass, *, size: tuple[int, int, int], cycle: float, identity: float, history: int
    ) -> None:
        super().__init__()
        self.generator, self.critic, self.size = generator, critic, size
        self.cycle, self.identity, self.history = cycle, identity, history

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([critic(x).mean(dim=1) for critic in self.critic.of], dim=1)

    def make(self, pictures: Tensor, codes: Tensor) -> Tensor:
        """The pictures as ones of the classes `codes` (B,)."""
        out: Tensor = self.generator(pictures, codes)
        return out

    def judge(self, pictures: Tensor, codes: Tensor) -> Tensor:
        """How real each patch looks as one of the picture's class, `(B, P)`: more is more real."""
        out: Tensor = self.critic(pictures, codes)
        return out


#: A generator and its critic, of either kind.
Pair = Adversarial | Translator


class ByClass(nn.Module):
    """Two networks of one shape; a picture goes through that of its code.

    **Shape:** `(B, …)` and codes `(B,)` → what the networks give, `(B, …)`.

    Example:
        >>> double, negate = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        >>> _ = double.weight.data.fill_(2.0), negate.weight.data.fill_(-1.0)
        >>> ByClass([double, negate])(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([0, 1, 0])).tolist()
        [[2.0], [-2.0], [6.0]]
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.of = nn.ModuleList(networks)

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        rows = [(codes == code).nonzero()[:, 0] for code in range(len(self.of))]
        parts = [network(x.index_select(0, own)) for network, own in zip(self.of, rows, strict=True) if len(own)]
        return torch.cat(parts).index_select(0, torch.cat(rows).argsort())


class Framed(nn.Module):
    """A network of pictures in [-1, 1] as one of any pictures in [0, 1]: their sides are made to fit, and the frame cut off.

    Args:
        network: gives logits of the pixels.
        unit: what the sides must be multiples of.
    """

    def __init__(self, network: nn.Module, unit: int) -> None:
        super().__init__()
        self.network, self.unit = network, unit

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        framed = pad(2 * x - 1, (0, -width % self.unit, 0, -height % self.unit), mode="replicate")
        return torch.sigmoid(self.network(framed)[..., :height, :width])


class Residual(nn.Module):
    """Two convolutions beside what came in, mirrored at the border. **Shape:** `(B, F, H, W)` → the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_mirrored(width, width, 3), *_normed(width), *_mirrored(width, width, 3), _norm(width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


class UNet(nn.Module):
    """Convolutions down to a coarse grid and up again; at each size, what was seen on the way down stands beside what comes up.

    **Shape:** `(B, C, H, W)` → the same, with sides that are multiples of 2 to the number of halvings.

    Args:
        channels: C.
        width: features at full size; each coarser grid has twice those of the one before, up to eight times.
        halvings: how often the grid is halved.

    Source: Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.

    Example:
        >>> UNet(3, 4, halvings=3)(torch.randn(2, 3, 16, 24)).shape
        torch.Size([2, 3, 16, 24])
    """

    def __init__(self, channels: int, width: int, *, halvings: int) -> None:
        super().__init__()
        sizes = list(pairwise(width << min(n, 3) for n in range(halvings + 1)))
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2))
        self.downs = nn.ModuleList(nn.Sequential(_halving(a, b), _norm(b), nn.LeakyReLU(0.2)) for a, b in sizes)
        self.ups = nn.ModuleList(nn.Sequential(_doubling(b, a), *_normed(a)) for a, b in sizes[::-1])
        self.joins = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * a, a, 3, padding=1, bias=False), *_normed(a)) for a, _ in sizes[::-1]
        )
        self.head = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = [self.stem(x)]
        for down in self.downs:
            seen.append(down(seen[-1]))
        x = seen.pop()
        for up, join in zip(self.ups, self.joins, strict=True):
            x = join(torch.cat([up(x), seen.pop()], dim=1))
        out: Tensor = self.head(x)
        return out


def residual_generator(channels: int, width: int, *, halvings: int, blocks: int) -> nn.Sequential:
    """Convolutions down to a coarse grid, residual blocks on it, and up again; `(B, C, H, W)` → the same.

    Source: Johnson, Alahi and Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016.
    """
    layers, n = [*_mirrored(channels, width, 7), *_normed(width)], width
    for _ in range(halvings):
        layers += [_halving(n, 2 * n), *_normed(2 * n)]
        n *= 2
    layers += [Residual(n) for _ in range(blocks)]
    for _ in range(halvings):
        layers += [_doubling(n, n // 2), *_normed(n // 2)]
        n //= 2
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(n, channels, 7))


def patch_critic(channels: int, width: int, *, halvings: int, spectral: bool) -> nn.Sequential:
    """Convolutions with an opinion of each patch of a picture: `(B, C, H, W)` → `(B, P)`.

    Source: Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017.
    """
    limited = spectral_norm if spectral else as_it_is
    layers: list[nn.Module] = [Centre()]
    n = channels
    for stage in range(halvings + 1):
        after = width << stage
        last = stage == halvings  # sees further without making the grid coarser
        layers.append(limited(nn.Conv2d(n, after, 3 if last else 4, stride=1 if last else 2, padding=1)))
        # The first has no norm, which would hide how bright a picture is.
        layers += [*([] if spectral or stage == 0 else [_norm(after)]), nn.LeakyReLU(0.2)]
        n = after
    return nn.Sequential(*layers, limited(nn.Conv2d(n, 1, 3, padding=1)), nn.Flatten())


def _mirrored(n: int, after: int, kernel: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(n, after, kernel, bias=False)]


def _halving(n: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(n, after, 4, stride=2, padding=1, bias=False)


def _doubling(n: int, after: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(n, after, 4, stride=2, padding=1, bias=False)


def _norm(width: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(width, affine=True)


def _normed(width: int) -> list[nn.Module]:
    return [_norm(width), nn.ReLU()]


def halvings_of(side: int, *, grid: int, most: int) -> int:
    """How often a side can be halved until `grid` pixels are left.

    Example:
        >>> [halvings_of(side, grid=4, most=3) for side in (4, 8, 28, 128)]
        [0, 1, 2, 3]
    """
    return min(most, int(log2(side / grid)))


@models.register
def cyclegan(
    shape: Shape,
    n_out: int,
    *,
    generator: Literal["resnet", "unet"] = "resnet",
    width: int = 16,
    blocks: int = 3,
    critic_width: int = 32,
    spectral: bool = True,
    cycle: float = 10.0,
    identity: float = 5.0,
    history: int = 50,
) -> Translator:
    """CycleGAN: turns pictures of one class into pictures of another and back, learnt from two folders without pairs.

    **Shape:** pictures `(B, C, H, W)` of two classes, of any size from 4 x 4 on; see `Translator`.

    Args:
        generator: `resnet` has residual blocks on a coarse grid, `unet` keeps what it saw at every size.
        width: channels of the generators at full size.
        blocks: residual blocks of `resnet`.
        critic_width: channels of the critics after the first halving.
        spectral: whether the critics' weights have spectral norm 1, which keeps them from winning; else instance norm.
        cycle: weight of the loss of pictures that were turned and turned back; 0 lets the generators forget what they saw.
        identity: weight of the loss of pictures that were turned into what they are, which keeps colours; 0 is off.
        history: made pictures of earlier updates kept for the critics, of each class; 0 is off.

    Source: Zhu et al., "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV 2017.

    Example:
        >>> from trainwell.core.shape import Input
        >>> pair = cyclegan(Shape((Input("picture", "picture", (3, 28, 20)),)), 2, width=4, critic_width=4)
        >>> pair.make(torch.rand(2, 3, 28, 20), torch.tensor([1, 0])).shape, pair(torch.rand(2, 3, 28, 20)).shape
        (torch.Size([2, 3, 28, 20]), torch.Size([2, 2]))
    """
    _check(n_out, {"width": width, "critic_width": critic_width}, {"blocks": blocks, "history": history}, cycle, identity)
    channels, height, side = only(shape, "picture", model="cyclegan", instead=OTHER_INPUTS).shape
    short = min(height, side)
    at_least("the shorter side of the pictures", short, 4)
    makers = [_generator(generator, channels, short, width, blocks) for _ in range(2)]
    deep = halvings_of(short, grid=RESIDUAL_GRID, most=CRITIC_HALVINGS)
    critics = [patch_critic(channels, critic_width, halvings=deep, spectral=spectral) for _ in range(2)]
    with torch.no_grad():
        for module in (m for maker in makers for m in maker.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)):
            module.weight.normal_(0.0, 0.02)
    size = (channels, height, side)
    return Translator(ByClass(makers), ByClass(critics), size=size, cycle=cycle, identity=identity, history=history)


def _generator(name: str, channels: int, side: int, width: int, blocks: int) -> Framed:
    if name == "unet":
        deep = halvings_of(side, grid=UNET_GRID, most=UNET_HALVINGS)
        return Framed(UNet(channels, width, halvings=deep), 2**deep)
    deep = halvings_of(side, grid=RESIDUAL_GRID, most=RESIDUAL_HALVINGS)
    return Framed(residual_generator(channels, width, halvings=deep, blocks=blocks), 2**deep)


def _check(n_out: int, widths: dict[str, int], counts: dict[str, int], cycle: float, identity: float) -> None:
    for low, named in ((1, widths), (0, counts | {"cycle": cycle, "identity": identity})):
        for name, value in named.items():
            at_least(name, value, low)
    if n_out != 2:
        raise CompileError(
            f"cyclegan turns pictures of one class into another and takes two classes, however the data have {n_out}",
            remedy="Give a folder with two class folders, or the rows of two classes.",
        )
