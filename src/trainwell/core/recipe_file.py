"""Recipes on disk: YAML with the reason of every suggested value as a comment, and a JSON Schema for editors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import RecipeError
from trainwell.core.recipe import Recipe


class _Loader(yaml.SafeLoader):
    """YAML 1.2's idea of a number, so that `1e-3` is one."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?$"),
    list("-+0123456789."),
)


def parse_value(text: str) -> Any:
    """A command-line value as YAML reads it: numbers, true/false, lists, mappings; anything else is text.

    Example:
        >>> parse_value("1e-3"), parse_value("[flip, crop]"), parse_value("adamw")
        (0.001, ['flip', 'crop'], 'adamw')
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError:
        return text


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a YAML file; the file name and line are in the message when it cannot be read."""
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise RecipeError("there is no such file", where=str(path), remedy="Give the path of a recipe.yaml.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"not YAML: {' '.join(str(error).split())}", where=str(path)) from None
    if not isinstance(content or {}, Mapping):
        raise RecipeError("expected `key: value` lines", where=str(path), remedy="See `trainwell parts recipe`.")
    try:
        return Recipe(**(content or {}))
    except RecipeError as error:
        raise type(error)(error.what, where=str(path), remedy=error.remedy) from None


def to_yaml(recipe: Recipe, reasons: Mapping[str, str] | None = None) -> str:
    """YAML of a recipe; a line `# why` stands above each key that `reasons` explains.

    Example:
        >>> print(to_yaml(Recipe(lr=0.001), {"learning_rate": "measured"}).split("model: auto")[0].count("measured"))
        0
    """
    reasons = reasons or {}
    lines: list[str] = []
    for key, value in recipe.model_dump().items():
        if key in reasons:
            lines.append(f"# {reasons[key]}")
        lines.append(yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True).rstrip())
    return "\n".join(lines) + "\n"


def write_recipe(recipe: Recipe, path: str | Path, reasons: Mapping[str, str] | None = None) -> None:
    """Write `recipe` as YAML; the file is the old one or the new one, never half of it."""
    write_atomic(Path(path), to_yaml(recipe, reasons))


def json_schema() -> str:
    """The JSON Schema of a recipe file, for completion and checks in an editor."""
    return json.dumps(Recipe.model_json_schema(), indent=2, ensure_ascii=False)
