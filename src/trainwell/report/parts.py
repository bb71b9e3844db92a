"""What can stand in a recipe: its keys and every registered name, described from signatures and docstrings."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from trainwell.core.errors import UnknownName, did_you_mean
from trainwell.core.recipe import Column, Prepare, Recipe, Split
from trainwell.core.registry import Option, Registry, options_of

#: Where each registry lives; imported only when it is asked for, for most of them load torch.
REGISTRIES = {
    "activation": ("trainwell.models.registry", "activations"),
    "augmentation": ("trainwell.data.augment.registry", "augmentations"),
    "initializer": ("trainwell.models.registry", "initializers"),
    "loss": ("trainwell.score.registry", "losses"),
    "metric": ("trainwell.score.registry", "metrics"),
    "mix": ("trainwell.data.augment.registry", "mixes"),
    "model": ("trainwell.models.registry", "models"),
    "norm": ("trainwell.models.registry", "norms"),
    "optimizer": ("trainwell.optim.registry", "optimizers"),
    "warp": ("trainwell.data.augment.registry", "warps"),
    "schedule": ("trainwell.optim.registry", "schedules"),
}

SECTIONS: dict[str, type[BaseModel]] = {"": Recipe, "split.": Split, "prepare.": Prepare, "columns.NAME.": Column}


def registry(noun: str) -> Registry[Any]:
    """The registry of a noun: "model", "loss", …"""
    if noun not in REGISTRIES:
        raise UnknownName(f"there is no kind of part {noun!r}", remedy=did_you_mean(noun, ["recipe", *REGISTRIES]))
    module, name = REGISTRIES[noun]
    found: Registry[Any] = getattr(import_module(module), name)
    return found


def describe_parts(noun: str | None) -> dict[str, Any]:
    """Names with summary and options: of one noun, or the names alone of all nouns.

    Example:
        >>> describe_parts("schedule")["schedule"]["cosine"]["options"]["warmup"]["default"]
        0.05
    """
    if noun is None:
        return {"recipe": {key: {} for key in Recipe.model_fields}} | {
            n: {k: {} for k in registry(n).names()} for n in REGISTRIES
        }
    noun = noun.removesuffix("s") if noun.removesuffix("s") in {"recipe", *REGISTRIES} else noun
    if noun == "recipe":
        return {"recipe": recipe_keys()}
    found = registry(noun)
    return {noun: {name: _describe(found[name]) for name in found.names()}}


def recipe_keys() -> dict[str, dict[str, Any]]:
    """Every key of a recipe with its type, default and documentation."""
    return {
        f"{prefix}{key}": {
            "summary": info.description or "",
            "type": type_text(info.annotation),
            "default": _plain(info.get_default(call_default_factory=True)),
        }
        for prefix, section in SECTIONS.items()
        for key, info in section.model_fields.items()
    }


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _describe(function: Any) -> dict[str, Any]:
    return {"summary": summary_of(function), "options": {o.name: _option(o) for o in options_of(function).values()}}


def _option(option: Option) -> dict[str, Any]:
    return {"type": type_text(option.annotation), "default": None if option.required else option.default, "help": option.help}


def summary_of(thing: Any) -> str:
    """The first sentence of a docstring."""
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


def type_text(annotation: Any) -> str:
    """A type as a user writes it: `auto | float`, `"mad" | "iqr"`.

    Example:
        >>> type_text(float | None)
        'float | None'
    """
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    for noise in ("typing.", "trainwell.core.recipe.", "trainwell.core.part.", "collections.abc."):
        text = text.replace(noise, "")
    while "Literal[" in text:
        before, _, rest = text.partition("Literal[")
        inside, _, after = rest.partition("]")
        text = before + " | ".join(w.strip().strip("'") for w in inside.split(",")) + after
    return text


def show_parts(found: dict[str, Any]) -> None:
    """Print what `describe_parts` found."""
    console = Console()
    for noun, names in found.items():
        if not any(names.values()):
            console.print(f"[bold]{noun}[/]: {', '.join(names)}", highlight=False)
            continue
        table = Table(title=noun, title_justify="left", show_lines=False, pad_edge=False)
        for heading in ("name", "what it is", "options"):
            table.add_column(heading, overflow="fold")
        for name, entry in names.items():
            table.add_row(name, entry["summary"], _options_text(entry))
        console.print(table)


def _options_text(entry: dict[str, Any]) -> str:
    if "options" not in entry:
        return f"{entry['type']} = {entry['default']}"
    return "\n".join(f"{name}={o['default']}" for name, o in entry["options"].items())


def show_explanation(name: str) -> None:
    """Print the page of one word: a recipe key, or a registered name (all of them, if several kinds share it)."""
    console = Console()
    keys = recipe_keys()
    found = False
    if name in keys:
        entry, found = keys[name], True
        console.print(f"[bold]{name}[/]: a recipe key ({entry['type']}, default {entry['default']})\n", highlight=False)
        console.print(Markdown(entry["summary"]))
    for noun in REGISTRIES:
        if name in registry(noun):
            found = True
            console.print(f"[bold]{name}[/]: a {noun}\n", highlight=False)
            console.print(inspect.getdoc(registry(noun)[name]), markup=False, highlight=False)
    if not found:
        known = {*keys, *(n for noun in REGISTRIES for n in registry(noun).names())}
        raise UnknownName(f"there is nothing called {name!r}", remedy=did_you_mean(name, known))
