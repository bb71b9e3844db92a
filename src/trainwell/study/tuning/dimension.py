"""Search spaces: which recipe keys are searched, and between which values.

One way of writing serves a mapping in Python, a YAML file and the command line:

    1e-4..1e-1:log        between two numbers, equal steps being equal factors
    0..0.5                between two numbers; whole numbers where the key takes whole numbers
    32..256:step=32       in steps
    1e-4..1e-1:log:points=4   for a grid: so many values of the range
    64,128,256            one of these (also words, lists, true and false)
    search                the range that trainwell knows for this key
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from trainwell.core.errors import RecipeError, did_you_mean
from trainwell.core.recipe_file import parse_value

#: Whole numbers up to which a range without steps is a grid of all of them.
MOST_WHOLE = 32
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})((?::[a-z]+(?:={_NUMBER})?)*)")


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Args:
        values: in the order given.

    Example:
        >>> str(Choice((64, 128)))
        '64,128'
    """

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return ",".join(v if isinstance(v, str) else json.dumps(v) for v in self.values)

    def points_of(self, key: str) -> list[Any]:  # noqa: ARG002  a range needs the key for its message
        """Every value."""
        return list(self.values)

    def ends(self) -> list[Any]:
        """Values that are tried against the recipe before anything is trained: all of them."""
        return list(self.values)


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included.

    Args:
        low: the least.
        high: the most.
        log: whether equal steps are equal factors.
        step: distance of neighbours; 0 is none, or 1 for whole numbers.
        points: values of a grid; 0 leaves it to `step`.
        whole: whether only whole numbers are meant.

    Example:
        >>> Range(1e-4, 1e-1, log=True, points=4).points_of("learning_rate")
        [0.0001, 0.001, 0.01, 0.1]
    """

    low: float
    high: float
    log: bool = False
    step: float = 0.0
    points: int = 0
    whole: bool = False

    def __str__(self) -> str:
        marks = [":log"] if self.log else []
        marks += [f":step={self.step:g}"] if self.step else []
        marks += [f":points={self.points}"] if self.points else []
        return f"{self.low!r}..{self.high!r}" + "".join(marks)

    def ends(self) -> list[Any]:
        """The two ends."""
        return [self.low, self.high]

    def points_of(self, key: str) -> list[Any]:
        """The values of a grid over this range.

        Raises:
            RecipeError: a range of fractions says neither `points` nor `step`.
        """
        if self.points:
            return self._spread(self.points)
        if self.step:
            return [self._round(self.low + i * self.step) for i in range(int((self.high - self.low) / self.step + 1e-9) + 1)]
        if self.whole and self.log:
            return [self.low * 2**i for i in range(int(math.log2(self.high / self.low) + 1e-9) + 1)]
        if self.whole and self.high - self.low < MOST_WHOLE:
            return list(range(int(self.low), int(self.high) + 1))
        remedy = f"Write {key}={self}:points=4, or list the values."
        raise RecipeError(f"a grid needs to know how many values of {self} to try", where=f"search key {key!r}", remedy=remedy)

    def _spread(self, n: int) -> list[Any]:
        shares = [i / max(1, n - 1) for i in range(n)]
        if self.log:
            values = [self.low * (self.high / self.low) ** s for s in shares]
        else:
            values = [self.low + (self.high - self.low) * s for s in shares]
        return list(dict.fromkeys(self._round(v) for v in values))

    def _round(self, value: float) -> float:
        return round(value) if self.whole else float(f"{value:.12g}")


Dimension = Choice | Range


def is_searched(text: str) -> bool:
    """Whether a value on the command line is a set of values to search, and not one value.

    Example:
        >>> [is_searched(text) for text in ("1e-4..1e-1:log", "64,128", "search", "mlp", "[flip, crop]")]
        [True, True, True, False, False]
    """
    return text == "search" or bool(_RANGE.fullmatch(text)) or len(split_choices(text)) > 1


def split_choices(text: str) -> list[str]:
    """The pieces between commas that stand outside brackets and quotes.

    Example:
        >>> split_choices("[],[flip, crop]"), split_choices("{name: prelu, start: 0.1}")
        (['[]', '[flip, crop]'], ['{name: prelu, start: 0.1}'])
    """
    pieces, depth, quote = [""], 0, ""
    for letter in text:
        quote = "" if letter == quote else (letter if letter in "'\"" and not quote else quote)
        depth += 0 if quote else (letter in "[{(") - (letter in "]})")
        if letter == "," and depth == 0 and not quote:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces]


def dimension_of(key: str, value: Any, *, kind: str) -> Dimension:
    """One key's values from what the user wrote.

    Args:
        key: dotted recipe key, for messages.
        value: text, a list, a `Range` or a `Choice`; anything else is the only value.
        kind: "int", "float" or "other": what the key takes.

    Example:
        >>> dimension_of("model.width", "64..512:log", kind="int")
        Range(low=64, high=512, log=True, step=0, points=0, whole=True)
    """
    if isinstance(value, Range | Choice):
        return value
    if isinstance(value, str) and (match := _RANGE.fullmatch(value)):
        return _range(key, match, kind)
    values = [parse_value(v) for v in split_choices(value)] if isinstance(value, str) else value
    chosen = tuple(values) if isinstance(values, list | tuple) else (values,)
    if len(set(map(repr, chosen))) < len(chosen) or not chosen:
        what = f"a value is given twice in {value!r}" if chosen else "there is no value to try"
        raise RecipeError(what, where=f"search key {key!r}", remedy="Write each value once.")
    return Choice(chosen)


def _range(key: str, match: re.Match[str], kind: str) -> Range:
    low, high = (parse_value(match[i]) for i in (1, 2))
    words = dict.fromkeys(word.partition("=")[0] for word in match[3].split(":")[1:])
    given = {w.partition("=")[0]: w.partition("=")[2] for w in match[3].split(":")[1:]}
    unknown = [word for word in words if word not in ("log", "step", "points")]
    if unknown:
        remedy = did_you_mean(unknown[0], ["log", "step", "points"])
        raise RecipeError(f"a range knows no {unknown[0]!r}", where=f"search key {key!r}", remedy=remedy)
    whole = kind != "float" and isinstance(low, int) and isinstance(high, int)
    if kind == "int" and not whole:
        raise RecipeError(f"{match[0]!r} has fractions, the key takes whole numbers", where=f"search key {key!r}")
    number = (lambda v: v) if whole else float
    step, points = (float(given.get(word) or 0) for word in ("step", "points"))
    found = Range(number(low), number(high), "log" in given, round(step) if whole else step, int(points), whole)
    _check_range(key, match[0], found)
    return found


def _check_range(key: str, text: str, found: Range) -> None:
    where = f"search key {key!r}"
    if not found.low < found.high:
        raise RecipeError(f"the range {text!r} does not rise", where=where, remedy="Write the smaller number first.")
    if found.log and found.low <= 0:
        raise RecipeError(
            f"the range {text!r} is logarithmic and starts at {found.low:g}", where=where, remedy="Start above 0."
        )
    if found.log and found.step:
        raise RecipeError(f"the range {text!r} has both log and step", where=where, remedy="Use log with points.")


def kind_of(annotation: Any) -> str:
    """Whether a type takes fractions, whole numbers, or something else.

    Example:
        >>> kind_of(float | str), kind_of(int), kind_of(str)
        ('float', 'int', 'other')
    """
    leaves = set(_leaves(annotation))
    return "float" if float in leaves else "int" if int in leaves else "other"


def _leaves(annotation: Any) -> Iterator[Any]:
    inside = [a for a in get_args(annotation) if isinstance(a, type) or get_args(a)]
    if not inside:
        yield annotation
    for one in inside:
        yield from _leaves(one)
