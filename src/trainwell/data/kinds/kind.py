"""What a column kind is: six functions in one file, from raw cells to encoded arrays and back.

A kind is a module (`number.py`, `category.py`, …) with the functions of `Kind`; none of them keeps state of its own. What is
learnt from the train rows is a frozen dataclass, the column's *state*, whose fields are plain JSON values or numpy arrays:
that is what a saved preparation holds.

    Raw --recognise--> Guess(why, form) --clean(form)--> Cleaned --fit(train rows, rule)--> state --encode--> array
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import polars as pl

from trainwell.data.card import Check
from trainwell.data.kinds.words import Words, nothing, words_of

#: How a kind reads cells: decimal comma, date format, …; JSON values only, found on train rows and kept with the state.
Form = Mapping[str, Any]
#: Columns of at most so many distinct texts are counted once for all that is made of a source.
FEW_WORDS = 1000


@dataclass(frozen=True)
class Rule:
    """What the recipe says about one column, with `inherit` resolved (see `Prepare` and `Column` for the meanings)."""

    kind: str = "auto"
    missing: str = "auto"
    fill: float | str | None = None
    scale: str = "quantile"
    outliers: str = "leave"
    outlier_rule: str = "mad"
    indicator: bool = True
    rare: int = 2
    max_categories: int = 10_000
    picture_size: int | str = "auto"
    picture_channels: int | str = "auto"
    tokens: str | Sequence[str] = "auto"
    vocabulary: int = 20_000
    text_length: int | str = "auto"
    lowercase: bool = True


@dataclass(frozen=True)
class Raw:
    """One column as it was read.

    Args:
        name: the column's name.
        values: a series of N cells, or an array whose first axis has N entries (pictures `(N, H, W, C)` uint8, tensors).
        rows: the train rows; the only ones that `recognise` may look at.
        base: the folder that path cells are relative to.
        known: the words of columns by name, where they have been found already; those found here join them if they are few.
    """

    name: str
    values: pl.Series | np.ndarray
    rows: np.ndarray
    base: str = ""
    known: dict[str, Words] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def series(self) -> pl.Series:
        if isinstance(self.values, pl.Series):
            return self.values
        raise TypeError(f"column {self.name!r} holds arrays, not cells")

    def only(self, rows: np.ndarray) -> Raw:
        """These rows alone, as a column of their own."""
        values = self.values.gather(rows) if isinstance(self.values, pl.Series) else self.values[rows]
        return Raw(self.name, values, np.arange(len(rows)), self.base)

    @cached_property
    def words(self) -> Words:
        """The distinct cells as text and each row's place among them; found once, shared by every kind."""
        if self.name in self.known:
            return self.known[self.name]
        found = words_of(self.series)
        if self.series.dtype == pl.String and len(found.texts) <= FEW_WORDS:
            self.known[self.name] = found
        return found

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each of the distinct texts stands in the train rows."""
        return self.words.counts(self.rows)

    @cached_property
    def telling(self) -> np.ndarray:
        """Places of the distinct texts that stand in the train rows and say something."""
        return np.flatnonzero((self.counts > 0) & ~nothing(self.words.texts))


@dataclass(frozen=True)
class Guess:
    """A kind's claim on a column.

    Args:
        why: the reason for the card, a clause without a stop: "98% of the cells are numbers with a decimal comma".
        form: how the cells are to be read.
        checks: what the user should know about the reading (ambiguous dates, leading zeros).
    """

    why: str
    form: Form = field(default_factory=dict)
    checks: tuple[Check, ...] = ()


@dataclass
class Cleaned:
    """A column's cells as the kind's own values.

    Args:
        values: number: float64 with NaN for missing; boolean: int8, -1 false, 0 missing, +1 true; category: int32 places
            in `labels`, -1 for missing; datetime: datetime64[us] with NaT; text: int32 places in `labels`, -1 for empty;
            picture: `(N, C, H, W)` uint8, perhaps a memory map.
        missing: rows without a usable value, bool (N,).
        unreadable: numbers of the rows whose cell held something this kind cannot read (also counted as missing).
        labels: the distinct texts of a category or text column.
        checks: for the card, in full sentences.
        set_aside: rows that cannot be used at all (broken pictures), bool (N,), or None.
        scratch: what `fit` and `describe` share, so that it is computed once.
    """

    values: Any
    missing: np.ndarray
    unreadable: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    labels: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    set_aside: np.ndarray | None = None
    scratch: dict[str, Any] = field(default_factory=dict)


class Kind(Protocol):
    """The functions of one kind. A module satisfies it; `known.py` lists the modules by name."""

    #: The network input that the encoded column joins: "number", "category", "picture" or "text".
    INPUT: str

    @property
    def State(self) -> type:
        """The state's class; its fields are JSON values or numpy arrays."""

    def recognise(self, raw: Raw, *, forced: bool = False) -> Guess | None:
        """A claim on the column, judged on `raw.rows` alone, or None. `forced`: the user says it is this kind."""

    def clean(self, raw: Raw, form: Form, rule: Rule) -> Cleaned:
        """Every row's cell as the kind's own value; what cannot be read is missing and listed."""

    def fit(self, cleaned: Cleaned, rows: np.ndarray, rule: Rule) -> Any:
        """What encoding needs to know, from the train rows `rows` only."""

    def features(self, state: Any, name: str) -> tuple[str, ...]:
        """Names of the encoded columns: `("age", "age.missing")`; one name for categories and pictures."""

    def encode(self, state: Any, cleaned: Cleaned) -> np.ndarray:
        """Finite values for the network: `(N, len(features))` float32, `(N,)` or `(N, L)` int32 codes, or
        `(N, C, H, W)` uint8."""

    def encode_cell(self, state: Any) -> Callable[[Any], Any] | None:
        """One plain Python cell to what `encode` gives for it: a list of floats or an int code.

        The function returns None for a cell that it does not know how to read; the caller then takes the long way through
        `clean` and `encode`. None instead of a function: the kind has no short way.
        """

    def decode(self, state: Any, encoded: np.ndarray) -> pl.Series | np.ndarray:
        """Encoded values back to cells, as far as they still tell."""

    def unusual(self, state: Any, cleaned: Cleaned) -> Iterator[tuple[int, str]]:
        """Rows whose cell the train rows never showed, with a sentence each (unseen categories)."""

    def describe(self, cleaned: Cleaned, rows: np.ndarray, state: Any) -> dict[str, Any]:
        """JSON for the card: quantiles and histogram, most frequent values, sizes and modes."""
