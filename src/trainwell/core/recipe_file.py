"""Recipes on disk: YAML with the reason of every suggested value as a comment, and a JSON Schema for editors."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import RecipeError
from trainwell.core.recipe import ALIASES, Recipe

try:  # libyaml, which is in every wheel of PyYAML, is ten times faster: a study writes and reads hundreds of recipes
    from yaml import CSafeDumper as _Emitter
    from yaml import CSafeLoader as _Parser
except ImportError:  # PyYAML was built without it
    from yaml import SafeDumper as _Emitter  # type: ignore[assignment]
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

# What a plain word means, as in YAML 1.2: `1e-3` is a number; `on`, `no`, `1:30` and `2026-01-31` are words.
_WORDS = {
    "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "int": (r"^[-+]?[0-9]+$", list("-+0123456789")),
    "float": (
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
}


class _Loader(_Parser):
    """Reads plain words as YAML 1.2 does, and refuses a key that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is not text", node.start_mark)
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        return int(str(self.construct_scalar(node)))

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        return float(str(self.construct_scalar(node)).replace(".inf", "inf").replace(".nan", "nan"))


class _Dumper(_Emitter):
    """Quotes what `_Loader` would not read back as text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  the name is PyYAML's
        return True


for _yaml in (_Loader, _Dumper):
    _yaml.yaml_implicit_resolvers = {}
    for _word, (_pattern, _first) in _WORDS.items():
        _yaml.add_implicit_resolver(f"tag:yaml.org,2002:{_word}", re.compile(_pattern), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


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
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RecipeError(f"cannot be read: {reason}", where=str(path), remedy="Give the path of a recipe.yaml.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"not a recipe in YAML: {' '.join(str(error).split())}", where=str(path)) from None
    if not isinstance(content or {}, Mapping):
        raise RecipeError("expected `key: value` lines", where=str(path), remedy="See `trainwell parts recipe`.")
    try:
        return Recipe(**(content or {}))
    except RecipeError as error:
        raise type(error)(error.what, where=str(path), remedy=error.remedy) from None


def to_yaml(recipe: Recipe, reasons: Mapping[str, str] | None = None) -> str:
    r"""YAML of a recipe; a line `# why` stands above each key that `reasons` explains.

    Example:
        >>> text = to_yaml(Recipe(lr=0.001), {"learning_rate": "found by the range test"})
        >>> "# found by the range test\nlearning_rate: 0.001\n" in text
        True
    """
    reasons = reasons or {}
    lines: list[str] = []
    for key, value in recipe.model_dump().items():
        if key in reasons:
            lines.append(f"# {' '.join(reasons[key].split())}")
        lines.append(yaml.dump({key: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True).removesuffix("\n"))
    return "\n".join(lines) + "\n"


def write_recipe(recipe: Recipe, path: str | Path, reasons: Mapping[str, str] | None = None) -> None:
    """Write `recipe` as YAML; the file is the old one or the new one, never half of it."""
    write_atomic(Path(path), to_yaml(recipe, reasons))


def json_schema() -> str:
    """The JSON Schema of a recipe file, for completion and checks in an editor."""
    schema = Recipe.model_json_schema()
    fields = schema["properties"]
    for key in ("metrics", "augment"):  # a list of one may be written without brackets
        fields[key]["anyOf"].append(fields[key]["anyOf"][1]["items"])
    for word, key in ALIASES.items():
        fields[word] = {**fields[key], "description": f"Another word for `{key}`."}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
