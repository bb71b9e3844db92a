"""A new project runs as it is once a table lies beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import read_recipe
from trainwell.report.parts import recipe_keys

from .command import TINY, done, people, trainwell

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(["make", *words], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)


def shorten(recipe: Path, epochs: int) -> None:
    """The recipe of a first try: a small network for one or two epochs."""
    changes = dict(word.split("=") for word in TINY if "." not in word) | {"epochs": str(epochs)}
    lines = recipe.read_text().splitlines()
    recipe.write_text(
        "\n".join(f"{k}: {changes[k]}" if (k := line.split(":")[0]) in changes else line for line in lines) + "\n"
    )


def test_the_recipe_of_a_project_is_the_plain_one_with_every_key_explained(tmp_path: Path) -> None:
    done("init", tmp_path / "churn", "--target", "income")
    assert read_recipe(tmp_path / "churn/recipe.yaml") == Recipe(target="income")
    lines = (tmp_path / "churn/recipe.yaml").read_text().splitlines()
    for above, line in pairwise(lines):
        assert line.strip().startswith("#") or above.strip().startswith("# "), f"{line} is not explained"
    shown = {line.split(":")[0].strip() for line in lines}
    assert {key.split(".")[-1] for key in recipe_keys() if "NAME" not in key} <= shown
    assert json.loads((tmp_path / "churn/recipe.schema.json").read_text())["properties"]


def test_make_trains_once_and_a_changed_recipe_wants_a_folder_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    done("init", folder, "--target", "income")
    people(folder / "tiny.csv")
    shorten(folder / "recipe.yaml", 1)
    first = make(folder, "DATA=tiny.csv")
    assert first.returncode == 0, first.stderr
    assert (folder / "runs/first/report.html").exists()
    assert "up to date" in make(folder, "DATA=tiny.csv").stdout
    shorten(folder / "recipe.yaml", 2)
    refused = make(folder, "DATA=tiny.csv")
    assert refused.returncode != 0
    assert "epochs=1" in refused.stderr


def test_a_project_with_its_data_checks_itself(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "income"
    done("init", folder, table, "--target", "income")
    assert (folder / table.name).read_bytes() == table.read_bytes()
    card = (folder / "DATA_CARD.md").read_text()
    assert "| age | number |" in card
    shown = make(folder, "look")
    assert shown.returncode == 0, shown.stderr
    assert (folder / "DATA_CARD.md").read_text() == card
    shorten(folder / "recipe.yaml", 1)
    outcome = make(folder, "check")
    assert outcome.returncode == 0, outcome.stderr
    assert (folder / "runs/check/MODEL_CARD.md").exists()


def test_requirements_workflow_and_dockerfile_name_what_is_installed(tmp_path: Path) -> None:
    folder = tmp_path / "flowers"
    done("init", folder, "iris")
    pinned = dict(line.split("==") for line in (folder / "requirements.txt").read_text().splitlines())
    assert {"trainwell", "torch", "polars", "numpy", "scipy", "sympy"} <= set(pinned)  # the last two are needed by others
    assert all(re.fullmatch(r"[\w.]+", number) for number in pinned.values()), "no local builds, which no index knows"
    steps = yaml.safe_load((folder / ".github/workflows/train.yml").read_text())["jobs"]["check"]["steps"]
    assert {"run": "make check"} in steps
    assert f"torch=={pinned['torch']}" in (folder / "Dockerfile").read_text()
    assert "DATA ?= iris" in (folder / "Makefile").read_text()
    assert "@" not in (folder / "README.md").read_text() + (folder / "Makefile").read_text()


def test_a_project_is_refused_before_anything_is_written(table: Path, tmp_path: Path) -> None:
    for words, code in (((table, "--target", "incom"), 1), (("no-such-set",), 1)):
        refused = trainwell("init", tmp_path / "new", *words)
        assert refused.code == code, refused.err
        assert not (tmp_path / "new").exists()
    done("init", tmp_path / "new")
    assert trainwell("init", tmp_path / "new").code == 1
