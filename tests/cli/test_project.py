"""A new project runs as it is once a table lies beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import read_recipe
from trainwell.report.parts import recipe_keys

from .command import TINY, done, people

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
