"""An autoencoder: a short code of each picture, and from any code a picture.

B pictures, C channels of H x W pixels, Z numbers of a code, K classes (1 where classes do not matter).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.adversarial import OTHER_INPUTS, TOLD, Adversarial, Centre, Generator, doublings_of
from trainwell.models.check import at_least, only
from trainwell.models.cyclegan import Translator
from trainwell.models.registry import models

#: Share of one picture in what is remembered of the codes of its class; least variance of a code, as a share of the mean one.
REMEMBERED, SMALLEST = 1e-3, 1e-4


class Autoencoder(nn.Module):
    """An encoder that gives the distribution of a picture's code, and a decoder that gives the picture of a code.

    Called with pictures it gives the means of their codes, which are features like any others. `make` gives new pictures: the
    codes of real ones are no normal noise, so where those of each class lie is remembered, and new ones are drawn there.
    Source: Ghosh et al., "From variational to deterministic autoencoders", ICLR 2020.

    **Shape:** `(B, C, H, W)` in [0, 1] → `(B, Z)`; `make`: `(B, Z)` and class codes `(B,)` → `(B, C, H, W)` in [0, 1].

    Args:
        encoder: pictures → features `(B, F)`.
        features: F.
        decoder: makes pictures from codes and classes.
        code: Z.
        classes: K.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, *, features: int, code: int, classes: int) -> None:
        super().__init__()
        self.encoder, self.decoder, self.noise, self.classes = encoder, decoder, code, classes
        self.told = nn.Embedding(classes, TOLD) if classes > 1 else None
        self.head = nn.Linear(features + (TOLD if classes > 1 else 0), 2 * code)
        self.centre, self.spread = nn.Buffer(torch.zeros(classes, code)), nn.Buffer(torch.eye(code).repeat(classes, 1, 1))
        self.seen = nn.Buffer(torch.zeros(classes))

    def forward(self, x: Tensor) -> Tensor:
        mean, _ = self.encode(x, None)
        return mean

    def encode(self, x: Tensor, codes: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of the code of each picture, both `(B, Z)`; without classes of an average one."""
        features = self.encoder(x)  # (B, F)
        if self.told is not None:
            told = self.told.weight.mean(0).expand(len(x), -1) if codes is None else self.told(codes)
            features = torch.cat([features, told], dim=1)
        mean, log_variance = self.head(features).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 8)

    def decode(self, code: Tensor, codes: Tensor) -> Tensor:
        """The pictures of codes `(B, Z)`, of the classes `codes` (B,); a network without classes does not look at them."""
        out: Tensor = self.decoder(code, codes)
        return out

    def make(self, noise: Tensor, codes: Tensor) -> Tensor:
        """Pictures from normal noise `(B, Z)`, which becomes codes as those of real pictures of the class are spread."""
        return self.decode(self.centre[codes] + torch.einsum("bij,bj->bi", self.scale()[codes], noise), codes)

    def scale(self) -> Tensor:
        """What spreads normal noise as the codes of each class are spread, `(K, Z, Z)`."""
        least = SMALLEST * (1 + self.spread.diagonal(dim1=1, dim2=2).mean(1))  # (K,); codes on a line have a spread, too
        found: Tensor = torch.linalg.cholesky(self.spread + torch.diag_embed(least[:, None].expand(-1, self.noise)))
        return found

    def note(self, code: Tensor, codes: Tensor) -> None:
        """Remember where the codes `(B, Z)` of training pictures of each class lie, and how they are spread."""
        with torch.no_grad():
            told = nn.functional.one_hot(codes, self.classes).to(code.dtype)  # (B, K)
            count = told.sum(0)
            self.seen.add_(count)
            share = torch.maximum(1 - (1 - REMEMBERED) ** count, count / self.seen.clamp(min=1))  # (K,); at first all alike
            self.centre.lerp_(told.T @ code / count.clamp(min=1)[:, None], share[:, None])
            away = code - self.centre[codes]
            found = torch.einsum("bk,bi,bj->kij", told, away, away) / count.clamp(min=1)[:, None, None]
            self.spread.lerp_(found, share[:, None, None])

    def again(self, pictures: Tensor, codes: Tensor) -> Tensor:
        """The pictures as their codes' means give them back, `(B, C, H, W)`."""
        return self.decode(self.encode(pictures, codes)[0], codes)


#: Networks that make pictures: of noise, of others, of codes.
PictureMaker = Adversarial | Translator | Autoencoder


def _encoder(size: tuple[int, int, int], width: int) -> tuple[nn.Sequential, int]:
    """Convolutions that halve the picture; and how many features they give."""
    n, (height, side) = size[0], size[1:]
    layers: list[nn.Module] = [Centre()]
    for stage in range(doublings_of(size)):
        after = width << stage
        layers += [nn.Conv2d(n, after, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        n, height, side = after, height // 2, side // 2
    return nn.Sequential(*layers, nn.Flatten()), n * height * side


@models.register
def autoencoder(shape: Shape, n_out: int, *, code: int = 32, width: int = 32, conditional: bool = True) -> Autoencoder:
    """Variational autoencoder: gives pictures back from a short code, and makes new ones from codes that are drawn.

    **Shape:** pictures `(B, C, H, W)` of any size from 4 x 4 on; see `Autoencoder`.

    Args:
        code: numbers of a code.
        width: channels after the first halving, and before the last doubling.
        conditional: whether encoder and decoder are told the class, so that the code need not tell it; false does without
            labels.

    Source: Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014; Sohn, Lee and Yan, "Learning structured output
    representation using deep conditional generative models", NeurIPS 2015.

    Example:
        >>> from trainwell.core.shape import Input
        >>> network = autoencoder(Shape((Input("picture", "picture", (1, 28, 28)),)), 10, code=8, width=8)
        >>> network(torch.rand(2, 1, 28, 28)).shape, network.make(torch.randn(2, 8), torch.tensor([3, 7])).shape
        (torch.Size([2, 8]), torch.Size([2, 1, 28, 28]))
    """
    at_least("code", code, 1)
    at_least("width", width, 1)
    channels, height, side = only(shape, "picture", model="autoencoder", instead=OTHER_INPUTS).shape
    at_least("the shorter side of the pictures", min(height, side), 4)
    size, classes = (channels, height, side), max(1, n_out) if conditional else 1
    encoder, features = _encoder(size, width)
    decoder = Generator(size, noise=code, classes=classes, width=width)
    return Autoencoder(encoder, decoder, features=features, code=code, classes=classes)
