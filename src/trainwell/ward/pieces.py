"""Data and networks that the programs of the ward are made of. Small, real where it can be, and quick."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn

Data = tuple[Tensor, Tensor, Tensor, Tensor]


def parts(x: np.ndarray, y: np.ndarray, *, scale: str = "standard", valid: float = 0.25) -> Data:
    """A random split by torch's seed, scaled with training statistics."""
    order = torch.randperm(len(x)).numpy()
    n = int(len(x) * (1 - valid))
    a, b = order[:n], order[n:]
    if scale == "standard":
        mean, spread = x[a].mean(0), x[a].std(0)
        x = (x - mean) / np.where(spread > 1e-9, spread, 1.0)
    tensors = [torch.from_numpy(np.ascontiguousarray(v)) for v in (x[a], y[a], x[b], y[b])]
    one, two, three, four = (t.float() if t.is_floating_point() else t.long() for t in tensors)
    return one, two, three, four


@cache
def _bunch(name: str):
    return getattr(datasets, f"load_{name}")(return_X_y=True)


def digits(*, scale: float = 16.0, n: int = 0) -> Data:
    """Handwritten digits `(N, 64)`, divided by `scale`; the first `n` training rows, 0 for all."""
    x, y = _bunch("digits")
    x, y, xv, yv = parts(x / scale, y, scale="none")
    return (x[:n], y[:n], xv, yv) if n else (x, y, xv, yv)


def pictures() -> Data:
    """The digits as pictures `(N, 1, 8, 8)`."""
    x, y, xv, yv = digits()
    return x.view(-1, 1, 8, 8), y, xv.view(-1, 1, 8, 8), yv


def cancer(*, scale: str = "standard", yes_no: bool = False) -> Data:
    """Breast cancer `(N, 30)`; targets as codes, or as a column of 0 and 1."""
    x, y = _bunch("breast_cancer")
    x, y, xv, yv = parts(x, y, scale=scale)
    return (x, y.float()[:, None], xv, yv.float()[:, None]) if yes_no else (x, y, xv, yv)


def wine(*, scale: str = "standard") -> Data:
    """Wines of three growers `(N, 13)`."""
    return parts(*_bunch("wine"), scale=scale)


def iris() -> Data:
    """Irises `(N, 4)`; some rows repeat."""
    return parts(*_bunch("iris"))


def diabetes(*, factor: float = 0.0, flat: bool = False) -> Data:
    """Targets standardised, or `factor` times the raw ones."""
    x, y = _bunch("diabetes")
    y = y * factor if factor else (y - y.mean()) / y.std()
    x, y, xv, yv = parts(x, y.astype(np.float32))
    return (x, y, xv, yv) if flat else (x, y[:, None], xv, yv[:, None])


def circles(n: int = 800) -> Data:
    """A circle in a circle `(N, 2)`."""
    return parts(*datasets.make_circles(n, noise=0.08, factor=0.5, random_state=int(torch.randint(9999, ()))))


def moons(n: int = 800, noise: float = 0.2) -> Data:
    """Two half moons `(N, 2)`."""
    return parts(*datasets.make_moons(n, noise=noise, random_state=int(torch.randint(9999, ()))))


def blobs(n: int = 900, classes: int = 3, spread: float = 2.0) -> Data:
    """Overlapping heaps in the plane `(N, 2)`."""
    x, y = datasets.make_blobs(n, centers=[[0, 0], [4, 0], [2, 3.4], [6, 3.4], [-2, 3.4]][:classes], cluster_std=spread / 1.4,
                               random_state=int(torch.randint(9999, ())))  # fmt: skip
    return parts(x, y)


def series(n: int = 1500, t: int = 8) -> Data:
    """Two of T numbers are marked; is their product positive? `(N, T, 2)`."""
    x = torch.randn(n, t, 2)
    marks = torch.rand(n, t).argsort(1)
    x[:, :, 1] = (marks < 2).float()
    y = (x[:, :, 0] * x[:, :, 1] + (1 - x[:, :, 1])).prod(1) > 0
    k = int(0.75 * n)
    return x[:k], y[:k].long(), x[k:], y[k:].long()


def sums(n: int = 1200, t: int = 8) -> Data:
    """Is the sum of a series positive? `(N, T, 1)`."""
    x = torch.randn(n, t, 1)
    y = (x.sum((1, 2)) > 0).long()
    k = int(0.75 * n)
    return x[:k], y[:k], x[k:], y[k:]


def words(n: int = 1600, t: int = 12, vocabulary: int = 60) -> Data:
    """Token codes; the class is the kind of word that occurs most."""
    x = torch.randint(1, vocabulary, (n, t))
    y = ((x % 3 == 0).sum(1) > (x % 3 == 1).sum(1)).long()
    k = int(0.75 * n)
    return x[:k], y[:k], x[k:], y[k:]


def waves(n: int = 900, targets: int = 1) -> Data:
    """Numbers `(N, 6)`, and smooth curved functions of them to be predicted."""
    x = np.random.default_rng(int(torch.randint(9999, ()))).normal(size=(n, 6)).astype(np.float32)
    y = np.stack([np.sin(2 * x[:, i]) + 0.5 * x[:, i + 1] ** 2 - 0.5 for i in range(targets)], axis=1).astype(np.float32)
    return parts(x, y)


def mlp(
    n_in: int,
    n_out: int,
    *,
    width: int = 64,
    depth: int = 2,
    act: Callable[[], nn.Module] | None = nn.ReLU,
    norm: bool = False,
    dropout: float = 0.0,
    last: nn.Module | None = None,
) -> nn.Sequential:
    """A multilayer perceptron; without `act` it is a straight line in many steps."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers.append(nn.Linear(n_in if i == 0 else width, width))
        layers += [nn.BatchNorm1d(width)] if norm else []
        layers += [act()] if act is not None else []
        layers += [nn.Dropout(dropout)] if dropout else []
    layers.append(nn.Linear(width if depth else n_in, n_out))
    return nn.Sequential(*layers, *([last] if last is not None else []))


def draw(network: nn.Module, std: float = 0.0, *, constant: float | None = None, bias: float | None = None, he: bool = False,
         xavier: bool = False) -> nn.Module:  # fmt: skip
    """Draw the weights of all layers anew, and return the network."""
    for m in network.modules():
        if isinstance(m, (nn.Linear, nn.Conv2d)):
            if constant is not None:
                nn.init.constant_(m.weight, constant)
            elif he:
                nn.init.kaiming_normal_(m.weight)
            elif xavier:
                nn.init.xavier_uniform_(m.weight)
            elif std:
                nn.init.normal_(m.weight, 0, std)
            if bias is not None and m.bias is not None:
                nn.init.constant_(m.bias, bias)
    return network


def cnn(*, norm: bool = True, dropout: float = 0.0, n_out: int = 10, group: bool = False) -> nn.Sequential:
    """Two convolutions for the digits."""
    layers: list[nn.Module] = []
    for a, b in ((1, 8), (8, 16)):
        layers.append(nn.Conv2d(a, b, 3, padding=1))
        layers += [nn.GroupNorm(4, b)] if group else [nn.BatchNorm2d(b)] if norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(16 * 4, n_out))


class Exp(nn.Module):
    """The exponential as an activation."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.exp(x)


class Recurrent(nn.Module):
    """RNN, GRU or LSTM over `(N, T, F)`, answer from the last state."""

    def __init__(
        self, kind: str, n_in: int, n_out: int, *, width: int = 32, gain: float = 0.0, nonlinearity: str = "tanh"
    ) -> None:
        super().__init__()
        extra = {"nonlinearity": nonlinearity} if kind == "RNN" else {}
        self.body = getattr(nn, kind)(n_in, width, batch_first=True, **extra)
        self.head = nn.Linear(width, n_out)
        if gain:
            nn.init.orthogonal_(self.body.weight_hh_l0, gain)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x)[0][:, -1])


class Listed(nn.Module):
    """Layers in a list, or in a ModuleList."""

    def __init__(self, registered: bool) -> None:
        super().__init__()
        layers = [nn.Linear(64, 64), nn.Linear(64, 64)]
        self.layers = nn.ModuleList(layers) if registered else layers
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.head(x)


class Cut(nn.Module):
    """A forward with or without a detach."""

    def __init__(self, detach: bool) -> None:
        super().__init__()
        self.body, self.head, self.detach = mlp(64, 64), nn.Linear(64, 10), detach

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.body(x))
        return self.head(h.detach() if self.detach else h)


class Residual(nn.Module):
    """Blocks that add to what they are given."""

    def __init__(self, n_in: int, n_out: int, width: int = 48, depth: int = 6) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(n_in, width), nn.Linear(width, n_out)
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
                for _ in range(depth)
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class Words(nn.Module):
    """Embedding, then attention or a mean."""

    def __init__(self, vocabulary: int = 60, width: int = 32, *, attention: bool = False, n_out: int = 2) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.1, batch_first=True) if attention else nn.Identity()
        self.head = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, n_out))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.table(x)).mean(1))
