"""Random changes of training texts, given as rows of codes `(B, L)` with 0 behind each text's end.

Every change leaves empty texts empty and at least one token of the others. What is drawn for a token depends on its place
alone, not on how far the rows are padded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from trainwell.core.errors import RecipeError, UnknownName, did_you_mean
from trainwell.core.part import Part
from trainwell.core.seeds import at_step, purpose_key
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.registry import edits

#: Code of a token that the train rows do not have, and the first code of those they have.
UNKNOWN, FIRST = 1, 2
#: Tokens by code, from `FIRST` on; empty for subwords.
Vocabulary = tuple[str, ...]
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
def synonyms(codes: Tensor, draw: Draw, tokens: Vocabulary = (), *, lexicon: str, share: float = 0.2) -> Tensor:
    """Words replaced by others that mean the same, as a file of yours says; texts cut into subwords are left alone.

    Source: Zhang, Zhao and LeCun, "Character-level convolutional networks for text classification", NeurIPS 2015.

    Args:
        lexicon: a UTF-8 file; each line holds words of one meaning, separated by tabs, commas or spaces.
        share: of the words that have a synonym in the training rows' vocabulary.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        ...     _ = file.write("good fine"), file.flush()
        ...     synonyms(torch.tensor([[2, 3]]), Draw(torch.Generator()), ("good", "fine"), lexicon=file.name, share=1.0)
        tensor([[3, 2]])
    """
    table, counts = alike(tokens, lexicon)
    if not len(table):
        return codes
    at = codes.long()
    counts = counts.to(codes.device)[at]
    first, second = spread(codes, draw)
    which = (second * counts).long()
    other = table.to(codes.device)[at, which].to(codes.dtype)
    return torch.where(chosen(codes, first, share) & (counts > 0), other, codes)


@cache
def alike(tokens: Vocabulary, lexicon: str) -> tuple[Tensor, Tensor]:
    """The codes of each code's synonyms `(V, most)`, and how many it has `(V,)`; empty without any.

    Raises:
        RecipeError: the file cannot be read.
    """
    code = {token: place for place, token in enumerate(tokens, start=FIRST)}
    try:
        lines = Path(lexicon).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Give a UTF-8 text file with words of one meaning on each line."
        raise RecipeError(f"the lexicon {lexicon!r} cannot be read ({error})", remedy=remedy) from None
    found: dict[int, set[int]] = {}
    for line in lines:
        group = {code[word] for word in line.lower().replace(",", " ").split() if word in code}
        for one in group:
            found.setdefault(one, set()).update(group - {one})
    most = max((len(others) for others in found.values()), default=0)
    table = torch.zeros(FIRST + len(tokens), max(1, most), dtype=torch.int64)
    for one, others in found.items():
        table[one, : len(others)] = torch.tensor(sorted(others), dtype=torch.int64)
    return (table if most else table[:0]), (table != 0).sum(1)


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
