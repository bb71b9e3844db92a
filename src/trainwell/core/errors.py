"""Every error a user can meet, as one tree.

    TrainwellError
    ├── RecipeError            the recipe says something impossible
    │   └── UnknownName        a name or key nobody registered
    ├── DataError              the source cannot be read or used
    ├── CompileError           recipe and data do not fit together
    ├── TrainingError          training cannot go on
    │   └── NonFinite          NaN or infinity in data, loss or gradient
    ├── CheckpointError        saved state is damaged or belongs to something else
    ├── MissingExtra           an optional dependency is not installed
    └── UsageError             the command line is wrong (exit code 2)

Each error is a sentence a user can act on: *what* was found, *where*, and the *remedy*.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from itertools import takewhile


class TrainwellError(Exception):
    """What went wrong, where, and what to do about it.

    Args:
        what: one sentence without a final stop, naming what was found.
        where: file, row, column or layer; empty when `what` already says it.
        remedy: what the user can do, as an imperative sentence.

    Example:
        >>> print(TrainwellError("the file is empty", where="a.csv", remedy="Give a file with rows."))
        a.csv: the file is empty. Give a file with rows.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(what)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}. {self.remedy}" if self.remedy else head

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.remedy)


def _rebuild(kind: type[TrainwellError], what: str, where: str, remedy: str) -> TrainwellError:
    return kind(what, where=where, remedy=remedy)


class RecipeError(TrainwellError):
    """The recipe says something impossible."""


class UnknownName(RecipeError):
    """A name or key that nobody registered."""


class DataError(TrainwellError):
    """The source cannot be read or used."""


class CompileError(TrainwellError):
    """Recipe and data do not fit together."""


class TrainingError(TrainwellError):
    """Training cannot go on."""


class NonFinite(TrainingError):
    """NaN or infinity in data, loss or gradient; the weights are those of the step before."""


class CheckpointError(TrainwellError):
    """Saved state is damaged or belongs to another recipe."""


class MissingExtra(TrainwellError):
    """An optional dependency is not installed."""


class UsageError(TrainwellError):
    """The command line is wrong."""

    exit_code = 2


def likeness(one: str, other: str) -> tuple[float, int]:
    """How alike two words are: the share of their letters that agree, to a hundredth, and how many at the beginning do."""
    beginning = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return round(SequenceMatcher(None, other, one).ratio(), 2), len(list(beginning))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion sentence for a misspelt `name`, or the list of what is known.

    Small letters stand for capitals, and of `torch.optim:SGD` the name counts alone.

    Example:
        >>> did_you_mean("adamv", ["adamw", "sgd"]), did_you_mean("SGD", ["adamw", "sgd"])
        ('Did you mean adamw?', 'Did you mean sgd?')
    """
    known = sorted(known)
    small: dict[str, str] = {}
    for other in known:
        small.setdefault(other.lower(), other)
    name = name.rpartition(":")[2].lower()
    if name in small:
        return f"Did you mean {small[name]}?"
    close = get_close_matches(name, small, n=6, cutoff=0.55)
    close = sorted(close, key=lambda other: likeness(name, other), reverse=True)[:2]
    close = [small[other] for other in close]
    if close:
        return f"Did you mean {' or '.join(close)}?"
    shown = ", ".join(known[:30]) + (", …" if len(known) > 30 else "")
    return f"Known: {shown}." if known else ""
