"""The reference pages, made from docstrings, registries, recipe fields and `--help`.

`mkdocs build` asks for them through `scripts/mkdocs_pages.py`; `python scripts/reference.py FOLDER` writes them to look at.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator, Set
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from typer.main import get_command
from typer.testing import CliRunner

import trainwell
from trainwell.cli.main import app
from trainwell.core import errors
from trainwell.core.part import Part
from trainwell.core.recipe import ALIASES, Recipe
from trainwell.core.recipe_sections import Column, Prepare, Series, Split, Transfer
from trainwell.core.registry import Option, Registry

HEADINGS = {"Args", "Returns", "Raises", "Example", "Examples", "Source", "Shape", "Yields"}


def pages() -> dict[str, str]:
    """Every reference page: its path below docs/ and its Markdown."""
    found = {
        "reference/recipe.md": recipe_page(),
        "reference/command-line.md": command_line_page(),
        "reference/python.md": python_page(),
        "reference/errors.md": errors_page(),
    }
    for registry in registries():
        found[f"reference/{plural(registry.noun)}.md"] = registry_page(registry)
    return found


def registries() -> list[Registry[Any]]:
    """Every registry of the package, by its noun."""
    modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(trainwell.__path__, "trainwell.")]
    found = {id(v): v for module in modules for v in vars(module).values() if isinstance(v, Registry)}
    return sorted(found.values(), key=lambda registry: registry.noun)


def plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("s", "x")) else "s")


def registry_page(registry: Registry[Any]) -> str:
    """All names of one registry with their options."""
    lines = [
        f"# {plural(registry.noun).capitalize()}",
        f"{len(registry.names())} names. In a recipe each is written as its name, or with options as `{{name: …, option: …}}`.",
    ]
    for name in registry.names():
        lines += [f"## {name}", docstring(registry[name], skip={"Args"}), option_table(list(registry.options(name).values()))]
    return join(lines)


def option_table(options: list[Option]) -> str:
    if not options:
        return "No options."
    rows = [f"| `{o.name}` | {cell(type_name(o.annotation))} | {default(o.default)} | {cell(o.help)} |" for o in options]
    return "\n".join(["| option | type | default | |", "| --- | --- | --- | --- |", *rows])


def recipe_page() -> str:
    """Every recipe key, section by section."""
    lines = [
        "# Recipe keys",
        "Write them as `key=value` on the command line, as YAML in a file, or as arguments of `tw.Recipe`.",
        field_table(Recipe),
    ]
    for title, model in {
        "split": Split,
        "prepare": Prepare,
        "series": Series,
        "transfer": Transfer,
        "columns.NAME": Column,
        "A part": Part,
    }.items():
        lines += [f"## {title}", inspect.getdoc(model) or "", field_table(model)]
    words = [f"| `{word}` | `{key}` |" for word, key in sorted(ALIASES.items())]
    lines += ["## Other words for the same keys", "\n".join(["| word | key |", "| --- | --- |", *words])]
    return join(lines)


def field_table(model: type[BaseModel]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        shown = field.get_default(call_default_factory=True)
        value = (
            "see below"
            if isinstance(shown, Split | Prepare | Series | Transfer)
            else default(shown.name if isinstance(shown, Part) else shown)
        )
        rows.append(f"| `{name}` | {cell(type_name(field.annotation))} | {value} | {cell(field.description or '')} |")
    return "\n".join(["| key | type | default | |", "| --- | --- | --- | --- |", *rows])


def command_line_page() -> str:
    """The help of every verb, as the program prints it."""
    lines = ["# Command line", fenced(help_text([]))]
    for words in verbs(get_command(app)):
        lines += [f"## trainwell {' '.join(words)}", fenced(help_text(words))]
    return join(lines)


def verbs(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every verb as the words one types; hidden second names are left out."""
    for name, inner in sorted(command.commands.items()):
        if "commands" in vars(inner):
            yield from verbs(inner, (*words, name))
        elif not inner.hidden:
            yield (*words, name)


def help_text(words: Any) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
    if result.exit_code:
        raise RuntimeError(result.output)
    return "\n".join(line.rstrip() for line in result.output.strip().splitlines())


def python_page() -> str:
    """The public names of the package."""
    lines = ["# Python", "`import trainwell as tw` loads nothing heavy; each name is loaded on first use."]
    for name in trainwell.__all__:
        thing = getattr(trainwell, name)
        lines += [f"## tw.{name}", docstring(thing) if inspect.isclass(thing) else f"{signature(thing)}\n\n{docstring(thing)}"]
        for method_name, method in methods(thing):
            lines += [f"### {name}.{method_name}", f"{signature(method)}\n\n{docstring(method)}"]
    return join(lines)


def methods(thing: Any) -> list[tuple[str, Any]]:
    if not inspect.isclass(thing) or issubclass(thing, Exception):
        return []
    own = [(n, getattr(v, "__func__", v)) for n, v in vars(thing).items() if not n.startswith("_")]
    return [(n, v) for n, v in own if inspect.isfunction(v) and v.__module__ == thing.__module__]


def signature(thing: Any) -> str:
    parameters = [p.replace(annotation=p.empty) for p in inspect.signature(thing).parameters.values() if p.name != "self"]
    return f"```text\n{thing.__name__}{inspect.Signature(parameters)}\n```"


def errors_page() -> str:
    """The tree of errors."""
    tree = [line[4:] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    lines = [
        "# Errors",
        "Each error carries `what`, `where` and `remedy`; catch a branch of this tree.",
        fenced("\n".join(tree)),
    ]
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.TrainwellError):
            lines += [f"## {name}", docstring(kind), f"Exit code {kind.exit_code}."]
    return join(lines)


def docstring(thing: Any, *, skip: Set[str] = frozenset()) -> str:
    """A docstring as Markdown: sections get a bold name, arguments a list, examples a block."""
    text = inspect.getdoc(thing) or ""
    parts = re.split(r"^(\w+): ?(?=\n|[^\n]*$)", text, flags=re.MULTILINE)
    lines = [parts[0].strip()]
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        if heading not in HEADINGS:
            lines[-1] += f"\n\n{heading}: {body.strip()}"
        elif heading not in skip:
            lines.append(section(heading, inspect.cleandoc(body) if body.startswith("\n") else body))
    return join(lines)


def section(heading: str, body: str) -> str:
    if heading.startswith("Example"):
        return f"```pycon\n{body.strip()}\n```"
    if heading in {"Args", "Raises"}:
        items = re.sub(r"^(\w+): ", r"- `\1`: ", body, flags=re.MULTILINE)
        return f"**{heading}**\n\n{items}"
    return f"**{heading}**: {body.strip()}"


def type_name(annotation: Any) -> str:
    """An annotation as one would say it: `auto or a number`, `list of str`."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(inside[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inside)
    if origin in {Union, UnionType}:
        return " or ".join(type_name(a) for a in inside)
    if origin is not None:
        of = " to " if origin is dict else ", "
        return f"{origin.__name__} of {of.join(type_name(a) for a in inside if a is not ...)}"
    named = {type(None): "none", Any: "anything"}
    return named[annotation] if annotation in named else getattr(annotation, "__name__", str(annotation))


def default(value: Any) -> str:
    return "required" if value is inspect.Parameter.empty else f"`{cell(repr(value))}`"


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def fenced(text: str) -> str:
    return f"```text\n{text}\n```"


def join(lines: list[str]) -> str:
    return "\n\n".join(line for line in lines if line) + "\n"


if __name__ == "__main__":
    for path, content in pages().items():
        file = Path(sys.argv[1]) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        print(file)
