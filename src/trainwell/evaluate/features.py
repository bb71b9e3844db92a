"""The encoded inputs of `Data` as one matrix for models that are not networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trainwell.data.clean_text import plain_text
from trainwell.data.kinds.words import texts_of as texts_of_column
from trainwell.data.tokens import words
from trainwell.score.predictions import Array

if TYPE_CHECKING:
    from trainwell.data.data import Data

#: Numbers per picture or tensor for the linear baseline: pictures are shrunk by whole factors until they fit.
MOST_PIXELS = 1024
#: Codes of a category column that get a column of their own in the linear baseline, the most frequent first.
MOST_CODES = 64
#: Codes that scikit-learn's trees can treat as categories; columns with more go in as numbers.
TREE_CODES = 255
#: N-grams that the linear baseline for texts weighs, the most frequent first.
MOST_NGRAMS = 300_000


@dataclass(frozen=True)
class Table:
    """Number and category columns side by side.

    Args:
        values: `(N, F + C)` float32, numbers first.
        categories: positions of the category columns, ascending.
        cardinalities: codes of each of them.
    """

    values: Array
    categories: list[int]
    cardinalities: list[int]


def table_of(data: Data, rows: Array) -> Table:
    """Numbers, small tensors, series and category codes of some rows as columns."""
    blocks: list[Array] = []
    categories: list[int] = []
    cardinalities: list[int] = []
    for kind in ("number", "tensor", "series", "category"):
        for given in [i for i in data.shape.inputs if i.kind == kind]:
            block = np.asarray(data.arrays[given.name][rows]).reshape(len(rows), -1).astype(np.float32)
            if kind == "category":
                start = sum(b.shape[1] for b in blocks)
                categories += range(start, start + block.shape[1])
                cardinalities += given.cardinalities
            blocks.append(block)
    values = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(rows), 0), np.float32)
    return Table(values, categories, cardinalities)


def pixels_of(data: Data, rows: Array, *, block: int = 2048) -> Array:
    """Pictures of some rows as vectors in [0, 1], shrunk by averaging until each has at most 1024 numbers: `(N, P)` float32."""
    picture = data.shape.of_kind("picture")
    assert picture is not None
    stored = data.arrays[picture.name]
    parts = [_shrunk(np.asarray(stored[rows[i : i + block]])) for i in range(0, len(rows), block)]
    return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)


def _shrunk(pictures: Array) -> Array:
    n, c, h, w = pictures.shape
    factor = 1
    while c * (h // factor) * (w // factor) > MOST_PIXELS and min(h, w) // (factor + 1) >= 1:
        factor += 1
    height, width = h // factor, w // factor
    cut = pictures[:, :, : height * factor, : width * factor].astype(np.float32)
    small = cut.reshape(n, c, height, factor, width, factor).mean(axis=(3, 5))
    return (small / 255).reshape(n, -1)


def texts_of(data: Data, rows: Array) -> list[str]:
    """The clean texts of some rows, those of several columns one behind the other."""
    columns = list(dict.fromkeys(i.columns[0] for i in data.shape.inputs if i.kind == "text"))
    cells = [texts_of_column(data.source.frame[name][rows]).fill_null("").to_list() for name in columns]
    return ["\n".join(plain_text(cell) for cell in row) for row in zip(*cells, strict=True)]


def text_columns(data: Data) -> Any:
    """A scikit-learn transformer of texts: rarity-weighted pairs of words, or four neighbouring characters."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    spaced = any(i.tokens == "words" for i in data.shape.inputs)
    how: dict[str, Any] = {"tokenizer": words, "token_pattern": None, "ngram_range": (1, 2)}
    how = how if spaced else {"analyzer": "char", "ngram_range": (1, 4)}
    return TfidfVectorizer(sublinear_tf=True, max_features=MOST_NGRAMS, dtype=np.float32, **how)


def linear_columns(table: Table) -> Any:
    """A scikit-learn transformer for linear models: numbers standardised, categories one-hot."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [i for i in range(table.values.shape[1]) if i not in set(table.categories)]
    one_hot = OneHotEncoder(max_categories=MOST_CODES, handle_unknown="infrequent_if_exist", dtype=np.float32)
    return ColumnTransformer([("numbers", StandardScaler(), numbers), ("categories", one_hot, table.categories)])


def tree_categories(table: Table) -> list[int]:
    """Positions of the category columns that trees can split as categories."""
    return [i for i, codes in zip(table.categories, table.cardinalities, strict=True) if codes <= TREE_CODES]
