"""A new project: data, recipe, data card, Makefile, Dockerfile, CI, pinned requirements; it runs as it is."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.resources import files
from pathlib import Path

from trainwell.core.errors import TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import json_schema, to_yaml
from trainwell.data.load import load
from trainwell.report.data_card import data_card
from trainwell.report.parts import recipe_keys

#: Files larger than this are not copied into a project.
LARGEST = 100 << 20
#: Files below `project_files/`, in which words between @ are filled in, and where they go.
TEMPLATES = {
    "makefile.txt": "Makefile",
    "readme.txt": "README.md",
    "dockerfile.txt": "Dockerfile",
    "workflow.txt": ".github/workflows/train.yml",
}


def write_project(folder: Path, *, source: str | None = None, target: str | None = None) -> list[Path]:
    """Write a project into a new or empty folder; returns the files.

    Args:
        folder: of the project.
        source: a table, which is copied beside the recipe, or a named set; None is `data.csv`, which you put there.
        target: the column to predict.

    Raises:
        TrainwellError: the folder is not empty, or the data cannot be copied.
        DataError: the data cannot be read, or do not say what to predict.
    """
    if folder.exists() and any(folder.iterdir()):
        raise TrainwellError("the folder is not empty", where=str(folder), remedy="Give a new folder.")
    recipe = Recipe(target=target)
    card = load(source, recipe=recipe).card if source else None  # what is wrong is refused before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    data = _copied(source, folder) if source else "data.csv"
    said = {
        "NAME": folder.resolve().name,
        "DATA": data,
        "FIRST": "" if target or source else "Set `target` in it first. ",
        "TORCH": _public(version("torch")),
    }
    made = {
        "recipe.yaml": explained_recipe(recipe),
        "recipe.schema.json": json_schema(),
        "requirements.txt": requirements(),
        ".gitignore": "runs/\n",
        ".dockerignore": "runs/\n.git/\n",
    }
    made |= {place: _filled(name, said) for name, place in TEMPLATES.items()}
    made |= {"DATA_CARD.md": data_card(replace(card, origin=data))} if card else {}
    for name, content in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in made]


def _copied(source: str, folder: Path) -> str:
    """What the Makefile calls the data: the copied file, or the name of a public set."""
    path = Path(source)
    if not path.exists():
        return source
    if path.is_dir() or path.stat().st_size > LARGEST:
        return str(path.resolve())
    name = re.sub(r"[^\w.-]", "_", path.name)  # make knows no spaces
    shutil.copy(path, folder / name)
    return name


def _filled(name: str, said: dict[str, str]) -> str:
    text = files("trainwell.report").joinpath("project_files", name).read_text(encoding="utf-8")
    for word, value in said.items():
        text = text.replace(f"@{word}@", value)
    return text


def requirements() -> str:
    """Every package that this one needs, and what those need, with the versions that are installed here."""
    waiting, found = ["trainwell"], dict[str, str]()
    while waiting:
        name = waiting.pop()
        if name.lower() in found:
            continue
        try:
            found[name.lower()] = f"{name}=={_public(version(name))}"
        except PackageNotFoundError:  # of another system or Python
            continue
        needed = [line for line in requires(name) or [] if "extra ==" not in line]
        waiting += [match[0] for line in needed if (match := re.match(r"[\w.-]+", line))]
    return "".join(f"{found[name]}\n" for name in sorted(found))


def _public(number: str) -> str:
    """A version as an index knows it: without the local part of a build, such as `+cpu`."""
    return number.partition("+")[0]


def explained_recipe(recipe: Recipe) -> str:
    """The recipe as YAML with a line above every key that says what it is, those of sections such as `split` too."""
    help_of = {key: entry["summary"] for key, entry in recipe_keys().items()}
    lines, section = ["# yaml-language-server: $schema=recipe.schema.json"], ""
    for line in to_yaml(recipe).splitlines():
        inner = line.startswith("  ")
        key = line.split(":")[0].strip()
        section = section if inner else key
        text = help_of.get(f"{section}.{key}" if inner else key) or Recipe.model_fields[section].description or ""
        lines += [f"{'  ' * inner}# {' '.join(text.split())}", line]
    return "\n".join(lines) + "\n"
