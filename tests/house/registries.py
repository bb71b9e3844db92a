"""Every registry of the package and every name in it, found by importing all modules."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from house.tree import MODULES
from trainwell.core.registry import Registry


def _registries() -> list[Registry]:
    modules = [importlib.import_module(name) for name in sorted(MODULES) if name != "trainwell.__main__"]
    found = {id(v): v for module in modules for v in vars(module).values() if isinstance(v, Registry)}
    return sorted(found.values(), key=lambda registry: registry.noun)


REGISTRIES = _registries()
ENTRIES: list[tuple[Registry, str, Callable[..., Any]]] = [(r, name, r[name]) for r in REGISTRIES for name in r.names()]


def entry_id(entry: tuple[Registry, str, Callable[..., Any]]) -> str:
    return f"{entry[0].noun}-{entry[1]}"
