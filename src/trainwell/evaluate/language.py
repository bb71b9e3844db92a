"""How a language model fares: along a window, on the passages that surprise it most, and in what it writes."""

from __future__ import annotations

import math

import numpy as np

from trainwell.data.data import Data
from trainwell.data.language.state import Language
from trainwell.evaluate.details import Sample, Writing
from trainwell.evaluate.evaluation import Example
from trainwell.evaluate.worst import worst_first
from trainwell.score.predictions import Array, Predictions
from trainwell.train.generate import generate
from trainwell.train.run import Run

#: Passages shown.
MOST_PASSAGES = 12
#: Tokens of a sample in the report.
SAMPLE = 300


def losses_by_place(p: Predictions) -> list[float]:
    """The mean loss of the first, second, … token of a window."""
    return [round(float(loss), 5) for loss in p.output.mean(axis=0)]


def worst_passages(p: Predictions, rows: Array, state: Language, most: int = MOST_PASSAGES) -> list[Example]:
    """The windows of running text that surprise the network most, one of each stretch of text, and their hardest tokens."""
    return [_passage(p, int(i), int(rows[i]), state) for i in worst_first(p)[:most]]


def _passage(p: Predictions, i: int, row: int, state: Language) -> Example:
    hardest = int(p.output[i].argmax())
    token, before = state.text(p.target[i][hardest : hardest + 1]), state.text(p.target[i][max(0, hardest - 20) : hardest])
    cells = {"text": state.text(p.target[i])}
    chance = f"{np.exp(-float(p.output[i][hardest])):.2g} likely"
    return Example(row, f"{token!r} after {before!r}", chance, float(p.loss[i]), math.nan, cells)


def write_samples(run: Run, data: Data, rows: np.ndarray, writing: Writing) -> None:
    """Samples: from a line's end, and from a passage of the judged text."""
    state, (name,) = data.preparation.language, data.shape.names
    assert state is not None
    passage = state.text(np.asarray(data.arrays[name][rows[len(rows) // 2]]))
    for seed, prompt in enumerate(["", passage]):
        text = generate(run, prompt, length=SAMPLE, temperature=writing.temperature, top_p=writing.top_p, seed=seed)
        writing.samples.append(Sample(prompt, text, seed))
