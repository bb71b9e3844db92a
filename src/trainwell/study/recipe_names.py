"""What recipes of one study are called: by what tells them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe


def named_by_difference(recipes: Sequence[Recipe]) -> dict[str, Recipe]:
    """Recipes by what one would type to tell them apart: keys in which they differ; the network's name where all are defaults.

    Raises:
        UsageError: two of them are the same.

    Example:
        >>> list(named_by_difference([Recipe(lr=0.1), Recipe(lr=0.2)]))
        ['learning_rate=0.1', 'learning_rate=0.2']
        >>> list(named_by_difference([Recipe(), Recipe(lr=0.2)]))
        ['auto', 'learning_rate=0.2']
        >>> list(named_by_difference([Recipe(model="mlp"), Recipe(model="mlp").but(model__width=32), Recipe(model="tabm")]))
        ['model=mlp', 'model=mlp model.width=32', 'model=tabm']
    """
    flat = [_flat(recipe.model_dump()) for recipe in recipes]
    usual = _flat(Recipe().model_dump())
    every = list(dict.fromkeys(key for keys in flat for key in keys))
    varying = [key for key in every if any(keys.get(key, ...) != flat[0].get(key, ...) for keys in flat)]
    found: dict[str, Recipe] = {}
    for recipe, keys in zip(recipes, flat, strict=True):
        told = [key for key in varying if key in keys and keys[key] != usual.get(key, ...)]
        name = " ".join(f"{key}={value_words(keys[key])}" for key in told) or recipe.model.name
        if name in found:
            raise UsageError(f"two of the recipes are the same ({name})", remedy="Leave one out.")
        found[name] = recipe
    return found


def _flat(plain: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys as one types them: a part's own name stands at the part. Columns keep theirs, whose names may hold dots."""
    found: dict[str, Any] = {}
    for key, value in plain.items():
        if isinstance(value, Mapping) and key != "columns":
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix.removesuffix(".") if key == "name" and prefix else prefix + key] = value
    return found


def value_words(value: Any) -> str:
    """A value of a recipe in few characters: a part by its name and options, a list by its members.

    Example:
        >>> value_words(0.1), value_words([]), value_words(["flip", {"name": "crop", "pixels": 2}])
        ('0.1', 'none', 'flip+crop(pixels: 2)')
    """
    if isinstance(value, dict):
        options = ", ".join(f"{k}: {value_words(v)}" for k, v in value.items() if k != "name")
        return f"{value.get('name', '')}({options})" if options else str(value.get("name", ""))
    return ("+".join(map(value_words, value)) or "none") if isinstance(value, list) else str(value)
