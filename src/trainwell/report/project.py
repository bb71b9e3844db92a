"""A new project: recipe, schema for editors, Makefile, README; it runs as it is once data lie beside it."""

from __future__ import annotations

from pathlib import Path

from trainwell import __version__
from trainwell.core.errors import TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import json_schema, to_yaml
from trainwell.report.parts import recipe_keys

_MAKEFILE = """# Train, evaluate and report; `make` alone does all three. A stopped training continues.
DATA ?= data.csv
RUN ?= runs/first

$(RUN)/report.html: recipe.yaml $(DATA)
\ttrainwell fit $(DATA) --config recipe.yaml --out $(RUN)

look:
\ttrainwell look $(DATA) --config recipe.yaml

.PHONY: look
"""

_README = """# {name}

    pip install -r requirements.txt
    make look DATA=your.csv     # what is in the data
    make DATA=your.csv          # train, evaluate, report: see runs/first/report.html

`recipe.yaml` decides how the network is trained{target}. Every key is explained there, and editors that know YAML schemas
complete it. A changed recipe needs a folder of its own: `make RUN=runs/second`.
"""


def write_project(folder: Path, *, target: str | None = None) -> list[Path]:
    """Write a project into a new or empty folder; returns the files.

    Raises:
        TrainwellError: the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise TrainwellError("the folder is not empty", where=str(folder), remedy="Give a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "recipe.yaml": explained_recipe(Recipe(target=target)),
        "recipe.schema.json": json_schema(),
        "requirements.txt": f"trainwell=={__version__}\n",
        "Makefile": _MAKEFILE,
        "README.md": _README.format(name=folder.resolve().name, target="" if target else "; set `target` first"),
        ".gitignore": "runs/\n",
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in files]


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
