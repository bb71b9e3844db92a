"""Text that a language model writes: token by token, each drawn from what it finds likely."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trainwell.core.errors import DataError, UsageError
from trainwell.core.seeds import draw_seed
from trainwell.data.language.state import Language
from trainwell.data.tokens import FIRST, UNKNOWN
from trainwell.train.language import next_logits
from trainwell.train.run import Bundled, Run, as_run


def generate(
    run: Run | Bundled | str | Path,
    prompt: str = "",
    *,
    length: int = 300,
    temperature: float = 0.8,
    top_p: float = 0.95,
    seed: int = 0,
) -> str:
    """What a language model writes after `prompt`; the same text for the same seed.

    Args:
        run: a run with `task=language`, its folder, or an opened bundle of it.
        prompt: the text it goes on with, without characters that training never showed; empty begins as after a line's end.
        length: tokens to write.
        temperature: below 1 the likely becomes likelier, above 1 less so; 0 always takes the likeliest.
        top_p: the likeliest tokens that together have this probability are drawn from (nucleus sampling); 1 takes all.
        seed: of the draws.

    Returns:
        The text written, without the prompt.

    Raises:
        DataError: the run is no language model, or knows no character of the prompt.
        UsageError: an option is out of range.

    Source: Holtzman et al., "The curious case of neural text degeneration", ICLR 2020.

    Example:
        >>> import trainwell as tw
        >>> recipe = tw.Recipe(task="language", steps=2, prepare={"text_length": 8}, model={"name": "gpt", "width": 16})
        >>> run = tw.fit(recipe, tw.load(["to be or not to be, " * 30], recipe=recipe))
        >>> len(generate(run, "to be", length=9)), generate(run, "to", seed=3) == generate(run, "to", seed=3)
        (9, True)
    """
    run = as_run(run)
    state = run.preparation.language
    if state is None:
        task = run.preparation.target.task
        raise DataError(f"a network for {task} writes no text", remedy="Train one with task=language.")
    _check(length=length, temperature=temperature, top_p=top_p)
    known = _begun(state, prompt)
    generator = torch.Generator().manual_seed(draw_seed(seed, "generate"))
    codes = torch.from_numpy(np.concatenate([known, np.zeros(length, np.int32)]))
    for place in range(len(known), len(codes)):
        logits = next_logits(run.network, state, codes[max(0, place - state.window) : place])
        codes[place] = drawn(logits, temperature, top_p, generator)
    return state.text(codes[len(known) :].numpy())


def _begun(state: Language, prompt: str) -> np.ndarray:
    """The codes of what is gone on with; characters that training never showed are left out."""
    codes = state.codes(prompt or "\n")
    codes = codes[codes != UNKNOWN]
    if prompt and not len(codes):
        raise DataError(f"training knows no character of the prompt {prompt!r:.60}", remedy="Write it in the text's script.")
    return codes if len(codes) else np.array([FIRST], np.int32)


def _check(*, length: int, temperature: float, top_p: float) -> None:
    if length < 1:
        raise UsageError(f"length must be at least 1, however: length={length}")
    if not (math.isfinite(temperature) and temperature >= 0):
        raise UsageError(f"temperature must be 0 or more, however: temperature={temperature:g}")
    if not 0 < top_p <= 1:
        raise UsageError(f"top_p must be above 0 and at most 1, however: top_p={top_p:g}")


def drawn(logits: Tensor, temperature: float, top_p: float, generator: torch.Generator) -> int:
    """A token drawn from the nucleus of `logits` (V,).

    Example:
        >>> logits = torch.tensor([0.5, 0.3, 0.2]).log()
        >>> {drawn(logits, 1.0, 0.6, torch.Generator().manual_seed(s)) for s in range(50)}
        {0, 1}
    """
    if temperature == 0:
        return int(logits.argmax())
    shares, order = (logits.double() / temperature).softmax(0).sort(descending=True, stable=True)
    before = shares.cumsum(0) - shares
    shares = torch.where(before < top_p, shares, 0.0)
    return int(order[torch.multinomial(shares, 1, generator=generator)])
