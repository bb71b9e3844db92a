"""Names for functions: how a recipe's word becomes a network, a loss or a schedule.

The function's name is the registered name; its keyword-only parameters are its options. Recipe fields, command-line keys,
documentation and search spaces all come from that one signature.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from trainwell.core.errors import RecipeError, UnknownName, did_you_mean
from trainwell.core.own_code import find

if TYPE_CHECKING:
    from pydantic import TypeAdapter

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Option:
    """One keyword-only parameter of a registered function."""

    name: str
    annotation: Any
    default: Any
    help: str

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


class Registry(Generic[F]):
    """Functions by name, found by importing the modules of `home` on first use.

    Args:
        noun: what one entry is ("model"), used in messages and as the entry-point name prefix.
        home: the package whose modules register themselves when imported.
        own: path of the function that fits the user's own code to what this registry's functions are called with; the name
            `package.module:Name` then stands for that code. Empty takes registered names only.

    Third parties register through the entry-point group `trainwell`: an entry named `model-anything` is loaded before the
    first look-up of a model.

    Example:
        >>> losses = Registry("loss", home="")
        >>> @losses.register
        ... def squared(*, scale: float = 1.0): return scale
        >>> losses.bind("squared", {"scale": 2.0})()
        2.0
    """

    def __init__(self, noun: str, *, home: str, own: str = "") -> None:
        self.noun, self.home, self.own = noun, home, own
        self._functions: dict[str, F] = {}
        self._aliases: dict[str, str] = {}
        self._loaded = not home

    def register(self, function: F) -> F:
        """Decorator: register `function` under its own name; a second registration is an error."""
        name = function.__name__
        known = self._functions.get(name)
        if known is not None and known.__module__ != function.__module__:
            raise RecipeError(
                f"the {self.noun} {name!r} is registered twice: in {known.__module__} and in {function.__module__}",
                remedy="Rename one of the two functions.",
            )
        self._functions[name] = function
        return function

    def alias(self, **names: str) -> None:
        """Further names that users of the field know: `losses.alias(mse="mean_squared_error")`."""
        self._aliases.update(names)

    def names(self) -> list[str]:
        """Every registered name, sorted; further names are not listed."""
        self._load()
        return sorted(self._functions)

    def __contains__(self, name: str) -> bool:
        if self.own and ":" in name:
            return True
        self._load()
        return self._aliases.get(name, name) in self._functions

    def __getitem__(self, name: str) -> F:
        if self.own and ":" in name:
            fitted: F = find(self.own)(find(name))
            return fitted
        self._load()
        own = self._aliases.get(name, name)
        if own not in self._functions:
            remedy = did_you_mean(name, {*self._functions, *self._aliases})
            raise UnknownName(f"there is no {self.noun} {name!r}", remedy=remedy)
        return self._functions[own]

    def options(self, name: str) -> dict[str, Option]:
        """The keyword-only parameters of `name`, in the order of its signature."""
        return options_of(self[name])

    def bind(self, name: str, options: Mapping[str, Any]) -> Callable[..., Any]:
        """The function with its options checked (name and type) and filled in."""
        return partial(self[name], **self.checked(name, options))

    def checked(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """`options` as the types that the signature asks for; unknown ones and wrong types are errors."""
        return check_options(f"{self.noun} {name!r}", self.options(name), options)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # said first: a module of `home` may ask for names while it is imported
        try:
            self._import_home()
        except BaseException:
            self._loaded = False
            raise

    def _import_home(self) -> None:
        package = importlib.import_module(self.home)
        for module in pkgutil.iter_modules(package.__path__, f"{self.home}."):
            importlib.import_module(module.name)
        for point in entry_points(group="trainwell"):
            if point.name.startswith(f"{self.noun}-"):
                point.load()


def options_of(function: Callable[..., Any]) -> dict[str, Option]:
    """The keyword-only parameters of any function, with the help lines of its docstring."""
    return dict(_options_of(function))


@lru_cache(1024)  # a study asks for those of the same few functions for each of its networks
def _options_of(function: Callable[..., Any]) -> Mapping[str, Option]:
    hints, help_lines = get_type_hints(function), argument_help(inspect.getdoc(function) or "")
    return {
        p.name: Option(p.name, hints.get(p.name, Any), p.default, help_lines.get(p.name, ""))
        for p in inspect.signature(function).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    }


def check_options(owner: str, known: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` validated against `known`; `owner` names the function in messages."""
    for name in given:
        if name not in known:
            raise UnknownName(f"{owner} has no option {name!r}", remedy=did_you_mean(name, known))
    missing = [o.name for o in known.values() if o.required and o.name not in given]
    if missing:
        raise RecipeError(f"{owner} needs the option {missing[0]!r}", remedy=f"Give it as {missing[0]}=…")
    return {name: _as_type(owner, known[name], value) for name, value in given.items()}


@lru_cache(1024)
def _reader(annotation: Any) -> TypeAdapter[Any]:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))


def _as_type(owner: str, option: Option, value: Any) -> Any:
    from pydantic import ValidationError

    try:
        return _reader(option.annotation).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise RecipeError(
            f"{owner} got {option.name}={value!r}: {reason[0].lower()}{reason[1:]}",
            remedy=f"The default is {option.default!r}." if not option.required else "",
        ) from None


_ARGUMENT = re.compile(r"^    (\w+): (.*)$")


def argument_help(doc: str) -> dict[str, str]:
    """The lines under `Args:` of a docstring, by parameter name."""
    found: dict[str, str] = {}
    name = ""
    inside = False
    for line in doc.splitlines():
        if re.match(r"^\S", line):
            inside, name = line == "Args:", ""
        elif inside and (match := _ARGUMENT.match(line)):
            name = match[1]
            found[name] = match[2]
        elif inside and name and line.strip():
            found[name] += " " + line.strip()
    return found
