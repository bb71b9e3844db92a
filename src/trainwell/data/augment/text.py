"""Random changes of training texts, given as rows of codes `(B, L)` with 0 behind each text's end.

Every change leaves empty texts empty and at least one token of the others. What is drawn for a token depends on its place
alone, not on how far the rows are padded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from trainwell.core.errors import RecipeError, UnknownName, did_you_mean
from trainwell.core.part import Part
from trainwell.core.seeds import at_step, purpose_key
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.lexicon import BUNDLED, Vocabulary, synonyms_of
from trainwell.data.augment.registry import edits
from trainwell.data.tokens import UNKNOWN

Change = Callable[[Tensor, Draw, Vocabulary], Tensor]


def chosen(codes: Tensor, uniform: Tensor, share: float) -> Tensor:
    """Which tokens are changed, bool `(B, L)`: each with chance `share`, padding never.

    Raises:
        RecipeError: the share is no share.
    """
    if not 0 <= share <= 1:
        raise RecipeError(f"share must lie in [0, 1], however: {share}")
    return uniform.lt(share) & (codes != 0)


def spread(codes: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Two uniform numbers for each token, each `(B, L)`, drawn place after place."""
    b, n = codes.shape
    first, second = draw.uniform(2 * b * n, 0.0, 1.0).view(n, 2, b).permute(1, 2, 0)
    return first, second


@edits.register
def delete(codes: Tensor, draw: Draw, tokens: Vocabulary = (), *, share: float = 0.1) -> Tensor:  # noqa: ARG001
    """Tokens left out; the rest closes up, and the first one stays where all would go.

    Source: Wei and Zou, "EDA: easy data augmentation techniques", EMNLP 2019.

    Args:
        share: of the tokens.

    Example:
        >>> delete(torch.tensor([[5, 6, 7, 0]]), Draw(torch.Generator()), share=1.0).tolist()
        [[5, 0, 0, 0]]
    """
    gone = chosen(codes, spread(codes, draw)[0], share)
    gone[:, 0] &= ~(gone | (codes == 0)).all(1)
    kept = torch.where(gone, 0, codes)
    return kept.gather(1, (kept == 0).to(torch.int8).argsort(dim=1, stable=True))


@edits.register
def swap(codes: Tensor, draw: Draw, tokens: Vocabulary = (), *, share: float = 0.05) -> Tensor:  # noqa: ARG001
    """Tokens changing places with the one that follows.

    Source: Wei and Zou, "EDA: easy data augmentation techniques", EMNLP 2019.

    Args:
        share: of the tokens that change places with the next one; at most a half.

    Example:
        >>> swap(torch.tensor([[5, 6, 0]]), Draw(torch.Generator().manual_seed(2)), share=0.5).tolist()
        [[6, 5, 0]]
    """
    places = torch.arange(codes.shape[1], device=codes.device)
    pairs = places % 2 == draw.integers(1, 0, 2)  # either the even or the odd ones begin a pair, so that none moves twice
    moved = chosen(codes, spread(codes, draw)[0], _doubled(share)) & pairs
    moved[:, :-1] &= codes[:, 1:] != 0
    moved[:, -1] = False
    order = places + moved.long()
    order[:, 1:] -= moved[:, :-1].long()
    return codes.gather(1, order)


def _doubled(share: float) -> float:
    if not 0 <= share <= 0.5:
        raise RecipeError(f"share of swaps must lie in [0, 0.5], however: {share}")
    return 2 * share


@edits.register
def insert(codes: Tensor, draw: Draw, tokens: Vocabulary = (), *, share: float = 0.1) -> Tensor:  # noqa: ARG001
    """Tokens of the text itself written once more, behind another one; what no longer fits is cut off.

    Args:
        share: of the tokens that get another one behind them.

    Example:
        >>> insert(torch.tensor([[5, 0, 0]]), Draw(torch.Generator()), share=1.0).tolist()
        [[5, 5, 0]]
    """
    first, second = spread(codes, draw)
    grown = chosen(codes, first, share)
    lengths = (codes != 0).sum(1, keepdim=True)
    which = (second * lengths).long().clamp(max=codes.shape[1] - 1)
    doubled = torch.stack([codes, torch.where(grown, codes.gather(1, which), 0)], 2).flatten(1)  # (B, 2 L)
    return doubled.gather(1, (doubled == 0).to(torch.int8).argsort(dim=1, stable=True))[:, : codes.shape[1]]


@edits.register
def forget(codes: Tensor, draw: Draw, tokens: Vocabulary = (), *, share: float = 0.1) -> Tensor:  # noqa: ARG001
    """Tokens that read like ones never seen before: the network learns to do without them.

    Source: Iyyer et al., "Deep unordered composition rivals syntactic methods for text classification", ACL 2015.

    Args:
        share: of the tokens.

    Example:
        >>> forget(torch.tensor([[5, 6, 0]]), Draw(torch.Generator()), share=1.0).tolist()
        [[1, 1, 0]]
    """
    return torch.where(chosen(codes, spread(codes, draw)[0], share), UNKNOWN, codes)


@edits.register
def synonyms(codes: Tensor, draw: Draw, tokens: Vocabulary = (), *, lexicon: str = BUNDLED, share: float = 0.2) -> Tensor:
    """Words replaced by others that mean the same; texts cut into subwords are left alone.

    Where letters are tokens, as in Chinese, words are found by the lexicon itself, the longest first, and replaced by words of
    as many letters. Sources: Zhang, Zhao and LeCun, "Character-level convolutional networks for text classification",
    NeurIPS 2015; the lexicons that come with trainwell, English and Chinese, were written for it and have its licence.

    Args:
        lexicon: a UTF-8 file of yours, each line words of one meaning, separated by tabs, commas or spaces; `bundled` takes
            those that come with trainwell.
        share: of the words that have a synonym in the training rows' vocabulary.

    Example:
        >>> synonyms(torch.tensor([[2, 3]]), Draw(torch.Generator()), ("delicious", "tasty"), share=1.0).tolist()
        [[3, 2]]
    """
    first, second = spread(codes, draw)
    start, taken = chosen(codes, first, share), torch.zeros_like(codes, dtype=torch.bool)
    for words in synonyms_of(tokens, lexicon):
        codes, taken = words.to(codes.device).replaced(codes, taken, start, second)
    return codes


def build_edits(
    parts: Sequence[Part], texts: Sequence[tuple[int, Vocabulary]], *, seed: int
) -> Callable[[tuple[Tensor, ...], Tensor, int], tuple[tuple[Tensor, ...], Tensor]]:
    """All `parts` in their order as one function `(inputs, target, step) -> (inputs, target)`; targets stay.

    Args:
        parts: names of edits with their options.
        texts: place of each text among the inputs, and its tokens.
        seed: the run's seed.

    Raises:
        UnknownName: there is no such edit.
        RecipeError: an option has an impossible value.

    Example:
        >>> change = build_edits([Part.of("delete")], [(0, ("a", "b"))], seed=0)
        >>> change((torch.tensor([[2, 3, 0]]),), torch.tensor([1]), 0)[0][0].shape
        torch.Size([1, 3])
    """
    stages = [
        (_bound(part), place, tokens, _key(seed, i, part, place)) for i, part in enumerate(parts) for place, tokens in texts
    ]

    def augment(inputs: tuple[Tensor, ...], target: Tensor, step: int) -> tuple[tuple[Tensor, ...], Tensor]:
        changed = list(inputs)
        for change, place, tokens, key in stages:
            generator = torch.Generator(changed[place].device).manual_seed(at_step(key, step))
            changed[place] = change(changed[place], Draw(generator), tokens)
        return tuple(changed), target

    for change, _, tokens, _ in stages:  # an impossible option speaks now, not at the first step
        change(torch.tensor([[UNKNOWN, 0]], dtype=torch.int32), Draw(torch.Generator()), tokens)
    return augment


def _bound(part: Part) -> Change:
    if part.name not in edits:
        remedy = did_you_mean(part.name, edits.names())
        raise UnknownName(f"there is no augmentation {part.name!r} for texts", where="recipe key 'augment'", remedy=remedy)
    return edits.bind(part.name, part.options)


def _key(seed: int, number: int, part: Part, place: int) -> int:
    return purpose_key(seed, f"augment {part.name} {number} of text {place}")
