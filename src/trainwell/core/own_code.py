"""The user's own code by its path, `package.module:Name`, and its signature as options of a recipe."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

from trainwell.core.errors import RecipeError, UnknownName, did_you_mean


def find(path: str) -> Any:
    """The object that `package.module:Name` (or `package.module:Outer.Name`) points at.

    The current folder is searched too, as Python itself does for scripts.

    Example:
        >>> find("torch.nn:Linear")
        <class 'torch.nn.modules.linear.Linear'>
    """
    module_name, _, name = path.partition(":")
    if not module_name or not name:
        raise RecipeError(f"{path!r} is no path of a class or function", remedy="Write it as package.module:Name.")
    found: Any = _module(module_name, path)
    for part in name.split("."):
        known = [n for n in dir(found) if not n.startswith("_")]
        if part not in dir(found):
            raise UnknownName(f"{module_name} has no {part!r}", where=path, remedy=did_you_mean(part, known))
        found = getattr(found, part)
    return found


def _module(name: str, path: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        remedy = f"Install it, or start from the folder that holds {name.split('.')[0]}."
        raise RecipeError(f"there is no module {error.name!r}", where=path, remedy=remedy) from None
    except Exception as error:  # whatever the user's own file raises
        said = " ".join(str(error).split())
        raise RecipeError(
            f"{name} cannot be imported ({type(error).__name__}: {said})", where=path, remedy="Mend it."
        ) from error


def parameters_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The named parameters of the user's function or class, `self` left out."""
    return {n: p for n, p in signature_of(function).items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


def signature_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Every parameter of the user's function or class; an error where Python cannot read them."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise RecipeError(f"the parameters of {name_of(function)} cannot be read", remedy="Wrap it in a function.") from None


def name_of(function: Callable[..., Any]) -> str:
    """What to call it in a message."""
    return getattr(function, "__qualname__", type(function).__name__)


def with_options(function: Callable[..., Any], source: Callable[..., Any], skipped: set[str]) -> Callable[..., Any]:
    """`function`, whose options a registry sees as those of `source`: each of its parameters but those `skipped`.

    Example:
        >>> def power(base, exponent: int = 2): return base ** exponent
        >>> inspect.signature(with_options(lambda base, **options: power(base, **options), power, {"base"}))
        <Signature (*, exponent: int = 2)>
    """
    taken = [p.replace(kind=p.KEYWORD_ONLY) for name, p in parameters_of(source).items() if name not in skipped]
    hints = _hints(source.__init__ if isinstance(source, type) else source)  # type: ignore[misc]  # of this very class
    taken = [p.replace(annotation=hints.get(p.name, Any)) for p in taken]
    function.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in taken}
    function.__doc__ = source.__doc__
    return function


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Types of the parameters; none where they name what only a type checker has."""
    try:
        return get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return {}
