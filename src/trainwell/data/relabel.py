"""The same rows and inputs with other numbers to predict: residuals for boosting, a teacher's answers for its pupil."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.card import Card
from trainwell.data.data import Data
from trainwell.data.source import Source
from trainwell.data.target import Target


def relabelled(data: Data, values: np.ndarray, names: Sequence[str], *, spread: float | Sequence[float] = 1.0) -> Data:
    """Data whose target is `values`: inputs, parts and the preparation of the columns stay as they are.

    Networks are trained on `values / spread`, and their predictions come in the unit of `values`.

    Args:
        data: whose rows and inputs to keep.
        values: what is to be predicted, one row per row of the source `(N, T)`.
        names: of the T target columns.
        spread: what 1 is for the network, for all columns or for each.

    Raises:
        UsageError: the shape of `values` does not fit.

    Example:
        >>> from trainwell.data.load import load
        >>> data = load("iris")
        >>> found = relabelled(data, np.ones((len(data), 2)), ["a", "b"], spread=2.0)
        >>> found.task, found.n_out, float(found.arrays["target"][0, 0])
        ('regression', 2, 0.5)
    """
    if values.shape != (len(data), len(names)):
        raise UsageError(f"values of shape {values.shape} cannot label {len(data)} rows by {len(names)} names")
    each = np.broadcast_to(np.asarray(spread, np.float64), len(names))
    target = Target(tuple(names), "regression", centre=(0.0,) * len(names), spread=tuple(each.tolist()))
    recipe = data.recipe.but(target=list(names), task="regression", prepare__scale_target=True)
    return replace(
        data,
        card=_card(data.card, names),
        arrays=data.arrays | {"target": target.scaled(values)},
        preparation=replace(data.preparation, target=target),
        source=_source(data, values, names, each),
        facts=replace(data.facts, task="regression", n_out=len(names), imbalance=1.0),
        recipe=recipe,
        rebuild=_only_these,
        origin=None,
    )


def asks_like(recipe: Recipe, data: Data) -> Recipe:
    """The recipe with the words about data that `data` was built by."""
    words = ("target", "task", "columns", "split", "prepare")
    return recipe.model_copy(update={word: getattr(data.recipe, word) for word in words})


def _card(card: Card, names: Sequence[str]) -> Card:
    kept = [column for column in card.columns if column.get("role") != "target"]
    made = [{"name": name, "kind": "regression", "role": "target", "why": "made from predictions"} for name in names]
    return Card(card.origin, card.rows, made + kept)


def _source(data: Data, values: np.ndarray, names: Sequence[str], spread: np.ndarray) -> Source:
    """The raw rows with the new numbers, so that the fingerprint tells them from others; the spread is part of it."""
    kept = [name for name in data.source.frame.columns if name not in {*data.preparation.target.names, *names}]
    new = {name: values[:, i] / spread[i] for i, name in enumerate(names)}
    frame = data.source.table.with_columns(pl.Series(name, column) for name, column in new.items())
    return replace(data.source, frame=frame.select(*kept, *names), target=None)


def _only_these(_source: Source, _recipe: Recipe) -> Data:
    raise UsageError(
        "these labels were made for one split and one preparation",
        remedy="Keep target, columns, split and prepare as they are.",
    )
