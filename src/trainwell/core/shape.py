"""What a network is told about the data before it is built: its inputs, and the facts a recipe is chosen from."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

Task = Literal["classification", "regression", "multilabel", "language", "generation", "segmentation"]
#: Code of pixels of a mask that are not judged: without a class, or beyond what the picture fills.
UNJUDGED = 255
InputKind = Literal["number", "category", "picture", "series", "text", "tokens", "tensor"]


@dataclass(frozen=True)
class Input:
    """One tensor a network takes, without its batch axis.

    Args:
        name: the array's name in the data ("number", "category", "picture", or a user's name).
        kind: what the values are; decides which encoder a registered network uses.
        shape: per example: `(F,)` numbers, `(C,)` category codes, `(C, H, W)` pictures, `(C, L)` a series, `(L,)`
            the codes of a text's tokens, padded with 0 behind its end; of running text (`tokens`) a window of it, never padded.
        cardinalities: number of codes of each category column; codes run from 0 (unseen or rare) to `cardinality - 1`. Of a
            text its one number of codes: 0 is padding, 1 a token that the train rows do not have.
        columns: the source columns, in the order of the last axis of numbers and categories.
        dtype: of a `tensor` input, which arrives as it is; whole numbers may be tokens.
        tokens: how a text was cut: words, characters, bpe or unigram.
        horizon: of a series whose future is forecast: steps ahead. The outputs are its channels, step after step.
    """

    name: str
    kind: InputKind
    shape: tuple[int, ...]
    cardinalities: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    dtype: str = "float32"
    horizon: int = 0
    tokens: str = ""

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class Shape:
    """The inputs of a network, in the order of its `forward` arguments."""

    inputs: tuple[Input, ...]

    def of_kind(self, kind: InputKind) -> Input | None:
        """The first input of `kind`, or None."""
        return next((i for i in self.inputs if i.kind == kind), None)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(i.name for i in self.inputs)

    @property
    def texts(self) -> tuple[int, ...]:
        """Places of the inputs that are texts, whose padding can be cut off."""
        return tuple(place for place, i in enumerate(self.inputs) if i.kind == "text")

    @property
    def window(self) -> int:
        """Tokens of a window of running text; 0 where there is none."""
        return next((i.shape[0] for i in self.inputs if i.kind == "tokens"), 0)

    @property
    def horizon(self) -> int:
        """Steps that are forecast; 0 where nothing is."""
        return max((i.horizon for i in self.inputs), default=0)


@dataclass(frozen=True)
class Facts:
    """What `Recipe.suggest` looks at: nothing here needs the values themselves.

    Args:
        rows: number of training rows.
        shape: the network's inputs.
        task: what is predicted.
        n_out: number of network outputs: classes, or target columns.
        imbalance: rows of the most frequent class over rows of the rarest (1 for regression).
        labels_mirror: False when flipping a picture left-right may change its label (digits, letters).
        ordered: whether the classes are ranks.
    """

    rows: int
    shape: Shape
    task: Task
    n_out: int
    imbalance: float = 1.0
    labels_mirror: bool = True
    ordered: bool = False
