"""What networks for texts share: token vectors, masks, reading a text beside other inputs.

B batch, L tokens of a text, E width of a vector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError
from trainwell.core.shape import Input, Shape
from trainwell.models.dropout import Dropout
from trainwell.models.inputs import Inputs
from trainwell.models.tabm import SharedDropout

#: Units in which texts and other inputs meet.
MEETING = 64


def text_places(shape: Shape, model: str, *, every: bool = False) -> list[int]:
    """Places of the texts among the inputs: the first way in which each column is cut, or `every` way.

    Raises:
        CompileError: the data have no text.

    Example:
        >>> ways = [Input(n, "text", (9,), (7,), ("review",)) for n in ("text", "text.characters")]
        >>> text_places(Shape(tuple(ways)), "rnn"), text_places(Shape(tuple(ways)), "rnn", every=True)
        ([0], [0, 1])
    """
    found = [place for place, given in enumerate(shape.inputs) if given.kind == "text"]
    if not found:
        held = " and ".join(f"{i.name} ({i.kind})" for i in shape.inputs) or "none"
        raise CompileError(
            f"the model {model!r} takes texts, however the data have: {held}",
            remedy="Use mlp or tabm, or say that a column holds texts with columns.NAME=text.",
        )
    columns = [shape.inputs[place].columns for place in found]
    return found if every else [place for i, place in enumerate(found) if not columns[i] or columns[i] not in columns[:i]]


def running_text(shape: Shape, n_out: int, model: str) -> Input:
    """The running text whose next tokens a network tells.

    Raises:
        CompileError: the data have no running text.

    Example:
        >>> running_text(Shape((Input("text", "tokens", (9,), (50,)),)), 50, "gpt").shape
        (9,)
    """
    given = shape.of_kind("tokens")
    if given is None or len(shape.inputs) != 1 or given.cardinalities != (n_out,):
        held = " and ".join(f"{i.name} ({i.kind})" for i in shape.inputs) or "none"
        raise CompileError(
            f"the model {model!r} tells the next token of a running text, however the data have: {held}",
            remedy="Set task=language, or choose another model.",
        )
    return given


class Tokens(nn.Module):
    """A learned vector for each token; padding has zeros. Whole entries of an example's vectors are dropped at once.

    **Shape:** `(B, L)` codes → `(B, L, E)`.

    Args:
        size: number of codes.
        width: E.
        dropout: share of the E entries of an example that are dropped in training, the same at every token.

    Source: Gal and Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NeurIPS 2016.

    Example:
        >>> Tokens(10, 4, 0.1)(torch.tensor([[3, 2, 0]], dtype=torch.int32)).shape
        torch.Size([1, 3, 4])
    """

    def __init__(self, size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(size, width)  # a padding_idx would be forgotten for all but the first member of a stack
        nn.init.normal_(self.table.weight, 0.0, 0.1)
        self.dropout = SharedDropout(dropout)

    def forward(self, codes: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.table(codes)) * filled(codes).unsqueeze(-1)
        return out


def filled(codes: Tensor) -> Tensor:
    """Where a text has tokens, bool `(B, L)`."""
    return codes != 0


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens of a text, `(B, L, E)` and `(B, L)` → `(B, E)`; zeros for an empty text."""
    weight = mask.unsqueeze(-1).to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1.0)


def masked_max(x: Tensor, mask: Tensor) -> Tensor:
    """The largest value over the tokens of a text, `(B, L, E)` and `(B, L)` → `(B, E)`; zeros for an empty text."""
    low = torch.where(mask.unsqueeze(-1), x, -1e4).amax(1)
    return torch.where(mask.any(1, keepdim=True), low, 0.0)


class Reader(nn.Module, ABC):
    """A layer that reads one text, `(B, L)` → `(B, width)`.

    Args:
        width: number of features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(self, codes: Tensor) -> Tensor:
        """The features of the texts."""


class TextNetwork(nn.Module):
    """Texts read one by one, joined with the encoded other inputs, and a head.

    **Shape:** the inputs of `shape` → `(B, n_out)`.

    Args:
        shape: the network's inputs.
        places: of the texts that are read.
        read: makes the reader of one text input.
        n_out: outputs.
        dropout: share of the features dropped before the head.
    """

    def __init__(
        self, shape: Shape, places: Sequence[int], read: Callable[[Input], Reader], n_out: int, *, dropout: float
    ) -> None:
        super().__init__()
        self.places = list(places)
        readers = [read(shape.inputs[place]) for place in places]
        self.readers, self.others = nn.ModuleList(readers), Others(shape)
        width = sum(reader.width for reader in readers) + self.others.width
        if self.others.width:
            meet = nn.Sequential(Dropout(dropout), nn.Linear(width, MEETING), nn.ReLU())
            self.head = nn.Sequential(*meet, Dropout(dropout), nn.Linear(MEETING, n_out))
        else:
            self.head = nn.Sequential(Dropout(dropout), nn.Linear(width, n_out))

    def forward(self, *inputs: Tensor) -> Tensor:
        parts = [reader(inputs[place]) for reader, place in zip(self.readers, self.places, strict=True)]
        out: Tensor = self.head(torch.cat([*parts, *self.others(*inputs)], 1))
        return out


class Others(nn.Module):
    """Everything that is no text, encoded by its kind.

    **Shape:** all inputs of `shape` → a list of one `(B, width)`, or an empty list where all inputs are texts.

    Attributes:
        width: number of features; 0 without such inputs.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        # Texts stand behind numbers, categories and pictures, so that the places of adaptive layers stay right.
        self.places = [place for place, given in enumerate(shape.inputs) if given.kind != "text"]
        rest = Shape(tuple(shape.inputs[place] for place in self.places))
        options = {"numbers": "piecewise", "number_width": 16, "bins": 64, "one_hot": 64, "category_width": 16}
        self.inputs = Inputs(rest, **options) if self.places else None  # type: ignore[arg-type]
        self.width = self.inputs.width if self.inputs is not None else 0

    def forward(self, *inputs: Tensor) -> list[Tensor]:
        return [] if self.inputs is None else [self.inputs(*(inputs[place] for place in self.places))]
