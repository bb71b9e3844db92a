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

all: $(RUN)/weights.safetensors

$(RUN)/weights.safetensors: recipe.yaml
\t@if [ -f $(RUN)/plan.json ]; then trainwell fit $(RUN); else trainwell fit $(DATA) --config recipe.yaml --out $(RUN); fi

look:
\ttrainwell look $(DATA) --config recipe.yaml

.PHONY: all look
"""

_README = """# {name}

    pip install -r requirements.txt
    make look DATA=your.csv     # what is in the data
    make DATA=your.csv          # train, evaluate, report: see runs/first/report.html

`recipe.yaml` decides how the network is trained; every key is explained there, and editors that know YAML schemas complete it.
"""


def write_project(folder: Path, *, target: str | None = None) -> list[Path]:
    """Write a project into a new or empty folder; returns the files.

    Raises:
        TrainwellError: the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise TrainwellError("the folder is not empty", where=str(folder), remedy="Give a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    explained = {key: entry["summary"] for key, entry in recipe_keys().items()}
    head = "# yaml-language-server: $schema=recipe.schema.json\n"
    files = {
        "recipe.yaml": head + to_yaml(Recipe(target=target), explained),
        "recipe.schema.json": json_schema(),
        "requirements.txt": f"trainwell=={__version__}\n",
        "Makefile": _MAKEFILE,
        "README.md": _README.format(name=folder.name),
        ".gitignore": "runs/\n",
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in files]
