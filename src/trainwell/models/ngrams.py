"""Bags of hashed n-grams: which neighbouring tokens a text has, whatever their order in it.

B batch, L tokens of a text, M n-grams of a text, E width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainwell.core.shape import Input
from trainwell.models.adaptive import Adaptive
from trainwell.models.check import at_least

#: Texts whose n-grams are counted at once.
_BLOCK = 512


def ngrams(codes: Tensor, shortest: int, longest: int, buckets: int) -> Tensor:
    """The buckets of all n-grams of a text, `(B, L)` → `(B, M)` int64; 0 where an n-gram would reach over the text's end.

    Args:
        codes: of tokens, 0 behind the end.
        shortest: fewest tokens of an n-gram.
        longest: most tokens of an n-gram.
        buckets: number of buckets, the first one included.

    Example:
        >>> found = ngrams(torch.tensor([[5, 7, 5, 7, 0]]), 2, 2, 1000)
        >>> found.shape, bool(found[0, 0] == found[0, 2]), bool(found[0, 0] == found[0, 1]), found[0, 3].item()
        (torch.Size([1, 4]), True, False, 0)
    """
    codes = codes.long()
    mixed, found = codes, []
    for n in range(1, longest + 1):
        if n > 1:
            mixed = mixed[:, :-1] * 1_000_003 + codes[:, n - 1 :]
        if n >= shortest:
            hashed = (mixed + n * 0x3C6EF372) * 0x2545F4914F6CDD1D  # wraps around: an odd factor loses nothing
            bucket = (hashed ^ (hashed >> 33)).remainder(buckets - 1) + 1
            found.append(torch.where(codes[:, n - 1 :] != 0, bucket, 0))
    return torch.cat(found, 1)


class NgramBag(Adaptive):
    """The weighted sum of a text's n-gram vectors, of unit length before the vectors are learnt.

    An n-gram weighs as much as it is rare (inverse document frequency), and its vector moves as much as it has been seen:
    update rules of Adam's family give rare n-grams as large a step as frequent ones, and would learn them by heart. N-grams
    that no training row has say nothing.

    **Shape:** `(B, L)` codes → `(B, E)`.

    Args:
        longest: most tokens of an n-gram.
        width: E.
        shortest: fewest tokens of an n-gram.
        buckets: n-grams are hashed into so many vectors.
        half: training rows that an n-gram must stand in to move half as far as a very frequent one.
        start: deviation of the vectors at the start.
        position: which of the network's inputs the texts are.

    Sources: Joulin et al., "Bag of tricks for efficient text classification", EACL 2017; Weinberger et al., "Feature
    hashing for large scale multitask learning", ICML 2009.

    Example:
        >>> bag = NgramBag(2, 3, buckets=100)
        >>> bag.fit(torch.tensor([[4, 5, 6], [4, 5, 0]]))
        >>> bag(torch.tensor([[4, 5, 0], [0, 0, 0]], dtype=torch.int32)).shape
        torch.Size([2, 3])
    """

    rarity: Tensor
    reach: Tensor

    def __init__(
        self,
        longest: int,
        width: int,
        *,
        shortest: int = 1,
        buckets: int = 1 << 17,
        half: float = 30.0,
        start: float = 1e-3,
        position: int = 0,
    ) -> None:
        super().__init__(position)
        at_least("n-grams", longest, shortest)
        at_least("buckets", buckets, 2)
        at_least("half", half, 0)
        self.shortest, self.longest, self.buckets, self.damping = shortest, longest, buckets, half
        self.table = nn.Embedding(buckets, width)
        nn.init.normal_(self.table.weight, 0.0, start)
        self.register_buffer("rarity", torch.ones(buckets))
        self.register_buffer("reach", torch.ones(buckets))
        self.rarity[0] = self.reach[0] = 0.0

    def fit(self, x: Tensor) -> None:
        rows = torch.zeros(self.buckets, dtype=torch.int64)
        for some in x.cpu().split(_BLOCK):
            found = ngrams(some, self.shortest, self.longest, self.buckets).sort(1).values  # (B, M)
            first = torch.ones_like(found, dtype=torch.bool)
            first[:, 1:] = found[:, 1:] != found[:, :-1]
            rows += torch.bincount(found[first], minlength=self.buckets)
        seen = rows.float()
        self.rarity.copy_(torch.log((1 + len(x)) / (1 + seen)) + 1)
        self.reach.copy_(12.0 * seen / (seen + self.damping).clamp(min=1.0))  # 12: about as fast as the layers beside it
        self.rarity[0] = self.reach[0] = 0.0

    def forward(self, codes: Tensor) -> Tensor:
        found = ngrams(codes, self.shortest, self.longest, self.buckets)  # (B, M)
        rarity = self.rarity[found]
        size = rarity.square().sum(1, keepdim=True).clamp(min=1e-6).sqrt()
        weight = rarity * self.reach[found] / size
        return torch.bmm(weight.unsqueeze(1), self.table(found)).squeeze(1)  # (B, E)


def spans(inputs: Sequence[Input], words: int, characters: int) -> list[tuple[int, int]]:
    """The shortest and longest n-grams of each text input; characters that stand beside words begin with pairs.

    Args:
        inputs: texts.
        words: longest n-gram of words and subwords.
        characters: longest n-gram of characters.

    Example:
        >>> both = [Input("text", "text", (9,), tokens="words"), Input("text.characters", "text", (40,), tokens="characters")]
        >>> spans(both, 2, 5), spans(both[1:], 2, 5)
        ([(1, 2), (2, 5)], [(1, 5)])
    """
    columns = [given.columns for given in inputs]
    return [
        (1, words) if given.tokens != "characters" else (2 if columns.count(given.columns) > 1 else 1, max(2, characters))
        for given in inputs
    ]
