"""Data: encoded arrays, the rows of each part, the preparation that made them, and the card."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts, Shape, Task
from trainwell.data.card import Card
from trainwell.data.fingerprint import about_data, fingerprint_of
from trainwell.data.preparation import Preparation
from trainwell.data.source import Source

#: Bytes of views that data keep: folds are trained, then judged, and need not be prepared twice.
VIEW_BYTES = 256 << 20


@dataclass(frozen=True)
class Data:
    """What networks are trained on.

    Args:
        card: what was found and what was done about it.
        arrays: inputs of all rows by name, and "target": codes (N,) int64, -1 where a row has none; or scaled numbers (N, T)
            float32, NaN where a row has none. Rows without a target are in no part.
        rows: "train", "valid" and "test" to row numbers, int64, ascending; with `split.bag` train rows repeat, and the training
            rows that were not drawn are "out_of_bag".
        preparation: fitted on the train rows only.
        source: the raw rows, in the order of the arrays.
        facts: what a recipe is suggested from.
        recipe: what decided all this (`target`, `task`, `columns`, `split`, `prepare`).
        rebuild: makes data of the same source under another recipe.
        origin: what `load` was given, by argument name, when all of it were paths or names; else None.
    """

    card: Card
    arrays: dict[str, np.ndarray]
    rows: dict[str, np.ndarray]
    preparation: Preparation
    source: Source
    facts: Facts
    recipe: Recipe
    rebuild: Callable[[Source, Recipe], Data] = field(repr=False)
    origin: Mapping[str, str | None] | None = None
    _views: dict[str, Data] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def shape(self) -> Shape:
        """The inputs in the network's forward order."""
        return self.preparation.shape

    @property
    def task(self) -> Task:
        return self.preparation.target.task

    @property
    def n_out(self) -> int:
        """Network outputs: classes, two for a yes/no target, or target columns."""
        return self.preparation.target.n_out

    @property
    def classes(self) -> tuple[str, ...] | None:
        return self.preparation.target.classes

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of the source's content and of what the recipe says about data; computed when first asked for."""
        return fingerprint_of(self.source, self.recipe)

    @cached_property
    def documents(self) -> dict[str, bytes]:
        """What a run folder keeps of the data, by file name: preparation, source and card; written out once for many runs."""
        prepared = {f"preparation/{name}": content for name, content in self.preparation.documents().items()}
        card = json.dumps(self.card.to_dict(), indent=2, ensure_ascii=False)
        source = json.dumps(self.origin, indent=2) + "\n"
        return prepared | {"source.json": source.encode(), "card.json": card.encode()}

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        parts = ", ".join(f"{len(rows):,} {name}" for name, rows in self.rows.items())
        return f"Data({self.source.origin or 'memory'}: {parts}; {self.task}, {self.n_out} outputs)"

    def under(self, recipe: Recipe) -> Data:
        """The same source under another recipe's target, task, columns, split and prepare; `self` when they say the same.

        A recipe that names no target keeps this one. What was asked for lately is kept, as long as it is small.

        Example:
            >>> from trainwell.data.load import load
            >>> data = load({"x": [1.0, 2.0, 3.0, 4.0] * 9, "y": [1.5, 2.1, 3.2, 4.4] * 9}, target="y")
            >>> len(data.under(Recipe(split={"test": 0.5, "valid": 0})).rows["valid"])
            0
        """
        if recipe.target is None:
            recipe = recipe.but(target=self.recipe.target)
        about = about_data(recipe)
        if about == about_data(self.recipe):
            return self
        view = self._views.pop(about, None) or replace(self.rebuild(self.source, recipe), origin=self.origin)
        self._views[about] = view  # the last to be asked for is the last to go
        while sum(v.nbytes for v in self._views.values()) > VIEW_BYTES:
            del self._views[next(iter(self._views))]
        return view

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the arrays take; those of memory maps take none."""
        return sum(a.nbytes for a in self.arrays.values() if not isinstance(a, np.memmap))
