"""Dense networks for tables, small pictures and any mixture of inputs."""

from __future__ import annotations

from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import at_least, shares
from trainwell.models.dropout import Dropout
from trainwell.models.inputs import Inputs, Numbers
from trainwell.models.registry import Named, models, norm
from trainwell.models.registry import activation as new_activation


class Dense(nn.Module):
    """Encoded inputs, hidden layers, one linear head.

    **Shape:** the inputs of the network → `(B, n_out)`.
    """

    def __init__(self, inputs: Inputs, hidden: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.inputs, self.hidden, self.head = inputs, hidden, head

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.head(self.hidden(self.inputs(*inputs)))
        return out


class ResidualBlock(nn.Module):
    """x + linear(dropout(activation(linear(norm(x))))), the block of the tabular ResNet.

    **Shape:** `(B, width)` → the same.

    Example:
        >>> import torch
        >>> ResidualBlock(8, 16, dropout=0.0, norm_name="batch_norm", activation="relu")(torch.randn(4, 8)).shape
        torch.Size([4, 8])
    """

    def __init__(self, width: int, inner: int, *, dropout: float, norm_name: Named, activation: Named) -> None:
        super().__init__()
        self.norm = norm(norm_name, width, picture=False)
        self.widen = nn.Linear(width, inner)
        self.activation = new_activation(activation)
        self.dropout = Dropout(dropout)
        self.narrow = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.narrow(self.dropout(self.activation(self.widen(self.norm(x)))))
        return x + change


@models.register
def mlp(
    shape: Shape,
    n_out: int,
    *,
    width: int = 256,
    depth: int = 2,
    dropout: float = 0.1,
    activation: Named = "relu",
    norm: Named = "none",
    numbers: Numbers = "plain",
    number_width: int = 16,
    bins: int = 128,
    one_hot: int = 64,
    category_width: int = 16,
) -> Dense:
    """Multilayer perceptron: linear layers with activations between them; takes every kind and mixture of inputs.

    Args:
        width: units of each hidden layer.
        depth: number of hidden layers; 0 gives a linear model.
        dropout: share of hidden units dropped in training.
        activation: activation of the hidden layers.
        norm: normalisation before each activation.
        numbers: how numbers enter: `plain`, `piecewise`-linear embeddings, or `periodic` ones.
        number_width: length of each number's embedding.
        bins: most bins of a piecewise-linear embedding; fewer lose rare values that matter, more cost little.
        one_hot: most categories of a column that becomes unit vectors; columns with more are embedded.
        category_width: length of the embedding of columns with many categories.

    Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 1986.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> mlp(Shape((Input("number", "number", (3,)),)), 2)(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """
    at_least("width", width, 1)
    at_least("depth", depth, 0)
    shares(dropout=dropout)
    encoder = Inputs(
        shape, numbers=numbers, number_width=number_width, bins=bins, one_hot=one_hot, category_width=category_width
    )
    hidden, n_in = nn.Sequential(), encoder.width
    for _ in range(depth):
        hidden.extend([nn.Linear(n_in, width), *_finish(width, norm, activation), Dropout(dropout)])
        n_in = width
    return Dense(encoder, hidden, nn.Linear(n_in, n_out))


@models.register
def residual_mlp(
    shape: Shape,
    n_out: int,
    *,
    width: int = 192,
    depth: int = 3,
    widen: float = 2.0,
    dropout: float = 0.1,
    activation: Named = "relu",
    norm: Named = "batch_norm",
    numbers: Numbers = "plain",
    number_width: int = 16,
    bins: int = 128,
    one_hot: int = 64,
    category_width: int = 16,
) -> Dense:
    """Residual multilayer perceptron: deeper than `mlp` without harder gradients; takes every kind and mixture of inputs.

    Args:
        width: units of the residual stream.
        depth: number of residual blocks.
        widen: units inside a block as a multiple of `width`.
        dropout: share of units inside a block dropped in training.
        activation: activation inside the blocks.
        norm: normalisation at the start of each block.
        numbers: how numbers enter: `plain`, `piecewise`-linear embeddings, or `periodic` ones.
        number_width: length of each number's embedding.
        bins: most bins of a piecewise-linear embedding; fewer lose rare values that matter, more cost little.
        one_hot: most categories of a column that becomes unit vectors; columns with more are embedded.
        category_width: length of the embedding of columns with many categories.

    Source: Gorishniy et al., "Revisiting deep learning models for tabular data", NeurIPS 2021.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> residual_mlp(Shape((Input("number", "number", (3,)),)), 2)(torch.randn(5, 3)).shape
        torch.Size([5, 2])
    """
    at_least("width", width, 1)
    at_least("depth", depth, 0)
    at_least("widen x width", int(widen * width), 1)
    shares(dropout=dropout)
    encoder = Inputs(
        shape, numbers=numbers, number_width=number_width, bins=bins, one_hot=one_hot, category_width=category_width
    )
    hidden = nn.Sequential(nn.Linear(encoder.width, width))
    for _ in range(depth):
        hidden.append(ResidualBlock(width, int(widen * width), dropout=dropout, norm_name=norm, activation=activation))
    hidden.extend(_finish(width, norm, activation))
    return Dense(encoder, hidden, nn.Linear(width, n_out))


def _finish(width: int, norm_name: Named, activation_name: Named) -> list[nn.Module]:
    """Norm and activation of `width` features; no module at all for `none`."""
    return [m for m in (norm(norm_name, width, picture=False), new_activation(activation_name)) if type(m) is not nn.Identity]
