"""TabM: one network that is many, for tables.

B batch, K members, D features into a layer, H features out of it.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import each_at_least, shares
from trainwell.models.dropout import drop
from trainwell.models.inputs import Inputs, Numbers
from trainwell.models.many_linear import ManyLinear
from trainwell.models.registry import Named, activation, models


class Scale(nn.Module):
    """Multiplies every feature by a number of each member's own.

    **Shape:** `(B, D)` or `(B, K, D)` → `(B, K, D)`.

    Args:
        weight: the factors at the start, `(K, D)`.

    Example:
        >>> import torch
        >>> Scale(torch.ones(4, 3))(torch.randn(2, 1, 3)).shape
        torch.Size([2, 4, 3])
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class SharedLinear(nn.Module):
    """A linear layer whose matrix all members share; each has its own scaling of inputs and outputs and its own bias.

    **Shape:** `(B, K, D)` → `(B, K, H)`.

    Args:
        scale_in: scaling of the inputs at the start, `(K, D)`; later layers start with ones.
        n_out: H.

    Source: Wen, Tran and Ba, "BatchEnsemble", ICLR 2020.

    Example:
        >>> import torch
        >>> SharedLinear(torch.ones(4, 3), 5)(torch.randn(2, 4, 3)).shape
        torch.Size([2, 4, 5])
    """

    def __init__(self, scale_in: Tensor, n_out: int) -> None:
        super().__init__()
        k, n_in = scale_in.shape
        bound = n_in**-0.5
        self.scale_in = Scale(scale_in)
        self.linear = nn.Linear(n_in, n_out, bias=False)
        self.scale_out = nn.Parameter(torch.ones(k, n_out))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound).repeat(k, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, self.linear(self.scale_in(x)), self.scale_out)  # (B, K, H)


class SharedDropout(nn.Module):
    """Dropout that drops the same units of an example for all members: K times fewer random numbers than drawing for each.

    **Shape:** `(B, K, H)` → the same.

    Args:
        rate: share of the units dropped in training.

    Source: Srivastava et al., "Dropout", JMLR 2014.

    Example:
        >>> import torch
        >>> out = SharedDropout(0.5)(torch.ones(2, 3, 100))
        >>> torch.equal(out[:, 0], out[:, 2]), sorted(out.unique().tolist())
        (True, [0.0, 2.0])
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return x * drop(torch.ones_like(x[:, :1]), self.rate) if self.training else x


class TabM(nn.Module):
    """K multilayer perceptrons that share their weights, each with adapters and a head of its own.

    **Shape:** the inputs of a table → `(B, K, n_out)`; the loss and the prediction are averages over K.
    """

    def __init__(self, inputs: Inputs, hidden: nn.Module, head: ManyLinear) -> None:
        super().__init__()
        self.inputs, self.hidden, self.head = inputs, hidden, head

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.head(self.hidden(self.inputs(*inputs).unsqueeze(1)))  # (B, K, n_out)
        return out


@models.register
def tabm(
    shape: Shape,
    n_out: int,
    *,
    width: int = 256,
    depth: int = 2,
    k: int = 16,
    dropout: float = 0.1,
    adapters: Literal["first", "all"] = "first",
    numbers: Numbers = "piecewise",
    number_width: int = 16,
    bins: int = 128,
    one_hot: int = 64,
    category_width: int = 16,
    activation: Named = "relu",
) -> TabM:
    """Many multilayer perceptrons in one, the strongest plain network for tables: members share weights and differ by adapters.

    Args:
        width: units of each hidden layer.
        depth: number of hidden layers.
        k: number of members; more is a little better and proportionally dearer.
        dropout: share of hidden units dropped in training.
        adapters: `first` gives members their own scaling of the inputs only (TabM-mini), `all` of every layer (TabM).
        numbers: how numbers enter: `piecewise`-linear embeddings, `periodic` ones, or `plain`.
        number_width: length of each number's embedding.
        bins: most bins of a piecewise-linear embedding; fewer lose rare values that matter, more cost little.
        one_hot: most categories of a column that becomes unit vectors; columns with more are embedded.
        category_width: length of the embedding of columns with many categories.
        activation: activation of the hidden layers.

    Source: Gorishniy, Kotelnikov and Babenko, "TabM: advancing tabular deep learning with parameter-efficient
    ensembling", ICLR 2025.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> tabm(Shape((Input("number", "number", (3,)),)), 2, k=4)(torch.randn(5, 3)).shape
        torch.Size([5, 4, 2])
    """
    each_at_least(1, width=width, depth=depth, k=k)
    shares(dropout=dropout)
    encoder = Inputs(
        shape, numbers=numbers, number_width=number_width, bins=bins, one_hot=one_hot, category_width=category_width
    )
    start = _first_scaling(encoder.chunks, k, signs=numbers == "plain")
    stack = _shared_hidden if adapters == "all" else _mini_hidden
    return TabM(encoder, stack(start, width, depth, dropout, activation), ManyLinear(k, width, n_out))


def _first_scaling(chunks: list[int], k: int, *, signs: bool) -> Tensor:
    """How members see the inputs at the start: one factor per column, random signs for plain numbers, else normal."""
    factors = torch.randint(2, (k, len(chunks))) * 2.0 - 1.0 if signs else torch.randn(k, len(chunks))
    return factors.repeat_interleave(torch.tensor(chunks), 1, output_size=sum(chunks))  # (K, D)


def _mini_hidden(start: Tensor, width: int, depth: int, dropout: float, act: Named) -> nn.Sequential:
    layers = nn.Sequential(Scale(start))
    n_in = start.shape[1]
    for _ in range(depth):
        layers.extend([nn.Linear(n_in, width), activation(act), SharedDropout(dropout)])
        n_in = width
    return layers


def _shared_hidden(start: Tensor, width: int, depth: int, dropout: float, act: Named) -> nn.Sequential:
    layers = nn.Sequential()
    for _ in range(depth):
        layers.extend([SharedLinear(start, width), activation(act), SharedDropout(dropout)])
        start = torch.ones(len(start), width)
    return layers
