"""Nested mappings addressed by paths: what `Recipe.but` and `Recipe.diff` are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard


def set_path(tree: dict[str, Any], path: list[str], value: Any) -> None:
    """Set `tree[path[0]][path[1]]… = value`, turning a part's short form into a mapping on the way."""
    *parents, last = path
    for name in parents:
        inner = tree.get(name)
        if isinstance(inner, str):
            inner = {"name": inner}
        elif not isinstance(inner, Mapping):
            inner = {}
        tree[name] = dict(inner)
        tree = tree[name]
    tree[last] = value


def differences(mine: Mapping[str, Any], theirs: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Dotted keys at which two nested mappings differ, with both values; None stands for an option that one of them lacks."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in [*mine, *(k for k in theirs if k not in mine)]:
        a, b = mine.get(key), theirs.get(key)
        if isinstance(a, str) and isinstance(b, Mapping) and b.get("name") == a:
            a = {"name": a}  # the short form of a part
        if b is not None and _one_by_one(a, b):
            found |= differences(a, b, f"{prefix}{key}.")
        elif a != b or (key in mine) != (key in theirs):
            found[f"{prefix}{key}"] = (a, b)
    return found


def _one_by_one(a: Any, b: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether setting keys of `b` in `a` makes `b`: no key has to go, none holds the separator, the name is the same."""
    if not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return False
    return a.keys() <= b.keys() and not any("." in k for k in b) and a.get("name") == b.get("name")
