"""A search space: which recipe keys are searched, and what a candidate's values make of the recipe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from trainwell.core.errors import RecipeError, UnknownName, did_you_mean
from trainwell.core.recipe import ALIASES, Recipe
from trainwell.core.recipe_sections import Column
from trainwell.core.registry import Option
from trainwell.study.tuning.dimension import Dimension, dimension_of, kind_of
from trainwell.study.tuning.ranges import PARTS, has_option, known_range

#: Keys that decide what is scored: under different ones, scores cannot be compared.
JUDGES = {"target", "task", "split", "metrics", "monitor"}


@dataclass(frozen=True)
class Space:
    """The keys that are searched, each with its values; names of parts come before their options.

    Args:
        dimensions: by dotted recipe key.
        base: the recipe that a candidate changes, as the user wrote it.
        names: the part names of the base with every `auto` filled in.

    An option of a part (`model.k`) is searched only in those candidates whose part has it.
    """

    dimensions: dict[str, Dimension]
    base: Recipe
    names: dict[str, str]

    def applies(self, key: str, chosen: Mapping[str, Any]) -> bool:
        """Whether a candidate with these choices so far has this key."""
        head, _, option = key.partition(".")
        return head not in PARTS or not option or has_option(head, self._name(head, chosen), option)

    def _name(self, head: str, chosen: Mapping[str, Any]) -> str:
        said = chosen.get(head, self.names[head])
        return said["name"] if isinstance(said, Mapping) else str(said)

    @property
    def conditional(self) -> bool:
        """Whether some candidates lack a key that others have."""
        return any(
            not self.applies(key, dict(zip(self.parts, names, strict=True))) for key in self.dimensions for names in self._mixed
        )

    @property
    def parts(self) -> list[str]:
        """The parts whose name is searched."""
        return [key for key in self.dimensions if key in PARTS]

    @property
    def _mixed(self) -> Iterator[tuple[Any, ...]]:
        return product(*(self.dimensions[key].ends() for key in self.parts))

    def draw(self, pick: Callable[[str, Dimension], Any]) -> dict[str, Any]:
        """A candidate: `pick(key, dimension)` for each key that applies, in order."""
        chosen: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if self.applies(key, chosen):
                chosen[key] = pick(key, dimension)
        return chosen

    def grid(self) -> list[dict[str, Any]]:
        """Every candidate once, the last key changing fastest.

        Example:
            >>> space = read_space({"learning_rate": [0.1, 0.2], "model.depth": "1..2"}, Recipe(model="mlp"))
            >>> [tuple(c.values()) for c in space.grid()]
            [(0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2)]
        """
        points = [dimension.points_of(key) for key, dimension in self.dimensions.items()]
        found = {}
        for values in product(*points):
            at = dict(zip(self.dimensions, values, strict=True))
            candidate = self.draw(lambda key, _: at[key])  # noqa: B023  it is called within this turn
            found[json.dumps(candidate)] = candidate
        return list(found.values())

    def recipe(self, chosen: Mapping[str, Any]) -> Recipe:
        """The base with the candidate's values; a part that keeps its name keeps its options."""
        return self.base.with_keys({k: v for k, v in chosen.items() if k not in PARTS or v != self.names[k]})

    def to_dict(self) -> dict[str, str]:
        """The space as text, key by key, as one would write it."""
        return {key: str(dimension) for key, dimension in self.dimensions.items()}


def read_space(given: Mapping[str, Any], base: Recipe, *, resolved: Recipe | None = None) -> Space:
    """A space from a mapping of recipe keys to values to try, checked against the recipe.

    Args:
        given: dotted or nested keys; values as text in the way of this module, lists, `Range` or `Choice`.
        base: the recipe that candidates change.
        resolved: the base with every `auto` filled in, from which `search` takes its ranges; the base itself if not given.

    Raises:
        UnknownName: a key that no recipe has, or an option that none of its parts has.
        RecipeError: a range without numbers, or a value that the key does not take.

    Example:
        >>> space = read_space({"lr": "1e-4..1e-1:log", "model": {"width": [64, 128]}}, Recipe(model="mlp"))
        >>> space.to_dict()
        {'learning_rate': '0.0001..0.1:log', 'model.width': '64,128'}
    """
    resolved = resolved or base
    flat = dict(_flat(given))
    if not flat:
        raise RecipeError("the search space is empty", remedy="Write for example learning_rate=1e-4..1e-1:log.")
    names = {head: getattr(resolved, head).name for head in PARTS}
    found: dict[str, Dimension] = {}
    for key in sorted(flat, key=lambda k: k not in PARTS):
        value, kind = flat[key], _kind(key, names, found)
        found[key] = known_range(key, resolved) if value == "search" else dimension_of(key, value, kind=kind)
    space = Space(found, base, names)
    for key, dimension in found.items():
        _try_out(space, key, dimension)
    return space


def _flat(given: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for word, value in given.items():
        key = prefix + str(word).replace("__", ".")
        head, dot, rest = key.partition(".")
        key = ALIASES.get(head, head) + dot + rest
        if isinstance(value, Mapping) and value and "name" not in value:
            yield from _flat(value, f"{key}.")
        else:
            yield key, value


def _kind(key: str, names: Mapping[str, str], found: Mapping[str, Dimension]) -> str:
    """What a key takes: "int", "float" or "other"; an unknown key is an error."""
    head, _, rest = key.partition(".")
    if head not in Recipe.model_fields:
        raise UnknownName(
            f"a recipe has no key {head!r}", where=f"search key {key!r}", remedy=did_you_mean(head, Recipe.model_fields)
        )
    if head in JUDGES:
        what = f"{head} decides what is scored, so that candidates could not be compared"
        raise RecipeError(what, where=f"search key {key!r}", remedy=f"Fix it in the recipe: {key}=VALUE.")
    if head in PARTS and rest:
        return kind_of(_option(key, [names[head]] if head not in found else _names(found[head])))
    if head == "columns":
        return kind_of(Column.model_fields.get(rest.rpartition(".")[2], Column.model_fields["kind"]).annotation)
    annotation = Recipe.model_fields[head].annotation
    if rest and isinstance(annotation, type):
        fields = vars(annotation)["__pydantic_fields__"]
        if rest not in fields:
            raise UnknownName(f"{head} has no key {rest!r}", where=f"search key {key!r}", remedy=did_you_mean(rest, fields))
        annotation = fields[rest].annotation
    return kind_of(annotation)


def _names(dimension: Dimension) -> list[str]:
    return [v["name"] if isinstance(v, Mapping) else str(v) for v in dimension.ends()]


def _option(key: str, names: Sequence[str]) -> Any:
    """The type of a part's option, from the first of these names that has it."""
    head, _, option = key.partition(".")
    known: dict[str, Option] = {}
    for name in names:
        if ":" in name:
            return Any
        known = PARTS[head].options(name) | known
    if option not in known:
        what = f"{head} {' or '.join(names)} has no option {option!r}"
        raise UnknownName(what, where=f"search key {key!r}", remedy=did_you_mean(option, known))
    return known[option].annotation


def _try_out(space: Space, key: str, dimension: Dimension) -> None:
    """Every end of a dimension in the recipe, so that a wrong value speaks before anything is trained."""
    head, _, option = key.partition(".")
    owners = _names(space.dimensions[head]) if head in space.dimensions else [space.names.get(head, "")]
    for value in dimension.ends():
        space.base.with_keys({key: value})
        if head in PARTS and not option:
            part = Recipe(**{head: value}).model_dump()[head]
            name, options = (
                (part, {}) if isinstance(part, str) else (part["name"], {k: v for k, v in part.items() if k != "name"})
            )
            if ":" not in name:
                PARTS[head].checked(name, options)
        elif head in PARTS:
            for owner in owners:
                if ":" not in owner and option in PARTS[head].options(owner):
                    PARTS[head].checked(owner, {option: value})
