"""Labelled rows for a bundle, which has no training data beside it: encoded as its network sees them, all of them test rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError, did_you_mean
from trainwell.core.shape import Facts
from trainwell.data.card import Card
from trainwell.data.data import Data
from trainwell.data.kinds.words import words_of
from trainwell.data.load import load
from trainwell.data.readers.read import read
from trainwell.data.source import Source
from trainwell.data.target import Target, spellings
from trainwell.ship.bundle import Bundle


def _answers(target: Target, frame: pl.DataFrame) -> np.ndarray:
    """The true answers as trained on; a class in other clothes (`yes.` for `yes`) is that class."""
    if target.classes is not None:
        texts = [*target.classes, *sorted(set(words_of(frame[target.names[0]]).texts) - {*target.classes})]
        known = np.where(np.arange(len(texts)) < len(target.classes), 2, 1)
        alike = {text: label for text, label in spellings(texts, known).items() if label in target.classes}
        target = replace(target, spelt={**alike, **target.spelt})
    return target.scaled(target.read(frame))


def labelled(opened: Bundle, source: Any) -> Data:
    """Rows with their true answers, for `tw.evaluate`.

    Nothing is cleaned, split or fitted: every row whose answer can be read is a test row. Series and forecasts are put together
    and split as the recipe says.

    Args:
        opened: the bundle.
        source: anything that `tw.load` reads, with the target column.

    Raises:
        DataError: the target is missing, or no row has an answer.
    """
    preparation = opened.preparation
    if preparation.language is not None or preparation.target.task == "generation":
        remedy = "Evaluate the run folder: trainwell evaluate RUN --on DATA."
        raise DataError("a bundle of what writes or makes pictures is not judged on labelled rows", remedy=remedy)
    if preparation.forecast is not None or preparation.gather is not None:
        return load(source, recipe=opened.recipe)
    found: Source = read(source, target=opened.recipe.target)
    names = list(preparation.target.names)
    for name in names:
        if name not in found.frame.columns:
            remedy = f"Scores need the true answers. {did_you_mean(name, found.frame.columns)}"
            raise DataError(f"the target column {name!r} is missing", where=found.origin, remedy=remedy)
    target = _answers(preparation.target, found.frame.select(names))
    known = target >= 0 if target.ndim == 1 else np.isfinite(target).all(axis=1)
    if not known.any():
        raise DataError("no row has an answer that training knew", where=found.origin)
    nothing = np.zeros(0, np.int64)
    return Data(
        card=Card(found.origin, {"train": 0, "valid": 0, "test": int(known.sum())}, [], list(found.checks)),
        arrays=preparation.encode(found).arrays | {"target": target},
        rows={"train": nothing, "valid": nothing, "test": np.flatnonzero(known)},
        preparation=preparation,
        source=found,
        facts=Facts(0, preparation.shape, preparation.target.task, preparation.target.n_out),
        recipe=opened.recipe,
        rebuild=lambda rows, recipe: load(rows, recipe=recipe),
    )
