"""What can stand in a recipe: its keys and every registered name, described from signatures and docstrings."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from importlib import import_module
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trainwell.core.errors import UnknownName, did_you_mean
from trainwell.core.i18n import spoken
from trainwell.core.part import Part
from trainwell.core.recipe import ALIASES, Recipe
from trainwell.core.recipe_sections import Column, Prepare, Series, Split, Transfer
from trainwell.core.registry import Option, Registry, options_of

#: Where each registry lives; imported only when it is asked for, for most of them load torch.
REGISTRIES = {
    "activation": ("trainwell.models.registry", "activations"),
    "augmentation": ("trainwell.data.augment.registry", "augmentations"),
    "block": ("trainwell.models.registry", "blocks"),
    "diagnosis": ("trainwell.doctor.registry", "diagnoses"),
    "initializer": ("trainwell.models.registry", "initializers"),
    "loss": ("trainwell.score.registry", "losses"),
    "metric": ("trainwell.score.registry", "metrics"),
    "mix": ("trainwell.data.augment.registry", "mixes"),
    "model": ("trainwell.models.registry", "models"),
    "norm": ("trainwell.models.registry", "norms"),
    "optimizer": ("trainwell.optim.registry", "optimizers"),
    "tracker": ("trainwell.train.trackers.registry", "trackers"),
    "schedule": ("trainwell.optim.registry", "schedules"),
    "warp": ("trainwell.data.augment.registry", "warps"),
    "motion": ("trainwell.data.augment.registry", "motions"),
    "edit": ("trainwell.data.augment.registry", "edits"),
    "game": ("trainwell.train.adversarial.registry", "games"),
}

SECTIONS: dict[str, type[BaseModel]] = {
    "": Recipe,
    "split.": Split,
    "prepare.": Prepare,
    "series.": Series,
    "transfer.": Transfer,
    "columns.NAME.": Column,
}
SECTION_NAMES = [prefix.split(".")[0] for prefix in SECTIONS if prefix]


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
    singular = noun.removesuffix("es") if noun == "losses" else noun.removesuffix("s")
    noun = singular if singular in {"recipe", *REGISTRIES} else noun
    if noun == "recipe":
        return {"recipe": recipe_keys()}
    found = registry(noun)
    return {noun: {name: _describe(found[name]) for name in found.names()}}


def recipe_keys() -> dict[str, dict[str, Any]]:
    """Every key of a recipe with its type, default and documentation; a section such as `split` is described key by key."""
    return {
        f"{prefix}{key}": {
            "summary": info.description or "",
            "type": type_text(info.annotation),
            "default": _plain(info.get_default(call_default_factory=True)),
        }
        for prefix, section in SECTIONS.items()
        for key, info in section.model_fields.items()
        if not (isinstance(info.annotation, type) and issubclass(info.annotation, Split | Prepare | Series | Transfer))
    }


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _describe(function: Any) -> dict[str, Any]:
    return {"summary": summary_of(function), "options": {o.name: _option(o) for o in options_of(function).values()}}


def _option(option: Option) -> dict[str, Any]:
    found = {"type": type_text(option.annotation), "required": option.required, "help": option.help}
    return found if option.required else found | {"default": option.default}


def summary_of(thing: Any) -> str:
    """The first sentence of a docstring."""
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


def type_text(annotation: Any) -> str:
    """A type as a user writes it.

    Example:
        >>> type_text(Literal["auto"] | float), type_text(list[str] | None)
        ('auto | number', 'list of text | null')
    """
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(inside[0])
    if origin is Literal:
        return " | ".join(str(word) for word in inside)
    if origin in (Union, UnionType):
        return " | ".join(dict.fromkeys(type_text(one) for one in inside))
    if origin is list:
        return f"list of {type_text(inside[0])}"
    if origin is tuple:
        return f"list of {type_text(inside[0])}"
    if origin is dict:
        return f"{type_text(inside[1])} by name"
    named: dict[Any, str] = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true | false",
        type(None): "null",
        Part: "name",
    }
    return named.get(annotation) or str(getattr(annotation, "__name__", annotation)).lower()


def show_parts(found: dict[str, Any]) -> None:
    """Print what `describe_parts` found."""
    console = Console()
    for noun, names in found.items():
        if not any(names.values()):
            console.print(f"[bold]{noun}[/]: {', '.join(names)}", highlight=False)
            continue
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column(noun, no_wrap=True, style="bold")
        table.add_column(spoken("what it is"), overflow="fold")
        for name, entry in names.items():
            table.add_row(name, Text.assemble(entry["summary"], "\n", (_options_text(entry), "cyan")))
        console.print(table)


def _options_text(entry: dict[str, Any]) -> str:
    if "options" not in entry:
        return f"{entry['type']}; {spoken('default')} {value_text(entry['default'])}"
    return "  ".join(_assignment(name, option) for name, option in entry["options"].items())


def _assignment(name: str, option: dict[str, Any]) -> str:
    return f"{name}=… ({spoken('required')})" if option["required"] else f"{name}={value_text(option['default'])}"


def value_text(value: Any) -> str:
    """A value as one writes it on the command line.

    Example:
        >>> value_text(None), value_text(False), value_text((1, 1))
        ('null', 'false', '[1, 1]')
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(value_text(v) for v in value)}]"
    return {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)


def has_page(name: str) -> bool:
    """Whether a word is a recipe key or a registered name.

    Example:
        >>> has_page("lr"), has_page("split"), has_page("overfit")
        (True, True, False)
    """
    keys, key = recipe_keys(), ALIASES.get(name, name)
    return key in keys or any(k.startswith(f"{key}.") for k in keys) or any(name in registry(noun) for noun in REGISTRIES)


def is_misspelt(name: str) -> bool:
    """Whether a word without a page is one that has one but for a letter or two.

    Example:
        >>> is_misspelt("learing_rate"), is_misspelt("slow")
        (True, False)
    """
    return bool(get_close_matches(name, known_names(), cutoff=0.8))


def known_names() -> set[str]:
    """Every word that has a page."""
    return {*recipe_keys(), *ALIASES, *SECTION_NAMES, *(name for noun in REGISTRIES for name in registry(noun).names())}


def show_explanation(name: str) -> None:
    """Print the page of one word: a recipe key or a registered name; all of them, if several kinds share it.

    Raises:
        UnknownName: nothing has this name; the message suggests what is near.
    """
    console = Console(highlight=False)
    keys = recipe_keys()
    key = ALIASES.get(name, name)
    nouns = [noun for noun in REGISTRIES if name in registry(noun)]
    sections = [k for k in keys if k.startswith(f"{key}.")]
    if not has_page(name):
        raise UnknownName(f"there is nothing called {name!r}", remedy=did_you_mean(name, known_names()))
    for found in [k for k in (key, *sections) if k in keys]:
        _show_key(console, found, keys[found])
    for noun in nouns:
        _show_part(console, name, noun)


def _show_key(console: Console, key: str, entry: dict[str, Any]) -> None:
    console.print(Text.assemble((key, "bold"), f" ({spoken('recipe key')}): ", (_options_text(entry), "cyan")))
    console.print(Padding(Text(entry["summary"]), (0, 0, 1, 2)))


def _show_part(console: Console, name: str, noun: str) -> None:
    """Summary, options with their defaults, and the rest of the docstring."""
    entry = _describe(registry(noun)[name])
    console.print(Text.assemble((name, "bold"), f" ({noun})"))
    text = [block for block in (inspect.getdoc(registry(noun)[name]) or "").split("\n\n") if not block.startswith("Args:")]
    console.print(Padding(Text(text[0].replace("\n", " ")), (0, 0, 1, 2)))
    if entry["options"]:
        table = Table(box=None, pad_edge=False, show_header=False)
        for column in ("bold", "cyan", ""):
            table.add_column(style=column)
        for option, found in entry["options"].items():
            table.add_row(option, spoken("required") if found["required"] else value_text(found["default"]), found["help"])
        console.print(Padding(table, (0, 0, 1, 2)))
    for block in text[1:]:
        console.print(Padding(Text(block), (0, 0, 1, 2)))
