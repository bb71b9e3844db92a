"""One network for tables whose columns are of several kinds: an encoder for each kind, and a head that joins what they say.

B batch, P parts, E features of a part, K members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.adaptive import Adaptive
from trainwell.models.check import each_at_least, shares
from trainwell.models.dropout import drop
from trainwell.models.many_linear import ManyLinear
from trainwell.models.registry import Named, models, name_and_options
from trainwell.models.tabm import Scale, SharedDropout

#: What reads a column of texts: which words it has, in whatever order, and which phrases.
READERS: tuple[Named, ...] = ({"name": "bag_of_ngrams", "width": 32, "buckets": 1 << 14}, "textcnn")
#: Pictures of a longer side are first halved, and shrunk to the other side at most.
SMALL_SIDE, WORKING_SIDE = 16, 64


class Part(nn.Module):
    """Inputs of one kind as features of one size; a learned vector stands for what a row does not have.

    A row has no picture, text or series where all its values are zero. In training a share of the rows is treated like that,
    so that the others learn to do without.

    **Shape:** the inputs at `places` → `(B, E)`.

    Args:
        network: `(B, E)` or, with members, `(B, M, E)` of the inputs at `places`.
        places: of the inputs among those of the whole network.
        width: E.
        hide: share of the training rows whose inputs are hidden; 0 for inputs that are never absent.
    """

    def __init__(self, network: nn.Module, places: Sequence[int], width: int, hide: float) -> None:
        super().__init__()
        self.network, self.places, self.hide = network, list(places), hide
        for module in network.modules():
            if isinstance(module, Adaptive):  # adaptive layers look at the inputs of the whole network
                module.position = self.places[module.position]
        self.norm = nn.LayerNorm(width)
        self.absent = nn.Parameter(torch.zeros(width)) if hide else None

    def forward(self, *inputs: Tensor) -> Tensor:
        mine = [inputs[place] for place in self.places]
        found = self.network(*mine)  # (B, E) or (B, M, E)
        x: Tensor = self.norm(found.mean(1) if found.ndim == 3 else found)
        if self.absent is None:
            return x
        there = torch.stack([given.flatten(1).abs().amax(1) for given in mine]).amax(0) > 0  # (B,)
        shown = there.unsqueeze(1).to(x.dtype)
        if self.training:
            shown = shown * (drop(torch.ones_like(shown), self.hide) > 0).to(x.dtype)
        return x * shown + self.absent * (1 - shown)


class Mixture(nn.Module):
    """Parts side by side, and many small heads in one that see them through scalings of their own.

    **Shape:** the inputs of the parts → `(B, K, n_out)`; the loss and the prediction are averages over K.
    """

    def __init__(self, parts: Sequence[Part], body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.parts, self.body, self.head = nn.ModuleList(parts), body, head

    def forward(self, *inputs: Tensor) -> Tensor:
        x = torch.cat([part(*inputs) for part in self.parts], 1)  # (B, P * E)
        out: Tensor = self.head(self.body(x.unsqueeze(1)))  # (B, K, n_out)
        return out


@dataclass(frozen=True)
class Plan:
    """A part before it is built.

    Args:
        model: the network that reads it, by its registered name.
        places: of its inputs.
        optional: whether a row may lack it: pictures, texts and series, whose absence shows; empty cells are filled before.
    """

    model: Named
    places: list[int]
    optional: bool


@models.register
def mixture(
    shape: Shape,
    n_out: int,
    *,
    width: int = 64,
    hidden: int = 128,
    k: int = 8,
    dropout: float = 0.3,
    hide: float = 0.1,
    tables: Named = "mlp",
    pictures: Named = "auto",
    texts: list[Named] | None = None,
    series: Named = "fcn",
) -> Mixture:
    """One network for columns of several kinds: each kind is read by a network of its own, and many small heads join them.

    Numbers and categories are read together; every column of pictures, texts and series has a reader of its own. What a row
    lacks is replaced by a learned vector, and `hide` teaches the heads to do without.

    Args:
        width: features of each part.
        hidden: units of the layer that joins the parts.
        k: heads; they share that layer and see the parts through scalings of their own.
        dropout: share of the features, and of the joined units, dropped in training.
        hide: share of the training rows from which a picture, a text or a series is taken away, each by itself.
        tables: the network that reads numbers, categories and tensors.
        pictures: the network that reads a column of pictures; `auto` is a small `cnn`, at half resolution from 16 pixels on.
        texts: networks that read a column of texts side by side; none given is a narrow bag of n-grams and a `textcnn`.
        series: the network that reads a column of whole series.

    Sources: the heads are those of Gorishniy, Kotelnikov and Babenko, "TabM", ICLR 2025; hidden parts: Neverova et al.,
    "ModDrop: adaptive multi-modal gesture recognition", TPAMI 2016.

    Example:
        >>> from trainwell.core.shape import Input
        >>> both = Shape((Input("number", "number", (3,)), Input("picture", "picture", (1, 8, 8))))
        >>> mixture(both, 2, k=4)(torch.randn(5, 3), torch.rand(5, 1, 8, 8)).shape
        torch.Size([5, 4, 2])
    """
    each_at_least(1, width=width, hidden=hidden, k=k)
    shares(dropout=dropout, hide=hide)
    plans = _plans(shape, {"table": tables, "picture": pictures, "series": series}, READERS if texts is None else texts)
    parts = [_part(shape, plan, width, hide if len(plans) > 1 else 0.0) for plan in plans]
    n_in = width * len(parts)
    body = nn.Sequential(
        SharedDropout(dropout), Scale(torch.randn(k, n_in)), nn.Linear(n_in, hidden), nn.ReLU(), SharedDropout(dropout)
    )
    return Mixture(parts, body, ManyLinear(k, hidden, n_out))


def _plans(shape: Shape, models_of: Mapping[str, Named], texts: Sequence[Named]) -> list[Plan]:
    """The parts of a network for these inputs, in the order of the inputs; those of cells come first."""
    kinds = [given.kind for given in shape.inputs]
    cells = [place for place, kind in enumerate(kinds) if kind in ("number", "category", "tensor")]
    plans = [Plan(models_of["table"], cells, optional=False)] if cells else []
    for place, given in enumerate(shape.inputs):
        if given.kind in ("picture", "series"):
            own = models_of[given.kind]
            plans.append(Plan(_reader(given) if own == "auto" else own, [place], optional=True))
    for column in dict.fromkeys(given.columns for given in shape.inputs if given.kind == "text"):
        ways = [place for place, given in enumerate(shape.inputs) if given.kind == "text" and given.columns == column]
        plans += [Plan(text, ways, optional=True) for text in texts]
    if not plans:
        raise CompileError("mixture reads columns, and running text has none", where="recipe key 'model'", remedy="Use gpt.")
    return plans


def _reader(picture: Input) -> Named:
    small = max(picture.shape[1:]) < SMALL_SIDE
    return {"name": "cnn", "width": 32, "stages": 3, "stride": 1 if small else 2, "side": WORKING_SIDE}


def _part(shape: Shape, plan: Plan, width: int, hide: float) -> Part:
    name, options = name_and_options(plan.model, "network of a part")
    if name == "mixture":
        raise RecipeError("a part of a mixture cannot be a mixture", remedy="Name a network for one kind of column.")
    own = Shape(tuple(shape.inputs[place] for place in plan.places))
    return Part(models.bind(name, options)(own, width), plan.places, width, hide if plan.optional else 0.0)
