"""Words replaced by those whose learned vectors are nearest."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor

from trainwell.core.errors import RecipeError, TrainwellError
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.lexicon import Vocabulary
from trainwell.data.augment.registry import edits
from trainwell.data.augment.text import chosen, spread
from trainwell.data.preparation import Preparation
from trainwell.data.tokens import FIRST

#: Names that tables of token vectors have in the networks for texts.
TABLES = ("tokens.table.weight", "tokens.weight")


@edits.register
def neighbours(codes: Tensor, draw: Draw, tokens: Vocabulary = (), *, run: str, most: int = 5, share: float = 0.1) -> Tensor:
    """Tokens replaced by one of those whose vectors a trained network has put nearest; subwords are left alone.

    Vectors learned from labels bring together words that praise alike, which a general lexicon does not know.
    Source: Wang and Yang, "That's so annoying!!!: a lexical and frame-semantic embedding based data augmentation approach",
    EMNLP 2015.

    Args:
        run: folder of a run on texts of the same language whose network has token vectors (textcnn, text_team, rnn, ...).
        most: how many of the nearest are drawn from.
        share: of the tokens.

    Example:
        >>> import tempfile, trainwell as tw
        >>> reviews = {"text": ["good soup", "bad soup", "fine bread", "poor bread"] * 20, "like": ["yes", "no"] * 40}
        >>> recipe = tw.Recipe(model="textcnn", epochs=1, columns={"text": "text"}, prepare={"tokens": "words"}, target="like")
        >>> _ = tw.fit(recipe, tw.load(reviews, recipe=recipe), folder=(folder := tempfile.mkdtemp()), observers=[bool])
        >>> neighbours(torch.tensor([[2, 3, 0]]), Draw(torch.Generator()), ("good", "soup"), run=folder, share=1.0).shape
        torch.Size([1, 3])
    """
    if most < 1:
        raise RecipeError(f"most must be at least 1, however: most={most}")
    table = nearest(tokens, str(Path(run).expanduser()), most)
    first, second = spread(codes, draw)
    if not len(table):
        return codes
    others = table.to(codes.device)[codes.long()]  # (B, L, most), 0 where there are fewer
    counts = (others > 0).sum(-1)
    which = (second * counts).long().clamp(min=0)
    other = others.gather(-1, which[..., None]).squeeze(-1).to(codes.dtype)
    return torch.where(chosen(codes, first, share) & (counts > 0), other, codes)


@cache
def nearest(tokens: Vocabulary, run: str, most: int) -> Tensor:
    """The codes of the tokens nearest to each code by the cosine of their vectors, `(V, most)`; 0 where there are fewer.

    Raises:
        RecipeError: the folder holds no run whose network has vectors of tokens.
    """
    if not tokens:
        return torch.zeros(0, most, dtype=torch.int64)
    known, vectors = _vectors(run, tokens)
    shared = [place for place, token in enumerate(tokens) if token in known]
    table = torch.zeros(FIRST + len(tokens), most, dtype=torch.int64)
    if len(shared) < 2:
        return table
    chosen_rows = torch.from_numpy(vectors[[known[tokens[place]] for place in shared]])
    rows = torch.nn.functional.normalize(chosen_rows.float(), dim=1)
    codes = torch.tensor(shared) + FIRST
    wanted = min(most, len(shared) - 1)
    for start in range(0, len(shared), 1024):
        alike = rows[start : start + 1024] @ rows.T
        alike[torch.arange(len(alike)), torch.arange(start, start + len(alike))] = -2.0  # not itself
        table[codes[start : start + 1024], :wanted] = codes[alike.topk(wanted, dim=1).indices]
    return table


def _vectors(run: str, tokens: Vocabulary) -> tuple[dict[str, int], np.ndarray]:
    """The places of a run's tokens in a table of vectors, of the text whose vocabulary is most like `tokens`, and the table."""
    folder, own = Path(run), set(tokens)
    try:
        weights = load_file(folder / "weights.safetensors")
        texts = [known for _, known in Preparation.load(folder / "preparation").texts() if known]
    except (OSError, SafetensorError, TrainwellError) as error:
        raise RecipeError(f"{run!r} holds no trained run ({error})", remedy="Give the folder of a run on texts.") from None
    tables = [table for name, table in weights.items() if name.endswith(TABLES)]
    for known in sorted(texts, key=lambda known: -len(own & set(known))):
        for table in tables:
            if len(table) == FIRST + len(known):
                return {token: place for place, token in enumerate(known, start=FIRST)}, table
    remedy = "Train one with model=textcnn, text_team, rnn or text_transformer."
    raise RecipeError(f"the network in {run!r} has no vectors of tokens", remedy=remedy)
