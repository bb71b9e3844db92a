"""A linear network over the n-grams of texts: small, fast, and hard to beat where there are few rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainwell.core.shape import Shape
from trainwell.models.check import at_least, shares
from trainwell.models.dropout import Dropout
from trainwell.models.ngrams import NgramBag, spans
from trainwell.models.registry import models
from trainwell.models.text import MEETING, Others, text_places


class BagOfNgrams(nn.Module):
    """The bags of all texts, added up; other inputs add what a small network makes of them.

    **Shape:** the inputs of `shape` → `(B, n_out)`.

    Args:
        places: of the texts.
        bags: one for each; all of one width.
        others: the other inputs.
        n_out: outputs; bags of this width are the outputs themselves, others pass a linear layer.
        dropout: share of the summed vectors' entries dropped before that layer.
    """

    def __init__(self, places: list[int], bags: list[NgramBag], others: Others, n_out: int, *, direct: bool, dropout: float):
        super().__init__()
        self.places, self.bags, self.others = places, nn.ModuleList(bags), others
        width = bags[0].table.embedding_dim
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.head = nn.Identity() if direct else nn.Sequential(Dropout(dropout), nn.Linear(width, n_out, bias=False))
        self.aside = nn.ModuleList()
        if others.width:
            wide, narrow = nn.Linear(others.width, MEETING), nn.Linear(MEETING, n_out, bias=False)
            self.aside.append(nn.Sequential(wide, nn.ReLU(), Dropout(dropout), narrow))

    def forward(self, *inputs: Tensor) -> Tensor:
        summed = torch.stack([bag(inputs[place]) for bag, place in zip(self.bags, self.places, strict=True)]).sum(0)
        out: Tensor = self.head(summed) + self.bias
        for add, x in zip(self.aside, self.others(*inputs), strict=True):
            out = out + add(x)
        return out


@models.register
def bag_of_ngrams(
    shape: Shape,
    n_out: int,
    *,
    words: int = 2,
    characters: int = 5,
    width: int = 0,
    buckets: int = 1 << 17,
    half: float = 30.0,
    dropout: float = 0.1,
) -> BagOfNgrams:
    """A bag of word and character n-grams, weighted by how rare they are: linear, or with a narrow layer as in fastText.

    Args:
        words: longest n-gram of words or subwords.
        characters: longest n-gram of characters.
        width: length of an n-gram's vector; 0 makes it the outputs themselves, a linear model.
        buckets: n-grams are hashed into so many vectors.
        half: training rows that an n-gram must stand in to move half as far as a very frequent one; 0 lets all move alike.
        dropout: share of the summed vector's entries dropped in training; a linear model has none.

    Sources: Joulin et al., "Bag of tricks for efficient text classification", EACL 2017; Wang and Manning, "Baselines and
    bigrams", ACL 2012.

    Example:
        >>> from trainwell.core.shape import Input
        >>> texts = Shape((Input("text", "text", (9,), (50,), ("review",), tokens="words"),))
        >>> bag_of_ngrams(texts, 3, buckets=64)(torch.randint(0, 50, (5, 9))).shape
        torch.Size([5, 3])
    """
    for name, value, low in (("words", words, 1), ("characters", characters, 1), ("width", width, 0), ("buckets", buckets, 2)):
        at_least(name, value, low)
    shares(dropout=dropout)
    places = text_places(shape, "bag_of_ngrams", every=True)
    spanned = spans([shape.inputs[place] for place in places], words, characters)
    bags = [
        NgramBag(
            longest,
            width or n_out,
            shortest=shortest,
            buckets=buckets,
            half=half,
            start=0.1 if width else 1e-3,
            position=place,
        )
        for place, (shortest, longest) in zip(places, spanned, strict=True)
    ]
    return BagOfNgrams(places, bags, Others(shape), n_out, direct=not width, dropout=dropout)
